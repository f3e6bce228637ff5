// What Go's maps are to each workload: their part of its CPU time, and how often it uses them.
#pragma once

#include <prometheus/metric_family.h>

#include <map>
#include <mutex>
#include <vector>

#include "export/cpu_by_workload.h"
#include "maps/map_answer.h"
#include "storage/profile_store.h"

namespace profd {

/// Thread safe.
class GoMapMetrics {
 public:
  /// Each segment, once.
  void Add(const Segment& segment);
  /// Workloads that are not `shown` are one, with command "other".
  std::vector<prometheus::MetricFamily> Collect(const std::vector<CpuByWorkload::Series>& shown,
                                                const std::vector<ProcessMapRate>& rates) const;

 private:
  struct Share {
    double samples = 0, in_maps = 0;  ///< each worth half after a minute
  };
  mutable std::mutex mutex_;
  std::map<Workload, Share> shares_;  ///< of those that have had samples in map functions lately
};

}  // namespace profd
