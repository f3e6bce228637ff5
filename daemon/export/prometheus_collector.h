// profd's metrics, in Prometheus's model.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <string>
#include <vector>

#include "export/cpu_by_workload.h"
#include "query/backend.h"

namespace profd {

/// Thread safe. Labels are at most `namespace, pod, container, command`; never pid, function or stack.
class PrometheusCollector final : public prometheus::Collectable {
 public:
  /// `backend` outlives it.
  explicit PrometheusCollector(const Backend* backend) : backend_(backend) {}

  /// Each segment, once, when it is stored.
  void OnSegment(const Segment& segment) { cpu_.Add(segment); }

  std::vector<prometheus::MetricFamily> Collect() const override;

  /// All of it in the text format.
  std::string Render() const;

 private:
  const Backend* backend_;
  CpuByWorkload cpu_;
};

}  // namespace profd
