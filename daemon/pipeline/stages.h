// What passes from stage to stage: RawBatch -> ResolvedBatch -> Segment. Each is made by one stage and consumed by the
// next.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "kernel/raw_records.h"
#include "process/process_table.h"
#include "storage/profile_store.h"

namespace profd {

/// What the kernel told since the last batch; with an interval if there was a flip. The interval's counts name stacks
/// of this batch or earlier ones.
struct RawBatch {
  std::vector<MappingEvent> mappings;
  std::vector<ProcessEvent> processes;
  std::vector<RawStack> stacks;
  std::vector<RawLabels> labels;
  std::optional<RawInterval> interval;
  uint64_t flip = 0;  ///< number of the flip that made the interval, or failed to

  size_t ApproximateBytes() const;
};

/// A stack whose addresses are tied to what was mapped there when it was taken.
struct ResolvedStack {
  RawStack stack;
  std::vector<ResolvedAddress> addresses;     ///< of a user stack, as many as frames
  std::vector<ResolvedAddress> leaf_callers;  ///< as many as in `stack`
  ProcessDetails process;                     ///< of a user stack
  bool in_executable = false;                 ///< some address lies in the process's main executable
  ResolvedAddress executable_text;            ///< that address
};

struct ResolvedInterval {
  RawInterval raw;
  std::map<ProcessId, Process> processes;  ///< of every count
  std::vector<ProcessUsage> usage;         ///< CPU time of this interval; samples are filled in later
};

struct ResolvedBatch {
  std::vector<ResolvedStack> stacks;
  std::vector<RawLabels> labels;
  std::optional<ResolvedInterval> interval;
  uint64_t flip = 0;

  size_t ApproximateBytes() const;
};

}  // namespace profd
