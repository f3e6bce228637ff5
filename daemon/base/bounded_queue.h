// A queue between two stages, bounded in items and bytes. Full: the item is dropped and counted, nobody waits.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace profd {

/// Any number of threads may push and pop. `Close` wakes all that wait; what is queued can still be popped.
template <typename T>
class BoundedQueue {
 public:
  BoundedQueue(size_t max_items, size_t max_bytes) : max_items_(max_items), max_bytes_(max_bytes) {}

  /// False, and the item counted as dropped, when full or closed. `bytes` is the caller's estimate of its size.
  bool Push(T item, size_t bytes = 0) {
    std::lock_guard lock(mutex_);
    if (closed_ || items_.size() >= max_items_ || bytes_ + bytes > max_bytes_) {
      ++dropped_;
      return false;
    }
    bytes_ += bytes;
    items_.emplace_back(std::move(item), bytes);
    ready_.notify_one();
    return true;
  }

  /// Waits for an item. Nothing once closed and drained.
  std::optional<T> Pop() {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [this] { return closed_ || !items_.empty(); });
    return Take();
  }

  /// Waits for an item, but not longer than that. Nothing, with `drained` set, once closed and drained.
  std::optional<T> PopFor(std::chrono::milliseconds patience, bool& drained) {
    std::unique_lock lock(mutex_);
    ready_.wait_for(lock, patience, [this] { return closed_ || !items_.empty(); });
    drained = closed_ && items_.empty();
    return Take();
  }

  void Close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
    ready_.notify_all();
  }

  size_t size() const {
    std::lock_guard lock(mutex_);
    return items_.size();
  }
  uint64_t dropped() const {
    std::lock_guard lock(mutex_);
    return dropped_;
  }

 private:
  std::optional<T> Take() {
    if (items_.empty()) return std::nullopt;
    auto [item, bytes] = std::move(items_.front());
    items_.pop_front();
    bytes_ -= bytes;
    return std::move(item);
  }

  const size_t max_items_;
  const size_t max_bytes_;
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::pair<T, size_t>> items_;
  size_t bytes_ = 0;
  uint64_t dropped_ = 0;
  bool closed_ = false;
};

}  // namespace profd
