#include "export/prometheus_collector.h"

#include <prometheus/text_serializer.h>

#include "base/utf8.h"
#include "export/metric_families.h"
#include "export/own_process.h"
#include "profile/sample_outcome.h"

namespace profd {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily BuildInfo(const DaemonStatus& status) {
  MetricFamily family = Family("profd_build_info", "Always 1; the version is a label.", MetricType::Gauge);
  AddValue(family, 1, {{"version", ToUtf8(status.version)}});
  return family;
}

MetricFamily Samples(const DaemonStatus& status) {
  MetricFamily family = Family(
      "profd_samples_total", "Timer ticks by how they ended: recorded, ignored or lost, and why.", MetricType::Counter);
  for (const OutcomeInfo& outcome : kOutcomes) {
    const auto count = status.outcomes.find(outcome.label);
    AddValue(family, count == status.outcomes.end() ? 0 : static_cast<double>(count->second),
             {{"outcome", outcome.label}});
  }
  return family;
}

MetricFamily SampleSeconds(const DaemonStatus& status) {
  double seconds = 0;
  for (const ProgramStatus& program : status.programs) {
    if (program.recorded_mean_ns > 0) seconds += static_cast<double>(program.runs) * program.mean_ns * 1e-9;
  }
  return Counter("profd_sample_seconds_total", "CPU time spent in the kernel on taking samples, in seconds.", seconds);
}

MetricFamily ProcessCpu(const CpuByWorkload& cpu) {
  MetricFamily family =
      Family("profd_process_cpu_seconds_total",
             "Sampled CPU time in seconds, by workload; all but the busiest are added up with command \"other\".",
             MetricType::Counter);
  for (const auto& [workload, seconds] : cpu.Top()) AddValue(family, seconds, workload);
  AddValue(family, cpu.OtherSeconds(), OtherWorkloads());
  return family;
}

void AddAnalyses(const DaemonStatus& status, std::vector<MetricFamily>& families) {
  MetricFamily results =
      Family("profd_object_analyses_total", "Questions to the sandboxed worker about executable files, by result.",
             MetricType::Counter);
  uint64_t total = 0;
  for (const auto& [result, count] : status.analyses) {
    AddValue(results, static_cast<double>(count), {{"result", ToUtf8(result)}});
    total += count;
  }
  families.push_back(std::move(results));
  MetricFamily time =
      Family("profd_object_analysis_seconds", "Time that those questions took, in seconds.", MetricType::Summary);
  time.metric.emplace_back().summary = {.sample_count = total, .sample_sum = status.analysis_seconds, .quantile = {}};
  families.push_back(std::move(time));
}

void AddLosses(const DaemonStatus& status, std::vector<MetricFamily>& families) {
  for (const LossStatus& loss : status.losses) {
    families.push_back(Counter("profd_" + loss.name + "_total", loss.explanation, static_cast<double>(loss.count)));
  }
}

void AddMapWindows(const MapWindowStatus& maps, std::vector<MetricFamily>& families) {
  if (maps.mechanism.empty()) return;
  const auto seconds = [](std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count(); };
  MetricFamily windows = Family("profd_map_probe_windows_total",
                                "Times that the map functions of a process were probed.", MetricType::Counter);
  for (const auto& [reason, count] : maps.windows) AddValue(windows, static_cast<double>(count), {{"reason", reason}});
  families.push_back(std::move(windows));
  families.push_back(
      Counter("profd_map_probe_hits_total", "Calls of map functions that probes saw.", static_cast<double>(maps.hits)));
  families.push_back(Counter("profd_map_probe_overhead_seconds_total", "CPU time that map probes took other programs.",
                             seconds(maps.cost)));
  families.push_back(Counter("profd_map_probe_budget_seconds_total", "CPU time that map probes may have taken.",
                             seconds(maps.budget)));
}

}  // namespace

std::vector<MetricFamily> PrometheusCollector::Collect() const {
  const DaemonStatus status = backend_->Status();
  std::vector<MetricFamily> families{BuildInfo(status), Samples(status), SampleSeconds(status), ProcessCpu(cpu_)};
  const std::vector<CpuByWorkload::Series> shown = cpu_.Top();
  for (MetricFamily& family : recursion_.Collect(shown)) families.push_back(std::move(family));
  for (MetricFamily& family : go_maps_.Collect(shown, backend_->MapRates())) families.push_back(std::move(family));
  families.push_back(Gauge("profd_processes", "Processes known.", status.processes));
  AddAnalyses(status, families);
  AddLosses(status, families);
  AddMapWindows(status.map_windows, families);
  families.push_back(
      Gauge("profd_store_bytes", "Size of the stored history in bytes.", static_cast<double>(status.store_bytes)));
  AddOwnProcess(status, families);
  // A family without values would be a HELP line about nothing.
  std::erase_if(families, [](const MetricFamily& family) { return family.metric.empty(); });
  return families;
}

std::string PrometheusCollector::Render() const { return prometheus::TextSerializer().Serialize(Collect()); }

}  // namespace profd
