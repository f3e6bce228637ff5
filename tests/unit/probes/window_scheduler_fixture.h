// A scheduler on a machine with two CPUs, where a hit costs 1 us, and the time that the test says.
#pragma once

#include <gmock/gmock.h>

#include "probes/window_scheduler.h"

namespace profd {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

inline constexpr nanoseconds kExpected = 274us;  // of a window: 200 hits and an overrun of 74
inline constexpr BootTime kStart = 1000s;

inline ProcessId Pid(uint32_t pid) { return {.tgid = pid, .exec_id = 1, .start_time_ns = 5}; }

class WindowSchedulerTest : public ::testing::Test {
 protected:
  static WindowOptions Options() {
    WindowOptions options;
    options.hit_price = 1us;
    return options;
  }
  /// A process that has map samples, and can pay.
  void AddBusy(uint32_t pid, nanoseconds cpu_time = 1h) {
    scheduler.Add(Pid(pid), cpu_time, now);
    scheduler.OnMapShare(Pid(pid), 0.5);
  }
  std::vector<uint32_t> Open() {
    std::vector<uint32_t> pids;
    for (const WindowPlan& plan : scheduler.Open(now)) {
      pids.push_back(plan.process.tgid);
      last = plan;
    }
    return pids;
  }
  void Close(uint32_t pid, uint64_t hits = 200) {
    scheduler.OnClosed({.process = Pid(pid), .attached = true, .hits = hits, .cost = 1us * hits}, now);
  }
  void Fail(uint32_t pid) { scheduler.OnClosed({.process = Pid(pid)}, now); }
  /// How long nothing needs to be asked.
  std::optional<nanoseconds> Wait() const {
    const auto due = scheduler.NextDue(now);
    if (!due) return std::nullopt;
    return *due - now;
  }
  /// Windows of this process, one after the other, until no other opens; what they have cost.
  nanoseconds SpendAll(uint32_t pid) {
    for (int windows = 0; windows < 10'000 && !Open().empty(); ++windows, now += 100ms) Close(pid);
    return scheduler.node().tally.cost;
  }
  std::chrono::microseconds Debt() const {
    return std::chrono::round<std::chrono::microseconds>(scheduler.List().at(0).debt);
  }

  BootTime now = kStart;
  WindowScheduler scheduler{Options(), 2};
  WindowPlan last;
};

}  // namespace profd
