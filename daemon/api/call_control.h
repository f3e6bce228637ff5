// How long calls wait, how many do so at once, and how all of them end when the server stops.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>

namespace profd {

/// Thread safe. Set once, when the server stops.
class StopSignal {
 public:
  void Set() {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }

  bool stopped() const {
    std::lock_guard lock(mutex_);
    return stopped_;
  }

  /// Waits that long. False, early, once stopped or when `gone` (asked every 100 ms) says so.
  bool Wait(std::chrono::nanoseconds length, const std::function<bool()>& gone) {
    const auto deadline = std::chrono::steady_clock::now() + length;
    std::unique_lock lock(mutex_);
    while (true) {
      if (stopped_ || gone()) return false;
      const auto left = deadline - std::chrono::steady_clock::now();
      if (left <= std::chrono::nanoseconds(0)) return true;
      changed_.wait_for(lock, std::min<std::chrono::nanoseconds>(left, std::chrono::milliseconds(100)));
    }
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false;
};

/// Thread safe. A bounded number of places; a holder gives its place back by ending.
class Slots {
 public:
  class Holder {
   public:
    explicit Holder(Slots* slots) : slots_(slots) {}
    Holder(Holder&& other) noexcept : slots_(std::exchange(other.slots_, nullptr)) {}
    Holder& operator=(Holder&&) = delete;
    ~Holder() {
      if (slots_ != nullptr) slots_->Return();
    }

   private:
    Slots* slots_;
  };

  explicit Slots(int count) : free_(count) {}

  /// Nothing when all places are taken.
  std::optional<Holder> Take() {
    std::lock_guard lock(mutex_);
    if (free_ == 0) return std::nullopt;
    --free_;
    return Holder(this);
  }

 private:
  void Return() {
    std::lock_guard lock(mutex_);
    ++free_;
  }

  std::mutex mutex_;
  int free_;
};

}  // namespace profd
