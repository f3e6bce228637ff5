// A thousand processes on one machine, for half an hour.
#include <random>

#include "window_scheduler_fixture.h"

namespace profd {
namespace {

class Node {
 public:
  explicit Node(unsigned cpus) : scheduler_(WindowOptions{.hit_price = 1us}, cpus) {}

  void Add(uint32_t pid, double cpus, double map_share) {
    cpus_[pid] = cpus;
    windows_[pid] = 0;
    scheduler_.Add(Pid(pid), 0s, now_);
    scheduler_.OnMapShare(Pid(pid), map_share);
  }
  void Run(nanoseconds time) {
    for (const BootTime end = now_ + time; now_ < end; now_ += 20ms) {
      if (now_ % 1s == 0s) TellCpuTimes();
      while (!closing_.empty() && closing_.begin()->first <= now_) {
        Close(closing_.begin()->second);
        closing_.erase(closing_.begin());
      }
      for (const WindowPlan& plan : scheduler_.Open(now_)) {
        ++windows_[plan.process.tgid];
        closing_.emplace(now_ + 80ms, plan.process);
      }
    }
  }
  WindowScheduler& scheduler() { return scheduler_; }
  /// The fewest and the most windows of these.
  std::pair<uint64_t, uint64_t> Range(uint32_t first, uint32_t last) const {
    std::pair<uint64_t, uint64_t> range{UINT64_MAX, 0};
    for (uint32_t pid = first; pid <= last; ++pid) {
      range = {std::min(range.first, windows_.at(pid)), std::max(range.second, windows_.at(pid))};
    }
    return range;
  }

 private:
  void TellCpuTimes() {
    for (const auto& [pid, cpus] : cpus_) {
      scheduler_.OnCpuTime(Pid(pid),
                           nanoseconds(static_cast<int64_t>(cpus * static_cast<double>((now_ - kStart).count()))));
    }
  }
  void Close(const ProcessId& process) {
    const uint64_t hits = 100 + random_() % 150;
    scheduler_.OnClosed({.process = process, .attached = true, .hits = hits, .cost = 1us * hits}, now_);
  }

  WindowScheduler scheduler_;
  BootTime now_ = kStart;
  std::map<uint32_t, double> cpus_;  // that they use, by pid
  std::map<uint32_t, uint64_t> windows_;
  std::multimap<BootTime, ProcessId> closing_;
  std::mt19937_64 random_{1};
};

/// Fewest and most windows that a thousand processes have in half an hour, each with as much CPU time.
std::pair<uint64_t, uint64_t> RangeOfEquals(unsigned cpus, double cpu_of_each) {
  Node node(cpus);
  for (uint32_t pid = 1; pid <= 1000; ++pid) node.Add(pid, cpu_of_each, 0.2);
  node.Run(30min);
  return node.Range(1, 1000);
}

TEST(WindowFairness, AThousandEqualsAreTreatedAlike) {
  const auto [fewest, most] = RangeOfEquals(64, 0.06);
  EXPECT_GE(fewest, 40u);
  EXPECT_LE(most, fewest + 2);
}

TEST(WindowFairness, AThousandEqualsOnTwoCpusAreTreatedAlike) {
  const auto [fewest, most] = RangeOfEquals(2, 0.002);
  EXPECT_GE(fewest, 10u);
  EXPECT_LE(most, 2 * fewest) << "their windows do not cost the same";
}

TEST(WindowFairness, MoreMapSamplesMoreWindowsAndAllHaveSome) {
  Node node(64);
  for (uint32_t pid = 1; pid <= 500; ++pid) node.Add(pid, 0.1, 0.001);
  for (uint32_t pid = 501; pid <= 1000; ++pid) node.Add(pid, 0.1, 0.2);
  node.Run(30min);
  EXPECT_GE(node.Range(1, 500).first, 10u);
  EXPECT_GE(node.Range(501, 1000).first, 5 * node.Range(1, 500).second);
}

TEST(WindowFairness, WhoCannotPayHoldsUpNobody) {
  Node node(64);
  for (uint32_t pid = 1; pid <= 1000; ++pid) node.Add(pid, pid <= 990 ? 0 : 1, 0.2);
  node.Run(30min);
  EXPECT_GE(node.Range(991, 1000).first, 170u) << "each ten seconds";
}

TEST(WindowFairness, SuspectsLeaveTurnsToOthers) {
  Node node(2);
  std::set<ProcessId> suspects;
  for (uint32_t pid = 1; pid <= 20; ++pid) {
    node.Add(pid, 0.05, 0.2);
    if (pid > 10) suspects.insert(Pid(pid));
  }
  node.scheduler().SetSuspects(suspects);
  node.Run(30min);
  EXPECT_GE(node.Range(1, 10).first, 150u);
  EXPECT_GE(node.Range(11, 20).first, 1000u);
}

TEST(WindowFairness, ThoseWithoutMapSamplesAreTriedRarely) {
  Node node(64);
  for (uint32_t pid = 1; pid <= 1000; ++pid) node.Add(pid, 0.05, 0);
  node.Run(50min);
  const auto [fewest, most] = node.Range(1, 1000);
  EXPECT_GE(fewest, 2u);
  EXPECT_LE(most, 3u);
}

}  // namespace
}  // namespace profd
