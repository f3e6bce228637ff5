#include "api/recursion_feed.h"

#include <chrono>

namespace profd {
namespace {

constexpr std::chrono::milliseconds kAskGone{100};

size_t BytesOf(const std::vector<CodeFrame>& frames) {
  size_t bytes = 0;
  for (const CodeFrame& frame : frames) bytes += sizeof frame + frame.name.size() + frame.file.size();
  return bytes;
}

size_t BytesOf(const RecursionEvent& event) {
  size_t bytes = sizeof event + event.identity.size() + event.limit_reason.size() + event.reason.size() +
                 event.advice.size() + BytesOf(event.cycle) + BytesOf(event.entry) + BytesOf(event.root);
  for (const RecursionStep& step : event.history) bytes += sizeof step + step.what.size();
  return bytes;
}

}  // namespace

void RecursionFeed::DropOldest() {
  bytes_ -= events_.front().second;
  events_.pop_front();
}

void RecursionFeed::Push(const RecursionEvent& event) {
  std::pair<RecursionEvent, size_t> item(event, BytesOf(event));
  {
    std::lock_guard lock(mutex_);
    if (!full_) {
      bytes_ += item.second;
      events_.push_back(std::move(item));
      while (events_.size() > kMaxEvents || bytes_ > kMaxBytes) {
        full_ = true;
        DropOldest();
      }
      changed_.notify_one();
      return;
    }
    if (over_ || ++refused_ != kMaxEvents) return;
  }
  cut_off_();
}

absl::StatusOr<RecursionEvent> RecursionFeed::Next(const StopSignal& stop, const std::function<bool()>& gone) {
  std::unique_lock lock(mutex_);
  while (true) {
    if (stop.stopped()) return Error(absl::StatusCode::kUnavailable, "profd stops: watch again when it is back");
    if (!events_.empty()) {
      RecursionEvent event = std::move(events_.front().first);
      DropOldest();
      return event;
    }
    if (full_) {
      over_ = true;
      return Error(absl::StatusCode::kResourceExhausted,
                   "this client was too slow and lost events, of which at most {} ({} MiB) wait: 'profctl recursion "
                   "list' shows how all stories stand",
                   kMaxEvents, kMaxBytes >> 20);
    }
    if (gone()) return Error(absl::StatusCode::kCancelled, "the client is gone");
    changed_.wait_for(lock, kAskGone);
  }
}

}  // namespace profd
