#include "export/go_map_metrics.h"

#include <chrono>
#include <cmath>
#include <set>

#include "export/metric_families.h"

namespace profd {
namespace {

constexpr double kHalfLife = 60;     // seconds
constexpr double kForgotten = 1e-3;  // samples: ten minutes after the last
constexpr size_t kMaxEntries = 1024;

}  // namespace

void GoMapMetrics::Add(const Segment& segment) {
  std::map<Workload, Share> now;
  for (const ProcessUsage& usage : segment.usage) {
    Share& share = now[WorkloadOf(usage.process)];
    share.samples += static_cast<double>(usage.samples);
    share.in_maps += static_cast<double>(usage.map_samples);
  }
  std::lock_guard lock(mutex_);
  const double kept = std::exp2(-std::chrono::duration<double>(segment.end - segment.start).count() / kHalfLife);
  for (auto& [workload, share] : shares_) {
    share.samples *= kept;
    share.in_maps *= kept;
  }
  for (const auto& [workload, share] : now) {
    const bool known = shares_.contains(workload);
    if (!known && (share.in_maps == 0 || shares_.size() >= kMaxEntries)) continue;
    shares_[workload].samples += share.samples;
    shares_[workload].in_maps += share.in_maps;
  }
  std::erase_if(shares_, [](const auto& one) { return one.second.in_maps < kForgotten; });
}

std::vector<prometheus::MetricFamily> GoMapMetrics::Collect(const std::vector<CpuByWorkload::Series>& shown,
                                                            const std::vector<ProcessMapRate>& rates) const {
  std::set<Workload> own;
  for (const CpuByWorkload::Series& series : shown) own.insert(series.workload);
  const auto place = [&own](const Workload& workload) { return own.contains(workload) ? workload : OtherWorkloads(); };
  std::map<Workload, double> accesses;
  for (const ProcessMapRate& one : rates) accesses[place(WorkloadOf(one.process))] += one.rate.estimate;
  std::map<Workload, Share> shares;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [workload, share] : shares_) {
      Share& sum = shares[place(workload)];
      sum.samples += share.samples;
      sum.in_maps += share.in_maps;
    }
  }
  auto rate =
      Family("profd_go_map_accesses_per_second",
             "Accesses to Go's maps, estimated from what probes saw; at least so many where they are very many.",
             prometheus::MetricType::Gauge);
  for (const auto& [workload, value] : accesses) AddValue(rate, value, workload);
  auto ratio = Family("profd_go_map_cpu_ratio",
                      "Part of the sampled CPU time of the last minutes that was in Go's map functions, 0 to 1.",
                      prometheus::MetricType::Gauge);
  for (const auto& [workload, share] : shares) AddValue(ratio, share.in_maps / share.samples, workload);
  return {std::move(rate), std::move(ratio)};
}

}  // namespace profd
