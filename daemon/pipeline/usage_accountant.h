// CPU time of processes between two moments, from cumulative readings: the task iterator's at each flip, and the last
// ones that a process leaves at exec or exit.
#pragma once

#include <chrono>
#include <map>
#include <vector>

#include "base/clock.h"
#include "kernel/raw_records.h"

namespace profd {

struct CpuUse {
  ProcessId process;
  std::chrono::nanoseconds cpu{};
  bool exited = false;
};

/// Pure; not thread safe.
class UsageAccountant {
 public:
  /// `alive`: what each process had used at `now`. That is not counted.
  UsageAccountant(const std::vector<TaskUsage>& alive, BootTime now);

  /// Fork, exec and exits, in order. A fork starts at nothing; exec closes the account of the program before it, which
  /// has the exec id one lower; exit closes the process's.
  void OnEvent(const ProcessEvent& event);

  /// Ends the interval at `end`: what each process used in it, in order of process, those with nothing left out. A
  /// process never heard of before counts from its birth, if that was in the interval; else this is its first reading.
  std::vector<CpuUse> Close(const std::vector<TaskUsage>& alive, BootTime end);

 private:
  struct Account {
    std::chrono::nanoseconds seen{};  // cumulative, at the last reading
    std::chrono::nanoseconds used{};  // in this interval
    bool exited = false;
    bool listed = false;  // by the iterator at the last flip, or by an event since
    // Once threads end together: the least that threads gone before had used, and what each ending one had.
    std::chrono::nanoseconds dead = std::chrono::nanoseconds::max();
    std::map<uint32_t, std::chrono::nanoseconds> ending;  // by tid
  };
  /// The account, made with this first reading if there was none.
  Account& AccountOf(const ProcessId& process, std::chrono::nanoseconds cumulative);
  void Advance(Account& account, std::chrono::nanoseconds cumulative);
  void OnThreadExit(const ProcessEvent& event);

  BootTime since_;  // when the interval began
  std::map<ProcessId, Account> accounts_;
};

}  // namespace profd
