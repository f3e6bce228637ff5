// Short ways to make metric families.
#pragma once

#include <prometheus/metric_family.h>

#include <initializer_list>
#include <string>

#include "export/cpu_by_workload.h"

namespace profd {

using Labels = std::initializer_list<prometheus::ClientMetric::Label>;

/// A counter or gauge without values yet. A counter's name ends in `_total`.
prometheus::MetricFamily Family(std::string name, std::string help, prometheus::MetricType type);
/// Adds a value to a counter or gauge.
void AddValue(prometheus::MetricFamily& family, double value, Labels labels = {});
/// The same with a workload's four labels.
void AddValue(prometheus::MetricFamily& family, double value, const Workload& workload);

prometheus::MetricFamily Counter(std::string name, std::string help, double value);
prometheus::MetricFamily Gauge(std::string name, std::string help, double value);

}  // namespace profd
