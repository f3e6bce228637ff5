#include "export/metric_families.h"

#include <utility>

namespace profd {

using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily Family(std::string name, std::string help, MetricType type) {
  MetricFamily family;
  family.name = std::move(name);
  family.help = std::move(help);
  family.type = type;
  return family;
}

void AddValue(MetricFamily& family, double value, Labels labels) {
  prometheus::ClientMetric& metric = family.metric.emplace_back();
  metric.label = labels;
  (family.type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
}

void AddValue(MetricFamily& family, double value, const Workload& workload) {
  AddValue(family, value,
           {{"namespace", workload.name_space},
            {"pod", workload.pod},
            {"container", workload.container},
            {"command", workload.command}});
}

MetricFamily Counter(std::string name, std::string help, double value) {
  MetricFamily family = Family(std::move(name), std::move(help), MetricType::Counter);
  AddValue(family, value);
  return family;
}

MetricFamily Gauge(std::string name, std::string help, double value) {
  MetricFamily family = Family(std::move(name), std::move(help), MetricType::Gauge);
  AddValue(family, value);
  return family;
}

}  // namespace profd
