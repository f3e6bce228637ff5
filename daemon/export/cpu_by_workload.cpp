#include "export/cpu_by_workload.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/utf8.h"

namespace profd {
namespace {

constexpr size_t kMaxEntries = 1024;
constexpr size_t kMaxLabel = 256;  // bytes
constexpr double kHalfLife = 300;  // seconds
// Who wants a series must be clearly ahead of who has it, or two equals would take turns.
constexpr double kAhead = 1.2;

std::string Label(const std::string& text) { return ToPrintable(std::string_view(text).substr(0, kMaxLabel)); }

}  // namespace

Workload WorkloadOf(const Process& process) {
  return {Label(process.container.name_space), Label(process.container.pod), Label(process.container.name),
          Label(process.command)};
}

Workload OtherWorkloads() { return {"other", "other", "other", "other"}; }

void CpuByWorkload::Add(const Segment& segment) {
  std::map<Workload, double> used;
  const double period = std::chrono::duration<double>(segment.period).count();
  for (const ProcessUsage& usage : segment.usage) {
    if (usage.samples > 0) used[WorkloadOf(usage.process)] += static_cast<double>(usage.samples) * period;
  }
  std::lock_guard lock(mutex_);
  Decay(segment.end - segment.start);
  for (const auto& [workload, seconds] : used) entries_[workload].recent += seconds;
  ChooseSeries();
  for (const auto& [workload, seconds] : used) {
    Entry& entry = entries_[workload];
    (entry.has_series ? entry.counted : other_) += seconds;
  }
  ForgetIdle();
}

void CpuByWorkload::Decay(std::chrono::nanoseconds passed) {
  const double factor = std::exp2(-std::chrono::duration<double>(passed).count() / kHalfLife);
  for (auto& [workload, entry] : entries_) entry.recent *= factor;
}

void CpuByWorkload::ChooseSeries() {
  std::vector<Entry*> order;
  for (auto& [workload, entry] : entries_) order.push_back(&entry);
  const auto weight = [](const Entry* entry) { return entry->recent * (entry->has_series ? kAhead : 1); };
  std::ranges::stable_sort(order, std::greater(), weight);
  for (size_t i = 0; i < order.size(); ++i) {
    if (i >= top_) order[i]->counted = 0;
    order[i]->has_series = i < top_;
  }
}

void CpuByWorkload::ForgetIdle() {
  if (entries_.size() <= kMaxEntries) return;
  std::vector<double> recent;
  for (const auto& [workload, entry] : entries_) recent.push_back(entry.recent);
  std::ranges::nth_element(recent, recent.begin() + kMaxEntries / 2, std::greater());
  const double keep = recent[kMaxEntries / 2];
  std::erase_if(entries_, [keep](const auto& item) { return !item.second.has_series && item.second.recent <= keep; });
}

std::vector<CpuByWorkload::Series> CpuByWorkload::Top() const {
  std::lock_guard lock(mutex_);
  std::vector<Series> series;
  for (const auto& [workload, entry] : entries_) {
    if (entry.has_series) series.push_back({workload, entry.counted});
  }
  return series;
}

double CpuByWorkload::OtherSeconds() const {
  std::lock_guard lock(mutex_);
  return other_;
}

}  // namespace profd
