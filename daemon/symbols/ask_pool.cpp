#include "symbols/ask_pool.h"

namespace profd {

AskPool::AskPool(size_t threads, size_t max_waiting) : max_waiting_(max_waiting) {
  for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Work(); });
}

AskPool::~AskPool() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  posted_.notify_all();
}

bool AskPool::RunFor(uint32_t key, std::function<void()> task, std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  std::unique_lock lock(mutex_);
  if (!finished_.wait_until(lock, deadline, [&] { return !busy_.contains(key); })) return false;
  if (stopping_ || waiting_.size() >= max_waiting_) return false;
  busy_.insert(key);
  auto posted = std::make_shared<Task>(Task{.key = key, .run = std::move(task)});
  waiting_.push_back(posted);
  posted_.notify_one();
  return finished_.wait_until(lock, deadline, [&] { return posted->done; });
}

void AskPool::Work() {
  std::unique_lock lock(mutex_);
  while (true) {
    posted_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    const std::shared_ptr<Task> task = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    task->run();
    lock.lock();
    task->done = true;
    busy_.erase(task->key);
    finished_.notify_all();
  }
}

}  // namespace profd
