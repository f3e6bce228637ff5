#include <cmath>
#include <limits>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "pprof/format_names.h"
#include "pprof/pprof.h"
#include "pprof/read.h"
#include "profile/frame_name.h"
#include "profile/profile_builder.h"

namespace profd::pprof {
namespace {

using Indices = std::unordered_map<uint64_t, uint32_t>;  ///< index of the builder by id of the file

template <typename... Args>
absl::Status Broken(fmt::format_string<Args...> format, Args&&... args) {
  return Annotate(Error(absl::StatusCode::kInvalidArgument, format, std::forward<Args>(args)...), "pprof");
}

/// The labels of one sample that mean something to us.
struct Labels {
  std::optional<Process> process;
  uint32_t tid = 0;
  std::string thread_name;
  uint64_t goroutine = 0;
  GoLabels own;  ///< the program's
  uint64_t stack_bytes = 0;
  bool truncated = false;
  std::vector<int64_t> repeats, cycle_frames, estimated;
};

/// Turns a valid format::Profile into ours.
class Decoder {
 public:
  explicit Decoder(const format::Profile& in) : in_(in) {}

  absl::StatusOr<Profile> Run() && {
    RETURN_IF_ERROR(ReadTime());
    RETURN_IF_ERROR(ChooseValue());
    for (const auto& mapping : in_.mapping()) {
      raw_mappings_[mapping.id()] = &mapping;
      mappings_[mapping.id()] = builder_.AddMapping(OurMapping(mapping));
    }
    ReadFunctions();
    for (const auto& location : in_.location()) ReadLocation(location);
    for (int i = 0; i < in_.sample_size(); ++i) RETURN_IF_ERROR(ReadSample(i, in_.sample(i)));
    return builder_.Build();
  }

 private:
  const std::string& Text(int64_t index) const { return in_.string_table(static_cast<int>(index)); }
  Mapping OurMapping(const format::Mapping& in) const {
    return {in.memory_start(), in.memory_limit(), in.file_offset(), Text(in.filename()), Text(in.build_id())};
  }
  bool IsType(const format::ValueType& type, std::string_view name, std::string_view unit) const {
    return (name.empty() || Text(type.type()) == name) && Text(type.unit()) == unit;
  }

  absl::Status ReadTime() {
    const int64_t start = in_.time_nanos(), duration = in_.duration_nanos();
    if (start < 0 || duration < 0 || duration > INT64_MAX - start) {
      return Broken("impossible time: {} ns from {} ns on", duration, start);
    }
    if (IsType(in_.period_type(), "", kNanoseconds) && in_.period() > 0) period_ = in_.period();
    builder_.SetTime(WallTime(std::chrono::nanoseconds(start)), std::chrono::nanoseconds(duration),
                     std::chrono::nanoseconds(period_));
    return absl::OkStatus();
  }

  /// Which value counts ticks: `samples`, else any count, else CPU time in units of the period.
  absl::Status ChooseValue() {
    const auto find = [&](std::string_view name, std::string_view unit) {
      for (int i = 0; i < in_.sample_type_size(); ++i) {
        if (IsType(in_.sample_type(i), name, unit)) return value_ = i, true;
      }
      return false;
    };
    if (find(kSamples, kCount) || find("", kCount)) return absl::OkStatus();
    unit_ = period_;
    if (period_ > 0 && find("", kNanoseconds)) return absl::OkStatus();
    return Broken("no sample type counts samples");
  }

  void ReadFunctions() {
    for (const auto& function : in_.function()) {
      const Function ours{Text(function.name()), Text(function.system_name()), Text(function.filename()),
                          function.start_line()};
      functions_[function.id()] = builder_.AddFunction(ours);
      if (ours.system_name.empty() && ours.file.empty()) bare_names_[function.id()] = &Text(function.name());
    }
  }

  /// Did Encode make the only line of this location up, because there are no symbols?
  bool IsUnknown(const format::Location& in, const Location& location) const {
    if (in.line_size() != 1) return false;
    const auto name = bare_names_.find(in.line(0).function_id());
    if (name == bare_names_.end() || !name->second->starts_with(kUnknownFrame)) return false;
    Profile alone;
    Location unknown{.address = location.address};
    if (in.mapping_id() != 0) {
      unknown.mapping = 0;
      alone.mappings.push_back(OurMapping(*raw_mappings_.at(in.mapping_id())));
    }
    return UnknownFrameName(alone, unknown) == *name->second;
  }

  void ReadLocation(const format::Location& in) {
    Location location{.address = in.address()};
    if (in.mapping_id() != 0) location.mapping = mappings_[in.mapping_id()];
    if (!IsUnknown(in, location)) {
      for (const auto& line : in.line()) location.lines.push_back({functions_[line.function_id()], line.line()});
    }
    locations_[in.id()] = builder_.AddLocation(location);
    if (in.mapping_id() == 0 && in.line_size() == 1) {
      const auto name = bare_names_.find(in.line(0).function_id());
      if (name != bare_names_.end() && *name->second == kRecursionFrame) recursion_ids_.insert(in.id());
    }
  }

  static uint32_t Narrow(int64_t number) { return static_cast<uint32_t>(number); }

  Labels ReadLabels(const format::Sample& sample) const {
    Labels labels;
    Process process;
    bool has_process = false;
    for (const auto& label : sample.label()) {
      const std::string& key = Text(label.key());
      const std::string& text = Text(label.str());
      const int64_t number = label.num();
      if (key == kPid)
        process.pid = Narrow(number), has_process = true;
      else if (key == kCommand)
        process.command = text;
      else if (key == kContainer)
        process.container.name = text;
      else if (key == kContainerId)
        process.container.id = text;
      else if (key == kPod)
        process.container.pod = text;
      else if (key == kNamespace)
        process.container.name_space = text;
      else if (key == kStartTime)
        process.start_time_ns = static_cast<uint64_t>(number);
      else if (key == kExecId)
        process.exec_id = Narrow(number);
      else if (key == kTid)
        labels.tid = Narrow(number);
      else if (key == kThread)
        labels.thread_name = text;
      else if (key == kGoroutine)
        labels.goroutine = static_cast<uint64_t>(number);
      else if (key == kStackBytes)
        labels.stack_bytes = static_cast<uint64_t>(number);
      else if (key == kTruncated)
        labels.truncated = number != 0;
      else if (key == kRecursionRepeats)
        labels.repeats.push_back(number);
      else if (key == kRecursionCycleFrames)
        labels.cycle_frames.push_back(number);
      else if (key == kRecursionEstimated)
        labels.estimated.push_back(number);
      else if (label.str() != 0)
        labels.own.emplace_back(key.starts_with(kLabelPrefix) ? key.substr(kLabelPrefix.size()) : key, text);
    }
    std::ranges::sort(labels.own);
    if (has_process) labels.process = std::move(process);
    return labels;
  }

  absl::Status ReadSample(int index, const format::Sample& in) {
    const int64_t value = in.value(value_);
    if (value < 0) return Broken("sample {}: {} is no count (is it a difference of profiles?)", index, value);
    const Labels labels = ReadLabels(in);
    Sample sample{.tid = labels.tid,
                  .thread_name = labels.thread_name,
                  .goroutine = labels.goroutine,
                  .labels = labels.own,
                  .stack_bytes = labels.stack_bytes};
    sample.count = unit_ > 0 ? std::llround(static_cast<double>(value) / static_cast<double>(unit_)) : value;
    if (labels.process) sample.process = builder_.AddProcess(*labels.process);
    sample.stack.truncated = labels.truncated;
    RETURN_IF_ERROR(Annotate(ReadStack(in, labels, sample.stack), fmt::format("pprof: sample {}", index)));
    builder_.AddSample(sample);
    return absl::OkStatus();
  }

  absl::Status ReadStack(const format::Sample& in, const Labels& labels, CallStack& stack) const {
    size_t markers = 0;
    for (const uint64_t id : in.location_id()) markers += recursion_ids_.contains(id);
    // A frame of that name without our labels is some other tool's.
    const bool ours = markers == labels.repeats.size() && markers == labels.cycle_frames.size();
    uint64_t free_from = 0;
    for (const uint64_t id : in.location_id()) {
      if (!ours || !recursion_ids_.contains(id)) {
        stack.locations.push_back(locations_.at(id));
        continue;
      }
      const size_t i = stack.folds.size();
      const int64_t length = labels.cycle_frames[i], repeats = labels.repeats[i];
      const uint64_t end = stack.locations.size();
      if (length < 1 || repeats < 1 || static_cast<uint64_t>(length) > end - free_from) {
        return Error(absl::StatusCode::kInvalidArgument, "a cycle of {} frames x {} does not fit its stack", length,
                     repeats);
      }
      stack.folds.push_back({.first = static_cast<uint32_t>(end - length),
                             .length = static_cast<uint32_t>(length),
                             .repeats = static_cast<uint64_t>(repeats),
                             .estimated = i < labels.estimated.size() && labels.estimated[i] != 0});
      free_from = end;
    }
    return absl::OkStatus();
  }

  const format::Profile& in_;
  ProfileBuilder builder_;
  int value_ = 0;     ///< which of a sample's values
  int64_t unit_ = 0;  ///< how much of it is a tick, 0 for one
  int64_t period_ = 0;
  Indices mappings_, functions_, locations_;
  std::unordered_map<uint64_t, const format::Mapping*> raw_mappings_;
  std::unordered_map<uint64_t, const std::string*> bare_names_;  ///< of functions that are a name and nothing else
  std::unordered_set<uint64_t> recursion_ids_;
};

}  // namespace

absl::StatusOr<Profile> Decode(std::string_view bytes) {
  ASSIGN_OR_RETURN(const format::Profile in, Parse(bytes));
  RETURN_IF_ERROR(CheckRules(in));
  RETURN_IF_ERROR(CheckTexts(in));
  return Decoder(in).Run();
}

}  // namespace profd::pprof
