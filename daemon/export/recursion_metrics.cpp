#include "export/recursion_metrics.h"

#include <algorithm>

#include "export/metric_families.h"

namespace profd {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

constexpr size_t kMaxStories = 64;  // of a workload
constexpr std::chrono::hours kKeep{1};

void AddOf(const Workload& workload, RecursionGrade grade, double value, MetricFamily& family) {
  AddValue(family, value,
           {{"namespace", workload.name_space},
            {"pod", workload.pod},
            {"container", workload.container},
            {"command", workload.command},
            {"grade", ToWord(grade)}});
}

bool Died(const RecursionEvent& event) {
  return event.state == RecursionState::kCrashed || event.state == RecursionState::kOomKilled;
}

}  // namespace

struct RecursionMetrics::Gauges {
  ByGrade active{};
  bool any = false;
  uint64_t depth = 0;
  uint64_t stack_bytes = 0;
  std::optional<double> seconds_to_overflow;
};

bool RecursionMetrics::Entry::Active() const {
  return std::ranges::any_of(stories, [](const auto& item) { return !item.second.ended; });
}

RecursionMetrics::Entry& RecursionMetrics::EntryOf(const Workload& workload) {
  if (entries_.size() >= kMaxWorkloads && !entries_.contains(workload)) {
    // One that recurses goes last.
    entries_.erase(std::ranges::min_element(
        entries_, {}, [](const auto& item) { return std::pair(item.second.Active(), item.second.changed); }));
  }
  return entries_[workload];
}

RecursionMetrics::Story& RecursionMetrics::StoryOf(Entry& entry, const std::string& id) {
  std::map<std::string, Story>& stories = entry.stories;
  if (stories.size() >= kMaxStories && !stories.contains(id)) {
    stories.erase(std::ranges::min_element(
        stories, {}, [](const auto& item) { return std::pair(!item.second.ended, item.second.changed); }));
  }
  return stories[id];
}

void RecursionMetrics::Count(const RecursionEvent& event, Story& story, ByGrade& reached) {
  // Fewer than before: it was forgotten and begins anew.
  if (event.occurrences < story.occurrences) story.counted = {};
  for (size_t i = 0; i < kGrades.size(); ++i) {
    if (event.grade < kGrades[i] || event.occurrences <= story.counted[i]) continue;
    // What came while it had the grade already has reached it too; else it is the newest one that does.
    const bool had = story.counted[i] > 0 && story.grade >= kGrades[i];
    reached[i] += had ? event.occurrences - story.counted[i] : 1;
    story.counted[i] = event.occurrences;
  }
}

void RecursionMetrics::Add(const RecursionEvent& event) {
  const Workload workload = WorkloadOf(event.process);
  const BootTime now = now_();
  std::lock_guard lock(mutex_);
  if (event.grade < kGrades.front() && !Died(event) && !entries_.contains(workload)) return;
  Entry& entry = EntryOf(workload);
  Story& story = StoryOf(entry, event.id);
  Count(event, story, entry.reached);
  story.grade = event.grade;
  story.occurrences = event.occurrences;
  story.depth = event.depth;
  story.stack_bytes = event.stack_bytes;
  story.seconds_to_overflow = event.seconds_to_overflow;
  story.changed = entry.changed = now;
  if (event.state == RecursionState::kActive) {
    story.ended.reset();
  } else if (!story.ended || Died(event)) {
    story.ended = now;
  }
  if (Died(event)) entry.crashed_until = now + kHold;
}

void RecursionMetrics::Remove(const std::string& id) {
  std::lock_guard lock(mutex_);
  for (auto& [workload, entry] : entries_) entry.stories.erase(id);
}

RecursionMetrics::Gauges RecursionMetrics::GaugesOf(const Entry& entry, BootTime now) {
  Gauges gauges;
  for (const auto& [id, story] : entry.stories) {
    if (!story.ShownAt(now) || story.grade < kGrades.front()) continue;
    const auto grade = std::ranges::find(kGrades, story.grade);
    ++gauges.active[grade - kGrades.begin()];
    gauges.any = true;
    gauges.depth = std::max(gauges.depth, story.depth);
    gauges.stack_bytes = std::max(gauges.stack_bytes, story.stack_bytes);
    if (story.seconds_to_overflow) {
      gauges.seconds_to_overflow =
          std::min(gauges.seconds_to_overflow.value_or(*story.seconds_to_overflow), *story.seconds_to_overflow);
    }
  }
  return gauges;
}

std::vector<MetricFamily> RecursionMetrics::Collect(const std::vector<CpuByWorkload::Series>& known) const {
  MetricFamily active = Family("profd_recursion_active",
                               "Recursion stories by grade, each until two minutes after its end.", MetricType::Gauge);
  MetricFamily reached = Family("profd_recursion_events_total",
                                "Recursions that reached the grade, or a higher one; each goroutine and thread once.",
                                MetricType::Counter);
  MetricFamily crashed =
      Family("profd_recursion_crashed",
             "1 until two minutes after recursion crashed a process or had it killed for memory.", MetricType::Gauge);
  MetricFamily depth =
      Family("profd_recursion_depth_frames", "Frames on the deepest stack that grows.", MetricType::Gauge);
  MetricFamily bytes =
      Family("profd_recursion_stack_bytes", "Size of the largest stack that grows, in bytes.", MetricType::Gauge);
  MetricFamily seconds = Family("profd_recursion_seconds_to_overflow",
                                "Seconds that the fastest recursion has left at its present speed.", MetricType::Gauge);
  const BootTime now = now_();
  std::lock_guard lock(mutex_);
  const Entry nothing;
  std::map<Workload, const Entry*> shown;
  for (const auto& [workload, cpu] : known) shown.emplace(workload, &nothing);
  for (const auto& [workload, entry] : entries_) {
    if (now - entry.changed < kKeep || entry.Active() || shown.contains(workload)) shown[workload] = &entry;
  }
  for (const auto& [workload, entry] : shown) {
    const Gauges gauges = GaugesOf(*entry, now);
    for (size_t i = 0; i < kGrades.size(); ++i) {
      AddOf(workload, kGrades[i], static_cast<double>(gauges.active[i]), active);
      AddOf(workload, kGrades[i], static_cast<double>(entry->reached[i]), reached);
    }
    AddValue(crashed, now < entry->crashed_until ? 1 : 0, workload);
    if (!gauges.any) continue;
    AddValue(depth, static_cast<double>(gauges.depth), workload);
    AddValue(bytes, static_cast<double>(gauges.stack_bytes), workload);
    if (gauges.seconds_to_overflow) AddValue(seconds, *gauges.seconds_to_overflow, workload);
  }
  return {std::move(active), std::move(reached), std::move(crashed),
          std::move(depth),  std::move(bytes),   std::move(seconds)};
}

}  // namespace profd
