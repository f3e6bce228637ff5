// The thread that owns the probes: attaching and detaching wait for the kernel, and nobody else ought to.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "probes/go_probes.h"

namespace profd {

/// Public methods may be called from any thread.
class ProbeKeeper {
 public:
  /// `attacher` outlives it. `on_new` is told of each binary that gets probes or is refused, from the keeper's thread.
  ProbeKeeper(ProbeAttacher* attacher, CpuTimeOf cpu_time, double budget, bool enabled, const Clock* clock,
              std::function<void(const ProbedBinary&)> on_new);
  /// Detaches everything.
  ~ProbeKeeper();

  /// Soon. A binary that is known already costs a look-up.
  void Consider(GoBinary binary);
  /// A process has ended, or become another program.
  void OnEnd(const ProcessId& process);
  void OnCost(const ProbeCost& cost);
  /// Returns when it is so.
  void SetEnabled(bool enabled);
  bool enabled() const { return enabled_.load(); }
  std::vector<ProbedBinary> List() const;

 private:
  static constexpr size_t kMostTasks = 1024, kMostProcesses = 16'384;
  void Post(std::function<void(GoProbes&)> task);
  void Run(std::stop_token stop);

  const Clock* const clock_;
  const std::function<void(const ProbedBinary&)> on_new_;
  std::atomic<bool> enabled_;
  GoProbes probes_;  // of the thread
  mutable std::mutex mutex_;
  std::condition_variable_any wake_, done_;
  std::deque<std::function<void(GoProbes&)>> tasks_;
  std::vector<ProbedBinary> list_;  // under mutex_
  std::set<ProcessId> processes_;   // under mutex_: that run Go, as far as is known
  bool switched_ = true;            // under mutex_: what SetEnabled asked for is so
  std::jthread thread_;
};

}  // namespace profd
