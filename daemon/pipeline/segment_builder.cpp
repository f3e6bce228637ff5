#include "pipeline/segment_builder.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "pipeline/shown_frames.h"

namespace profd {
namespace {

// Frames of a chain that frame pointers lead astray: a return address that lies in no executable mapping is none. Where
// no mapping is known at all (the process was gone), nothing can be said.
size_t CredibleFrames(const ResolvedStack& stack) {
  const auto& addresses = stack.addresses;
  const bool any_known = std::any_of(addresses.begin(), addresses.end(), [](auto& a) { return a.file != nullptr; });
  if (!any_known) return addresses.size();
  for (size_t i = 1; i < addresses.size(); ++i) {
    if (!addresses[i].file) return i;
  }
  return addresses.size();
}

// Go's map functions call hashes and comparisons, no deeper.
bool IsInMapFunction(std::span<const SymbolizedAddress> symbolized) {
  constexpr size_t kDeepest = 3;
  constexpr std::array<std::string_view, 4> kPrefixes{"runtime.map", "internal/runtime/maps.",
                                                      "internal/sync.(*HashTrieMap", "sync.(*Map)."};
  for (const SymbolizedAddress& address : symbolized.first(std::min(kDeepest, symbolized.size()))) {
    for (const FrameLine& line : address.lines) {
      const std::string_view name = line.function;
      if (std::ranges::any_of(kPrefixes, [name](std::string_view prefix) { return name.starts_with(prefix); })) {
        return true;
      }
    }
  }
  return false;
}

}  // namespace

std::optional<uint32_t> SegmentBuilder::AddLocation(const SymbolizedAddress& address, bool leaf) {
  Location location;
  location.address = address.address;
  if (!address.file.empty() || address.mapping_limit != 0) {
    location.mapping = builder_.AddMapping({.start = address.mapping_start,
                                            .limit = address.mapping_limit,
                                            .file_offset = address.mapping_offset,
                                            .file = address.file,
                                            .build_id = address.build_id});
  }
  for (const FrameLine& line : address.lines) {
    if (IsHidden(line) && !(leaf && &line == &address.lines.front())) continue;
    const uint32_t function = builder_.AddFunction(
        {.name = line.function, .system_name = line.system_name, .file = line.file, .start_line = line.start_line});
    location.lines.push_back({.function = function, .line = line.line});
  }
  if (location.lines.empty() && !address.lines.empty()) return std::nullopt;
  return builder_.AddLocation(location);
}

void SegmentBuilder::AddUserStack(const ResolvedStack& resolved, std::span<const SymbolizedAddress> symbolized) {
  const RawStack& raw = resolved.stack;
  const size_t frames = std::min(symbolized.size(), CredibleFrames(resolved));
  CallStack stack;
  const size_t shown = frames > 1 && IsBelowRoot(symbolized[frames - 1]) ? frames - 1 : frames;
  std::vector<uint32_t> place;  // of each frame in the locations
  for (size_t i = 0; i < shown; ++i) {
    place.push_back(static_cast<uint32_t>(stack.locations.size()));
    if (const auto location = AddLocation(symbolized[i], i == 0)) stack.locations.push_back(*location);
  }
  place.push_back(static_cast<uint32_t>(stack.locations.size()));
  for (Fold fold : raw.folds) {
    if (fold.first + fold.length > shown) break;
    fold.length = place[fold.first + fold.length] - place[fold.first];
    fold.first = place[fold.first];
    if (fold.length == 0) break;  // the counts' repeats are by a fold's number: none may be missing before another
    stack.folds.push_back(fold);
  }
  const bool cut = frames < symbolized.size();
  std::string_view marker;
  if (raw.truncated) marker = "[truncated]";
  if (raw.read_failed) marker = "[unreadable stack]";
  if (raw.no_frame_pointer || cut) marker = "[no frame pointer]";
  if (!cut && raw.no_frame_pointer && frames > 0 && IsRoot(symbolized[frames - 1])) marker = {};
  if (!marker.empty()) {
    stack.locations.push_back(builder_.AddMarker(marker));
    stack.truncated = true;
  }
  if (IsInMapFunction(symbolized)) map_stacks_.insert({raw.process, raw.hash});
  user_stacks_.insert_or_assign({raw.process, raw.hash}, std::move(stack));
}

void SegmentBuilder::AddKernelStack(const RawStack& raw, std::span<const SymbolizedAddress> symbolized) {
  CallStack stack;
  for (const SymbolizedAddress& address : symbolized) {
    if (const auto location = AddLocation(address, false)) stack.locations.push_back(*location);
  }
  stack.truncated = raw.truncated;
  if (raw.truncated) stack.locations.push_back(builder_.AddMarker("[truncated]"));
  kernel_stacks_.insert_or_assign(raw.hash, std::move(stack));
}

// Kernel frames stand on the leaf side of the user's. False: a part of it never came.
bool SegmentBuilder::MakeStack(const RawCount& count, CallStack& stack) const {
  if (count.kernel_hash) {
    const auto kernel = kernel_stacks_.find(count.kernel_hash);
    if (kernel == kernel_stacks_.end()) return false;
    stack = kernel->second;
  }
  if (!count.user_hash) return true;
  const auto user = user_stacks_.find({count.process, count.user_hash});
  if (user == user_stacks_.end()) return false;
  const uint32_t shift = static_cast<uint32_t>(stack.locations.size());
  stack.locations.insert(stack.locations.end(), user->second.locations.begin(), user->second.locations.end());
  stack.truncated |= user->second.truncated;
  for (size_t i = 0; i < user->second.folds.size(); ++i) {
    Fold fold = user->second.folds[i];
    fold.first += shift;
    fold.repeats = std::max<uint64_t>(fold.repeats + (i < count.repeats.size() ? count.repeats[i] : 0), 1);
    stack.folds.push_back(fold);
  }
  return true;
}

// That there are labels is said even where it is not known which.
GoLabels SegmentBuilder::LabelsOf(const RawCount& count) const {
  if (count.labels == 0) return {};
  const auto known = labels_.find(count.labels);
  return known != labels_.end() ? known->second : GoLabels{{"labels", "[too many]"}};
}

SegmentBuilder::Result SegmentBuilder::Build(const ResolvedInterval& interval, WallTime start, WallTime end,
                                             std::chrono::nanoseconds period) {
  Result result;
  std::map<Process, ProcessUsage> usage;
  for (const ProcessUsage& use : interval.usage) usage[use.process] = use;
  for (const RawCount& count : interval.raw.counts) {
    Sample sample;
    if (!MakeStack(count, sample.stack)) {
      result.unknown_ticks += count.ticks;
      continue;
    }
    const Process& process = interval.processes.at(count.process);
    sample.process = builder_.AddProcess(process);
    sample.tid = count.tid;
    sample.thread_name = count.thread_name;
    sample.goroutine = count.goroutine;
    sample.labels = LabelsOf(count);
    sample.count = count.ticks;
    sample.stack_bytes = count.stack_bytes;
    ProcessUsage& use = usage[process];
    use.process = process;
    use.samples += count.ticks;
    if (map_stacks_.contains({count.process, count.user_hash})) use.map_samples += count.ticks;
    if (const uint64_t depth = sample.stack.Depth(); depth > use.deepest_frames) {
      use.deepest_frames = depth;
      use.deepest_estimated = sample.stack.DepthEstimated();
    }
    use.deepest_stack_bytes = std::max(use.deepest_stack_bytes, count.stack_bytes);
    builder_.AddSample(std::move(sample));
  }
  builder_.SetTime(start, end - start, period);
  result.profile = builder_.Build();
  for (auto& [process, use] : usage) result.usage.push_back(std::move(use));
  return result;
}

}  // namespace profd
