#include "worker/worker_set.h"

#include <algorithm>

namespace profd {
namespace {

constexpr std::chrono::seconds kPatience(1);
constexpr std::chrono::milliseconds kReapEvery(5);

}  // namespace

WorkerSet::WorkerSet(const WorkerPoolOptions& options) : options_(options), keeper_([this] { Keep(); }) {}

WorkerSet::~WorkerSet() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    keeper_wanted_.notify_all();
  }
  keeper_.join();
}

Worker* WorkerSet::Find(const ObjectKey& key) {
  const auto found = std::find_if(workers_.begin(), workers_.end(), [&](const auto& w) { return w->key == key; });
  return found == workers_.end() ? nullptr : found->get();
}

absl::StatusOr<Worker*> WorkerSet::Take(const ObjectKey& key, Clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (Worker* worker = Find(key)) {
      if (!worker->busy) {
        worker->busy = true;
        return worker;
      }
    } else if (workers_.size() + dying_.size() < options_.max_workers) {
      return LaunchFor(key, lock);
    } else if (dying_.empty() && EndLeastRecentlyUsed()) {
      continue;
    }
    if (changed_.wait_until(lock, deadline) == std::cv_status::timeout) {
      return Error(absl::StatusCode::kDeadlineExceeded, "all {} workers are busy", options_.max_workers);
    }
  }
}

absl::StatusOr<Worker*> WorkerSet::LaunchFor(const ObjectKey& key, std::unique_lock<std::mutex>& lock) {
  workers_.push_back(std::make_unique<Worker>(Worker{.key = key}));
  Worker* worker = workers_.back().get();
  to_launch_.push_back(worker);
  keeper_wanted_.notify_all();
  changed_.wait(lock, [&] { return worker->process != nullptr || !worker->launched.ok(); });
  if (worker->process != nullptr) return worker;
  absl::Status error = worker->launched;
  Remove(worker);
  return error;
}

std::unique_ptr<WorkerProcess> WorkerSet::Remove(Worker* worker) {
  const auto found = std::find_if(workers_.begin(), workers_.end(), [&](const auto& w) { return w.get() == worker; });
  std::unique_ptr<WorkerProcess> process = std::move((*found)->process);
  workers_.erase(found);
  changed_.notify_all();
  return process;
}

bool WorkerSet::EndLeastRecentlyUsed() {
  Worker* oldest = nullptr;
  for (const auto& worker : workers_) {
    if (!worker->busy && (oldest == nullptr || worker->last_used < oldest->last_used)) oldest = worker.get();
  }
  if (oldest == nullptr) return false;
  std::unique_ptr<WorkerProcess> process = Remove(oldest);
  process->Kill();
  dying_.push_back(std::move(process));
  keeper_wanted_.notify_all();
  return true;
}

void WorkerSet::Return(Worker* worker) {
  // Before its CPU limit would kill it in the middle of a question.
  if (worker->used > std::chrono::seconds(options_.cpu_seconds) / 2) {
    Discard(worker);
    return;
  }
  const std::lock_guard lock(mutex_);
  worker->busy = false;
  worker->last_used = Clock::now();
  changed_.notify_all();
  keeper_wanted_.notify_all();
}

std::string WorkerSet::Discard(Worker* worker) {
  // A worker that closed the connection is about to end: how it does is worth a moment.
  WorkerProcess& process = *worker->process;
  process.Kill();
  process.WaitForEnd(kPatience);
  const std::string how = process.HowItEnded();
  const std::lock_guard lock(mutex_);
  std::unique_ptr<WorkerProcess> gone = Remove(worker);
  if (!gone->WaitForEnd({})) dying_.push_back(std::move(gone));
  keeper_wanted_.notify_all();
  return how;
}

std::vector<pid_t> WorkerSet::pids() const {
  const std::lock_guard lock(mutex_);
  std::vector<pid_t> pids;
  for (const auto& worker : workers_) {
    if (worker->process != nullptr) pids.push_back(worker->process->pid());
  }
  return pids;
}

void WorkerSet::EndIdle(Clock::time_point now) {
  for (size_t i = 0; i < workers_.size();) {
    Worker* worker = workers_[i].get();
    if (worker->busy || now - worker->last_used < options_.idle_timeout) {
      ++i;
      continue;
    }
    dying_.push_back(Remove(worker));
    dying_.back()->Kill();
  }
}

std::optional<WorkerSet::Clock::time_point> WorkerSet::NextWake(Clock::time_point now) const {
  if (!dying_.empty()) return now + kReapEvery;
  std::optional<Clock::time_point> next;
  for (const auto& worker : workers_) {
    if (worker->busy) continue;
    const auto end = worker->last_used + options_.idle_timeout;
    if (!next || end < *next) next = end;
  }
  return next;
}

void WorkerSet::Keep() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (!to_launch_.empty()) {
      Worker* worker = to_launch_.front();
      to_launch_.pop_front();
      lock.unlock();
      auto launched = WorkerProcess::Launch(options_.executable, options_.arguments);
      lock.lock();
      worker->launched = launched.status();
      if (launched.ok()) worker->process = *std::move(launched);
      changed_.notify_all();
      continue;
    }
    const auto now = Clock::now();
    EndIdle(now);
    if (std::erase_if(dying_, [](const auto& process) { return process->WaitForEnd({}); }) > 0) changed_.notify_all();
    if (const auto next = NextWake(now)) {
      keeper_wanted_.wait_until(lock, *next);
    } else {
      keeper_wanted_.wait(lock);
    }
  }
}

}  // namespace profd
