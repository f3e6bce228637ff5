// Sampled CPU time by workload, in a bounded number of series.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "storage/profile_store.h"

namespace profd {

/// What a series is labelled with: never a pid, so that restarts of one thing are one series.
struct Workload {
  std::string name_space, pod, container, command;

  auto operator<=>(const Workload&) const = default;
};
/// With labels that every reader can take: printable UTF-8 of a bounded length.
Workload WorkloadOf(const Process& process);

/// Of all that have no series of their own. No container has these labels, so that a program called "other" is not the
/// same series.
Workload OtherWorkloads();

/// Thread safe. The `top` workloads of the last minutes have series of their own; what others use is counted in
/// `other`. No series ever goes down: one that falls behind ends, and begins again at 0 when it returns.
class CpuByWorkload {
 public:
  explicit CpuByWorkload(size_t top = 50) : top_(top) {}

  void Add(const Segment& segment);

  struct Series {
    Workload workload;
    double seconds = 0;
  };
  /// Sorted by workload.
  std::vector<Series> Top() const;
  double OtherSeconds() const;

 private:
  struct Entry {
    double recent = 0;   ///< seconds of CPU, each worth half after five minutes
    double counted = 0;  ///< seconds since it has a series
    bool has_series = false;
  };
  void Decay(std::chrono::nanoseconds passed);
  void ChooseSeries();
  void ForgetIdle();

  const size_t top_;
  mutable std::mutex mutex_;
  std::map<Workload, Entry> entries_;
  double other_ = 0;
};

}  // namespace profd
