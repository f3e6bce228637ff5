// Threads that wait for workers, so that nobody else has to.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace profd {

/// Thread safe. Bounded: `threads` tasks at once, `max_waiting` more. Ends when the tasks under way have; those that
/// wait are dropped.
class AskPool {
 public:
  AskPool(size_t threads, size_t max_waiting);
  ~AskPool();
  AskPool(const AskPool&) = delete;
  AskPool& operator=(const AskPool&) = delete;

  /// Has `task` done by one of the threads, one at a time for each `key`. True: it is done. False, when the patience is
  /// over: it is still to come; or it was dropped, because another one of that key is still to come or too many wait.
  bool RunFor(uint32_t key, std::function<void()> task, std::chrono::milliseconds patience);

 private:
  struct Task {
    uint32_t key;
    std::function<void()> run;
    bool done = false;
  };
  void Work();

  const size_t max_waiting_;
  std::mutex mutex_;
  std::condition_variable posted_, finished_;
  std::deque<std::shared_ptr<Task>> waiting_;
  std::set<uint32_t> busy_;  // keys of tasks that wait or run
  bool stopping_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace profd
