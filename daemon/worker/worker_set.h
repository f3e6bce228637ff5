// The workers that run: one for each object asked about lately, a bounded number at once.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "worker/failure_memory.h"
#include "worker/worker_pool.h"
#include "worker/worker_process.h"

namespace profd {

/// A worker and what is known about it. Whoever holds it (`busy`) may use everything but `busy` and `last_used`.
struct Worker {
  ObjectKey key;
  std::unique_ptr<WorkerProcess> process;
  std::optional<ObjectFacts> facts;            ///< once it has opened its object
  std::chrono::steady_clock::duration used{};  ///< waited for its answers; no less than its CPU time
  absl::Status launched;
  bool busy = true;
  std::chrono::steady_clock::time_point last_used;
};

/// Thread safe. Its own thread launches (a worker dies with the thread that launched it), ends idle workers and reaps.
class WorkerSet {
 public:
  explicit WorkerSet(const WorkerPoolOptions& options);
  ~WorkerSet();
  WorkerSet(const WorkerSet&) = delete;
  WorkerSet& operator=(const WorkerSet&) = delete;

  /// The worker for `key`, launched if there is none; waits for it or for a free place until `deadline`.
  /// DeadlineExceeded: all are busy. Unavailable: it cannot be launched. To be given back with Return or Discard.
  absl::StatusOr<Worker*> Take(const ObjectKey& key, std::chrono::steady_clock::time_point deadline);
  void Return(Worker* worker);
  /// Kills it. How it ended, if it ended by itself or does within a second.
  std::string Discard(Worker* worker);

  std::vector<pid_t> pids() const;

 private:
  using Clock = std::chrono::steady_clock;
  Worker* Find(const ObjectKey& key);
  absl::StatusOr<Worker*> LaunchFor(const ObjectKey& key, std::unique_lock<std::mutex>& lock);
  std::unique_ptr<WorkerProcess> Remove(Worker* worker);
  bool EndLeastRecentlyUsed();
  void Keep();
  void EndIdle(Clock::time_point now);
  std::optional<Clock::time_point> NextWake(Clock::time_point now) const;

  const WorkerPoolOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;        // for those who wait in Take
  std::condition_variable keeper_wanted_;  // for the thread
  std::vector<std::unique_ptr<Worker>> workers_;
  std::deque<Worker*> to_launch_;
  std::vector<std::unique_ptr<WorkerProcess>> dying_;  // killed, not gone yet
  bool stopping_ = false;
  std::thread keeper_;
};

}  // namespace profd
