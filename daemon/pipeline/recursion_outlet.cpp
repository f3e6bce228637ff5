#include "pipeline/recursion_outlet.h"

namespace profd {
namespace {

constexpr std::chrono::seconds kWriteGap{1};
constexpr size_t kEventBytes = 4096;
// The last word about a story has no later one that would be kept in its place.
constexpr int kTries = 3;
constexpr std::chrono::milliseconds kTryAgain{200};

}  // namespace

RecursionOutlet::RecursionOutlet(std::unique_ptr<EventStore> store, std::function<void(const absl::Status&)> on_error)
    : store_(std::move(store)), on_error_(std::move(on_error)) {
  Load();
  if (store_) writer_ = std::jthread([this] { RunWriter(); });
}

RecursionOutlet::~RecursionOutlet() {
  writes_.Close();
  if (writer_.joinable()) writer_.join();
}

void RecursionOutlet::Load() {
  if (!store_) return;
  auto events = store_->Load();
  if (!events.ok()) {
    on_error_(events.status());
    return;
  }
  loaded_ = *std::move(events);
  store_bytes_ = store_->bytes();
  for (const RecursionEvent& event : loaded_) stored_.insert(event.id);
}

void RecursionOutlet::Publish(const RecursionChange& change, BootTime now) {
  {
    std::lock_guard lock(sinks_mutex_);
    for (const Sink& sink : sinks_) sink(change.event);
  }
  // What is only observed is honest as a rule, and frequent; but a death is kept whatever it was before.
  const RecursionEvent& event = change.event;
  const bool worth = event.grade > RecursionGrade::kObserved || event.state == RecursionState::kCrashed;
  BootTime& written = written_[event.id];
  if (!worth || change.passing || (!change.transition && !change.renamed && now - written < kWriteGap)) return;
  written = now;
  if (!store_) {
    ++unwritten_;
    return;
  }
  stored_.insert(event.id);
  if (!writes_.Push({.event = event}, kEventBytes)) written = {};  // its next change tries again
}

void RecursionOutlet::Remove(const std::string& id) {
  written_.erase(id);
  if (stored_.erase(id) == 0) return;
  writes_.Push({.event = {.id = id}, .remove = true}, kEventBytes);
}

std::shared_ptr<void> RecursionOutlet::Watch(Sink sink) {
  std::lock_guard lock(sinks_mutex_);
  const auto place = sinks_.insert(sinks_.end(), std::move(sink));
  return {this, [place](RecursionOutlet* outlet) {
            std::lock_guard leaving(outlet->sinks_mutex_);
            outlet->sinks_.erase(place);
          }};
}

void RecursionOutlet::RunWriter() {
  while (auto write = writes_.Pop()) {
    absl::Status status;
    for (int tries = 0; tries < kTries; ++tries) {
      if (tries > 0) std::this_thread::sleep_for(kTryAgain);
      status = write->remove ? store_->Remove(write->event.id) : store_->Put(write->event);
      if (status.ok()) break;
    }
    if (!status.ok()) {
      ++unwritten_;
      on_error_(Annotate(status, "keeping a recursion event"));
    }
    store_bytes_ = store_->bytes();
  }
}

}  // namespace profd
