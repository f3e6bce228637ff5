// Which processes come, become others and go, what they map and what CPU time they use: loads bpf/process_events. One
// thread owns it; const methods but mapping_fds() may be called from any.
#pragma once

#include <memory>
#include <vector>

#include "base/status.h"
#include "kernel/raw_records.h"
#include "kernel/sampler.h"

namespace profd {

class ProcessMonitor {
 public:
  static absl::StatusOr<std::unique_ptr<ProcessMonitor>> Create();
  virtual ~ProcessMonitor() = default;

  /// Becomes readable when there are events. Those of mappings are read along with them.
  virtual int events_fd() const = 0;
  /// Becomes readable when a ring of mapping events is half full.
  virtual std::vector<int> mapping_fds() const = 0;
  /// Appends what has come. Mapping events are in order within a CPU, so sort by time where that matters.
  virtual void Read(std::vector<ProcessEvent>& processes, std::vector<MappingEvent>& mappings) = 0;
  /// Each living process with its CPU time so far, by the task iterator.
  virtual absl::StatusOr<std::vector<TaskUsage>> ListTasks() = 0;
  /// Mapping events of CPUs that came online; true if the set of mapping_fds() changed.
  virtual absl::StatusOr<bool> FollowHotplug() = 0;

  virtual uint64_t lost_events() const = 0;  ///< process events that found the ring full
  virtual uint64_t lost_mappings() const = 0;
  virtual std::vector<ProgramStats> Stats() const = 0;
};

}  // namespace profd
