// Recursion by workload, for alerts: also of a process that lives and dies between two scrapes.
#pragma once

#include <prometheus/metric_family.h>

#include <array>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "export/cpu_by_workload.h"
#include "recursion/event.h"

namespace profd {

/// Thread safe. Bounded in workloads and in stories of each. Of stories that are only observed nothing is shown.
class RecursionMetrics {
 public:
  static constexpr size_t kMaxWorkloads = 1000;
  /// So long gauges tell of a story after its end.
  static constexpr std::chrono::minutes kHold{2};

  /// `now`: CLOCK_BOOTTIME.
  explicit RecursionMetrics(std::function<BootTime()> now) : now_(std::move(now)) {}

  /// Each change of a story.
  void Add(const RecursionEvent& event);
  /// There is no such story any more: it was another one, or is forgotten.
  void Remove(const std::string& id);

  /// `known`: workloads with series, at 0, even where nothing has ever recursed. One that has is shown until an hour
  /// after its last change.
  std::vector<prometheus::MetricFamily> Collect(const std::vector<CpuByWorkload::Series>& known) const;

 private:
  static constexpr std::array kGrades{RecursionGrade::kGrowing, RecursionGrade::kProjected, RecursionGrade::kProven};
  using ByGrade = std::array<uint64_t, kGrades.size()>;

  struct Story {
    RecursionGrade grade = RecursionGrade::kObserved;
    uint64_t occurrences = 0;
    ByGrade counted{};  // occurrences when last counted
    uint64_t depth = 0;
    uint64_t stack_bytes = 0;
    std::optional<double> seconds_to_overflow;
    BootTime changed{};
    std::optional<BootTime> ended;

    bool ShownAt(BootTime now) const { return !ended || now < *ended + kHold; }
  };
  struct Entry {
    std::map<std::string, Story> stories;  // by id
    ByGrade reached{};
    BootTime changed{};
    BootTime crashed_until{};

    bool Active() const;
  };
  struct Gauges;

  Entry& EntryOf(const Workload& workload);
  static Story& StoryOf(Entry& entry, const std::string& id);
  static void Count(const RecursionEvent& event, Story& story, ByGrade& reached);
  static Gauges GaugesOf(const Entry& entry, BootTime now);

  const std::function<BootTime()> now_;
  mutable std::mutex mutex_;
  std::map<Workload, Entry> entries_;
};

}  // namespace profd
