// What waits to be told to one client that watches recursion.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <utility>

#include "api/call_control.h"
#include "base/status.h"
#include "recursion/event.h"

namespace profd {

/// Thread safe. Bounded in events and bytes. Once full, the oldest are lost and no more are taken: what waits is still
/// told, then it is over.
class RecursionFeed {
 public:
  static constexpr size_t kMaxEvents = 1024;
  static constexpr size_t kMaxBytes = 8 << 20;

  /// `cut_off` is called, once, when kMaxEvents more came and the client still has not taken what waited. It must not
  /// block.
  explicit RecursionFeed(std::function<void()> cut_off) : cut_off_(std::move(cut_off)) {}

  /// Does not block.
  void Push(const RecursionEvent& event);

  /// Waits for the next. ResourceExhausted: the client was too slow. Unavailable: stopped. Cancelled: `gone` (asked
  /// every 100 ms) says so.
  absl::StatusOr<RecursionEvent> Next(const StopSignal& stop, const std::function<bool()>& gone);

 private:
  void DropOldest();

  const std::function<void()> cut_off_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<RecursionEvent, size_t>> events_;  // with their bytes
  size_t bytes_ = 0;
  bool full_ = false;
  bool over_ = false;
  size_t refused_ = 0;
};

}  // namespace profd
