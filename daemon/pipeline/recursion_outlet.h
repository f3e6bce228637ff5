// Where recursion stories go: to disk, and to those who watch.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/bounded_queue.h"
#include "base/clock.h"
#include "recursion/detector.h"
#include "storage/event_store.h"

namespace profd {

/// Thread safe. A slow disk delays nobody: its writes have a thread and a bounded queue.
class RecursionOutlet {
 public:
  using Sink = std::function<void(const RecursionEvent&)>;

  /// `store` may be null: then nothing is kept. `on_error` is told of failed writes.
  RecursionOutlet(std::unique_ptr<EventStore> store, std::function<void(const absl::Status&)> on_error);
  ~RecursionOutlet();

  /// The stories that were on disk at the start, last seen first.
  const std::vector<RecursionEvent>& loaded() const { return loaded_; }
  /// What is told to the sinks now is on its way to the disk: at once if it is a transition, else once a second.
  void Publish(const RecursionChange& change, BootTime now);
  void Remove(const std::string& id);
  /// While what it returns lives, the sink is called for each change.
  std::shared_ptr<void> Watch(Sink sink);
  /// Changes that are not on disk, for whatever reason.
  uint64_t dropped() const { return writes_.dropped() + unwritten_.load(); }
  uint64_t store_bytes() const { return store_bytes_.load(); }

 private:
  struct Write {
    RecursionEvent event;
    bool remove = false;
  };
  void Load();
  void RunWriter();

  std::vector<RecursionEvent> loaded_;
  const std::unique_ptr<EventStore> store_;
  const std::function<void(const absl::Status&)> on_error_;
  BoundedQueue<Write> writes_{4096, 64 << 20};
  std::map<std::string, BootTime> written_;  // of the publishing thread: when each story was sent to the disk
  std::set<std::string> stored_;             // likewise: which are there
  std::mutex sinks_mutex_;
  std::list<Sink> sinks_;
  std::atomic<uint64_t> store_bytes_{0}, unwritten_{0};
  std::jthread writer_;
};

}  // namespace profd
