// The profile of one interval: symbolized stacks come in as they are first seen, counts at the end.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "pipeline/stages.h"
#include "profile/profile_builder.h"
#include "symbols/symbolizer.h"

namespace profd {

/// Pure; not thread safe. One for each generation.
class SegmentBuilder {
 public:
  /// `symbolized` has as many entries as the stack has frames.
  void AddUserStack(const ResolvedStack& stack, std::span<const SymbolizedAddress> symbolized);
  void AddKernelStack(const RawStack& stack, std::span<const SymbolizedAddress> symbolized);

  void AddLabels(RawLabels labels) { labels_[labels.hash] = std::move(labels.labels); }

  struct Result {
    Profile profile;
    uint64_t unknown_ticks = 0;       ///< counted with a stack that never came
    std::vector<ProcessUsage> usage;  ///< the interval's, samples and depths filled in, sorted by pid
  };
  Result Build(const ResolvedInterval& interval, WallTime start, WallTime end, std::chrono::nanoseconds period);

 private:
  /// Nothing when all that is there is hidden, as Go's runtime does; never the leaf's first line.
  std::optional<uint32_t> AddLocation(const SymbolizedAddress& address, bool leaf);
  bool MakeStack(const RawCount& count, CallStack& stack) const;
  GoLabels LabelsOf(const RawCount& count) const;

  ProfileBuilder builder_;
  std::unordered_map<uint64_t, GoLabels> labels_;
  // The hash of a user stack is of its addresses: programs that have code at the same places have equal ones.
  std::map<std::pair<ProcessId, uint64_t>, CallStack> user_stacks_;
  std::set<std::pair<ProcessId, uint64_t>> map_stacks_;  // of these, in Go's map functions
  std::unordered_map<uint64_t, CallStack> kernel_stacks_;
};

}  // namespace profd
