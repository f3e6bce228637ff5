#include "pipeline/usage_accountant.h"

#include <algorithm>

namespace profd {

UsageAccountant::UsageAccountant(const std::vector<TaskUsage>& alive, BootTime now) : since_(now) {
  for (const TaskUsage& task : alive) accounts_[task.process].seen = task.cpu;
}

UsageAccountant::Account& UsageAccountant::AccountOf(const ProcessId& process, std::chrono::nanoseconds cumulative) {
  const auto [account, is_new] = accounts_.try_emplace(process);
  const bool born_before = BootTime(process.start_time_ns) < since_;
  if (is_new && born_before) account->second.seen = cumulative;
  return account->second;
}

void UsageAccountant::Advance(Account& account, std::chrono::nanoseconds cumulative) {
  // Readings of different places may disagree by a tick; time never runs backwards.
  if (cumulative > account.seen) {
    account.used += cumulative - account.seen;
    account.seen = cumulative;
  }
  account.listed = true;
}

void UsageAccountant::OnEvent(const ProcessEvent& event) {
  switch (event.kind) {
    case ProcessEvent::Kind::kFork: accounts_[event.process].listed = true; break;
    case ProcessEvent::Kind::kExec: {
      ProcessId before = event.process;
      before.exec_id -= 1;
      if (auto old = accounts_.find(before); old != accounts_.end()) {
        Advance(old->second, event.cpu);
        old->second.exited = true;
      }
      Account& account = accounts_[event.process];
      account.seen = std::max(account.seen, event.cpu);
      account.listed = true;
      break;
    }
    case ProcessEvent::Kind::kThreadExit:
    case ProcessEvent::Kind::kExit: OnThreadExit(event); break;
  }
}

// The kernel adds a thread's time to the process's sum only when the thread is taken down for good, some time after it
// said that it ends. So the sum of those that were gone before any of these ended, and each of these by itself.
void UsageAccountant::OnThreadExit(const ProcessEvent& event) {
  Account& account = AccountOf(event.process, event.dead_cpu + event.cpu);
  account.dead = std::min(account.dead, event.dead_cpu);
  account.ending[event.tid] = event.cpu;
  auto& leader = account.ending[event.process.tgid];
  leader = std::max(leader, event.leader_cpu);
  std::chrono::nanoseconds total = account.dead;
  for (const auto& [tid, cpu] : account.ending) total += cpu;
  Advance(account, total);
  account.exited |= event.kind == ProcessEvent::Kind::kExit;
}

std::vector<CpuUse> UsageAccountant::Close(const std::vector<TaskUsage>& alive, BootTime end) {
  for (const TaskUsage& task : alive) {
    Account& account = AccountOf(task.process, task.cpu);
    if (!account.exited) Advance(account, task.cpu);
  }
  std::vector<CpuUse> uses;
  for (auto it = accounts_.begin(); it != accounts_.end();) {
    Account& account = it->second;
    if (account.used.count() > 0) uses.push_back({.process = it->first, .cpu = account.used, .exited = account.exited});
    // What neither the iterator nor an event has named lost its exit event: it is gone all the same.
    if (account.exited || !account.listed) {
      it = accounts_.erase(it);
    } else {
      account.used = {};
      account.listed = false;
      ++it;
    }
  }
  since_ = end;
  return uses;
}

}  // namespace profd
