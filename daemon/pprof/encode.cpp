#include <algorithm>
#include <limits>
#include <string>
#include <unordered_map>

#include "base/saturating.h"
#include "base/utf8.h"
#include "pprof/format_names.h"
#include "pprof/gzip.h"
#include "pprof/pprof.h"
#include "pprof/profile.pb.h"
#include "profile/frame_name.h"

namespace profd::pprof {
namespace {

int64_t Clamp(uint64_t value) { return static_cast<int64_t>(std::min<uint64_t>(value, INT64_MAX)); }

/// Writes one profile. Ids are indices plus one; what the format needs beyond our tables (functions of unknown frames,
/// the recursion frame) comes after them.
class Encoder {
 public:
  explicit Encoder(const Profile& profile) : profile_(profile) {}

  std::string Run() && {
    Text("");
    AddHeader();
    for (size_t i = 0; i < profile_.functions.size(); ++i) AddFunction(profile_.functions[i]);
    for (const Location& location : profile_.locations) AddLocation(location);
    AddMappings();
    for (const Sample& sample : profile_.samples) AddSample(sample);
    return out_.SerializeAsString();
  }

 private:
  int64_t Text(std::string_view text) {
    const auto [entry, is_new] = texts_.try_emplace(ToUtf8(text), out_.string_table_size());
    if (is_new) out_.add_string_table(entry->first);
    return entry->second;
  }

  void SetType(format::ValueType& type, std::string_view name, std::string_view unit) {
    type.set_type(Text(name));
    type.set_unit(Text(unit));
  }

  void AddHeader() {
    SetType(*out_.add_sample_type(), kSamples, kCount);
    SetType(*out_.add_sample_type(), kCpu, kNanoseconds);
    SetType(*out_.mutable_period_type(), kCpu, kNanoseconds);
    out_.set_period(profile_.period.count());
    out_.set_default_sample_type(Text(kCpu));
    out_.set_time_nanos(profile_.start.time_since_epoch().count());
    out_.set_duration_nanos(profile_.duration.count());
  }

  uint64_t AddFunction(const Function& function) {
    format::Function& out = *out_.add_function();
    out.set_id(out_.function_size());
    out.set_name(Text(function.name));
    // Where both names are equal, `go tool pprof` takes the name for a mangled one and cuts it at brackets.
    out.set_system_name(Text(function.system_name == function.name ? "" : function.system_name));
    out.set_filename(Text(function.file));
    out.set_start_line(function.start_line);
    return out.id();
  }

  /// The function that stands for something that is none.
  uint64_t NamedFunction(const std::string& name) {
    uint64_t& id = extra_functions_[name];
    if (id == 0) id = AddFunction({.name = name});
    return id;
  }

  void AddLocation(const Location& location) {
    format::Location& out = *out_.add_location();
    out.set_id(out_.location_size());
    if (location.mapping != kNone) out.set_mapping_id(location.mapping + 1);
    out.set_address(location.address);
    for (const Line& line : location.lines) {
      format::Line& out_line = *out.add_line();
      out_line.set_function_id(line.function + 1);
      out_line.set_line(line.line);
    }
    if (location.lines.empty()) out.add_line()->set_function_id(NamedFunction(UnknownFrameName(profile_, location)));
  }

  void AddMappings() {
    for (const Mapping& mapping : profile_.mappings) {
      format::Mapping& out = *out_.add_mapping();
      out.set_id(out_.mapping_size());
      out.set_memory_start(mapping.start);
      out.set_memory_limit(mapping.limit);
      out.set_file_offset(mapping.file_offset);
      out.set_filename(Text(mapping.file));
      out.set_build_id(Text(mapping.build_id));
      out.set_has_functions(true);
    }
    for (const Location& location : profile_.locations) {
      if (location.mapping == kNone) continue;
      format::Mapping& out = *out_.mutable_mapping(static_cast<int>(location.mapping));
      if (location.lines.size() > 1) out.set_has_inline_frames(true);
      for (const Line& line : location.lines) {
        if (!profile_.functions[line.function].file.empty()) out.set_has_filenames(true);
        if (line.line > 0) out.set_has_line_numbers(true);
      }
    }
  }

  uint64_t RecursionLocation() {
    if (recursion_location_ == 0) {
      format::Location& out = *out_.add_location();
      recursion_location_ = out_.location_size();
      out.set_id(recursion_location_);
      out.add_line()->set_function_id(NamedFunction(std::string(kRecursionFrame)));
    }
    return recursion_location_;
  }

  void AddSample(const Sample& sample) {
    format::Sample& out = *out_.add_sample();
    auto fold = sample.stack.folds.begin();
    for (size_t i = 0; i < sample.stack.locations.size(); ++i) {
      out.add_location_id(sample.stack.locations[i] + 1);
      if (fold != sample.stack.folds.end() && i + 1 == uint64_t{fold->first} + fold->length) {
        out.add_location_id(RecursionLocation());
        ++fold;
      }
    }
    out.add_value(Clamp(sample.count));
    out.add_value(Clamp(SaturatingMultiply(sample.count, profile_.period.count())));
    AddLabels(sample, out);
  }

  void AddText(format::Sample& out, std::string_view key, std::string_view text) {
    if (text.empty()) return;
    format::Label& label = *out.add_label();
    label.set_key(Text(key));
    label.set_str(Text(text));
  }

  void AddNumber(format::Sample& out, std::string_view key, uint64_t number, std::string_view unit = "") {
    format::Label& label = *out.add_label();
    label.set_key(Text(key));
    label.set_num(static_cast<int64_t>(number));
    label.set_num_unit(Text(unit));
  }

  void AddLabels(const Sample& sample, format::Sample& out) {
    if (sample.process != kNone) {
      const Process& process = profile_.processes[sample.process];
      AddNumber(out, kPid, process.pid);
      AddText(out, kCommand, process.command);
      AddText(out, kContainer, process.container.name);
      AddText(out, kContainerId, process.container.id);
      AddText(out, kPod, process.container.pod);
      AddText(out, kNamespace, process.container.name_space);
      AddNumber(out, kStartTime, process.start_time_ns, kNanoseconds);
      AddNumber(out, kExecId, process.exec_id);
    }
    if (sample.tid != 0) AddNumber(out, kTid, sample.tid);
    AddText(out, kThread, sample.thread_name);
    if (sample.goroutine != 0) AddNumber(out, kGoroutine, sample.goroutine);
    for (const auto& [key, value] : sample.labels) {
      const bool ours = std::ranges::find(kOurLabels, key) != kOurLabels.end() || key.starts_with(kLabelPrefix);
      AddText(out, ours ? fmt::format("{}{}", kLabelPrefix, key) : key, value);
    }
    if (sample.stack_bytes != 0) AddNumber(out, kStackBytes, sample.stack_bytes, "bytes");
    if (sample.stack.truncated) AddNumber(out, kTruncated, 1);
    if (sample.stack.folds.empty()) return;
    AddNumber(out, kRecursionDepth, sample.stack.Depth(), "frames");
    for (const Fold& fold : sample.stack.folds) AddNumber(out, kRecursionRepeats, fold.repeats);
    for (const Fold& fold : sample.stack.folds) AddNumber(out, kRecursionCycleFrames, fold.length, "frames");
    // With a unit, because a 0 without one is no label for readers, and then the values would no longer fit the folds.
    for (const Fold& fold : sample.stack.folds) AddNumber(out, kRecursionEstimated, fold.estimated, "flag");
  }

  const Profile& profile_;
  format::Profile out_;
  std::unordered_map<std::string, int64_t> texts_;
  std::unordered_map<std::string, uint64_t> extra_functions_;
  uint64_t recursion_location_ = 0;
};

}  // namespace

std::string Encode(const Profile& profile) { return Gzip(Encoder(profile).Run()); }

}  // namespace profd::pprof
