// Recursion stories on disk: they outlive the process they are about, and profd.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "recursion/event.h"

namespace profd {

/// One thread.
class EventStore {
 public:
  virtual ~EventStore() = default;
  /// Inserts the story or replaces the one with its id. What it returned OK for survives a kill of profd.
  virtual absl::Status Put(const RecursionEvent& event) = 0;
  /// Forgets a story; none with that id is no error.
  virtual absl::Status Remove(const std::string& id) = 0;
  /// All stories, last seen first.
  virtual absl::StatusOr<std::vector<RecursionEvent>> Load() const = 0;
  /// On disk.
  virtual uint64_t bytes() const = 0;
};

struct OpenedEventStore {
  std::unique_ptr<EventStore> store;
  /// Not empty: the file was damaged, and is kept under this name beside a new, empty one.
  std::string set_aside;
};

/// An SQLite database at `path` (mode 0600) of at most `max_events` stories: beyond that the longest unseen goes first.
absl::StatusOr<OpenedEventStore> OpenEventStore(const std::string& path, size_t max_events);

}  // namespace profd
