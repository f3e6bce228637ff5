// profd's metrics, in Prometheus's model.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "export/cpu_by_workload.h"
#include "export/go_map_metrics.h"
#include "export/recursion_metrics.h"
#include "query/backend.h"

namespace profd {

/// Thread safe. Labels are at most `namespace, pod, container, command`; never pid, function or stack.
class PrometheusCollector final : public prometheus::Collectable {
 public:
  /// `backend` outlives it. `now`: CLOCK_BOOTTIME.
  explicit PrometheusCollector(
      const Backend* backend, std::function<BootTime()> now = [] { return SystemClock().Boot(); })
      : backend_(backend), recursion_(std::move(now)) {}

  /// Each segment, once, when it is stored.
  void OnSegment(const Segment& segment) {
    cpu_.Add(segment);
    go_maps_.Add(segment);
  }

  /// Each change of a recursion story.
  void OnRecursion(const RecursionEvent& event) { recursion_.Add(event); }
  /// A story that is no more.
  void OnRecursionRemoved(const std::string& id) { recursion_.Remove(id); }

  std::vector<prometheus::MetricFamily> Collect() const override;

  /// All of it in the text format.
  std::string Render() const;

 private:
  const Backend* backend_;
  CpuByWorkload cpu_;
  GoMapMetrics go_maps_;
  RecursionMetrics recursion_;
};

}  // namespace profd
