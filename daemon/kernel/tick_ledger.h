// Finds the ticks that the kernel never delivered, so that each is accounted for.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string_view>

namespace profd {

/// Time that each CPU spent idle since boot, I/O wait included, from the text of /proc/stat. CPUs that are not in it
/// are offline. Format: proc_stat(5); the unit is 1/`ticks_per_second` (sysconf(_SC_CLK_TCK)).
std::map<int, std::chrono::nanoseconds> ParseIdleTimes(std::string_view proc_stat, long ticks_per_second);

/// A timer of period P that runs for a time T on a CPU should tick T/P times. What is missing was lost, but for an idle
/// CPU: some kernels and hypervisors let it sleep through its timers, and nothing is lost by that. Thread safe.
class TickLedger {
 public:
  /// One CPU at one moment. Take `now` before the counts: a tick in between is then early, not missing.
  struct Reading {
    std::chrono::nanoseconds now{};  ///< CLOCK_MONOTONIC, the timer's
    uint64_t delivered = 0;          ///< ticks so far
    uint64_t delivered_idle = 0;     ///< those of them that found the CPU idle
    std::chrono::nanoseconds idle{};
  };

  struct Undelivered {
    uint64_t idle = 0;  ///< the CPU was idle at the time
    uint64_t lost = 0;
  };

  explicit TickLedger(std::chrono::nanoseconds period) : period_(period) {}

  /// The CPU's timer starts now. An account that is open already begins anew and keeps its sums.
  void Open(int cpu, const Reading& start);
  /// The CPU's timer has ended. The account's sums stay as they are.
  void Close(int cpu);
  /// Brings the account up to date. Returns its sums, which never fall.
  Undelivered Account(int cpu, const Reading& reading);

 private:
  struct Entry {
    bool open = false;
    Reading start;
    Undelivered before;  // what earlier timers of this CPU left
    Undelivered since;   // what this one has not delivered
  };

  const std::chrono::nanoseconds period_;
  std::mutex mutex_;
  std::map<int, Entry> entries_;
};

}  // namespace profd
