#include "kernel/tick_ledger.h"

#include <algorithm>
#include <cstdio>
#include <sstream>
#include <string>

#include "base/saturating.h"

namespace profd {

std::map<int, std::chrono::nanoseconds> ParseIdleTimes(std::string_view proc_stat, long ticks_per_second) {
  std::map<int, std::chrono::nanoseconds> idle;
  std::istringstream lines{std::string(proc_stat)};
  for (std::string line; std::getline(lines, line);) {
    int cpu;
    unsigned long long idle_ticks, wait_ticks;
    if (line.starts_with("cpu ")) continue;  // the sum
    // User, nice and system time come before.
    if (std::sscanf(line.c_str(), "cpu%d %*u %*u %*u %llu %llu", &cpu, &idle_ticks, &wait_ticks) == 3) {
      idle[cpu] = std::chrono::nanoseconds(1'000'000'000 / ticks_per_second) * (idle_ticks + wait_ticks);
    }
  }
  return idle;
}

void TickLedger::Open(int cpu, const Reading& start) {
  std::lock_guard lock(mutex_);
  Entry& entry = entries_[cpu];
  entry.before = {.idle = entry.before.idle + entry.since.idle, .lost = entry.before.lost + entry.since.lost};
  entry.since = {};
  entry.start = start;
  entry.open = true;
}

void TickLedger::Close(int cpu) {
  std::lock_guard lock(mutex_);
  if (auto entry = entries_.find(cpu); entry != entries_.end()) entry->second.open = false;
}

TickLedger::Undelivered TickLedger::Account(int cpu, const Reading& reading) {
  std::lock_guard lock(mutex_);
  auto found = entries_.find(cpu);
  if (found == entries_.end()) return {};
  Entry& entry = found->second;
  if (entry.open) {
    const uint64_t due = std::max<int64_t>(0, (reading.now - entry.start.now) / period_);
    const uint64_t missing = SaturatingSubtract(due, reading.delivered - entry.start.delivered);
    const uint64_t idle_due = std::max<int64_t>(0, (reading.idle - entry.start.idle) / period_);
    const uint64_t idle_missing =
        std::min(missing, SaturatingSubtract(idle_due, reading.delivered_idle - entry.start.delivered_idle));
    // A tick that was late at the last reading may have come since: the sums stay until the rest catches up.
    const uint64_t more = SaturatingSubtract(missing, entry.since.idle + entry.since.lost);
    const uint64_t more_idle = std::min(more, SaturatingSubtract(idle_missing, entry.since.idle));
    entry.since.idle += more_idle;
    entry.since.lost += more - more_idle;
  }
  return {.idle = entry.before.idle + entry.since.idle, .lost = entry.before.lost + entry.since.lost};
}

}  // namespace profd
