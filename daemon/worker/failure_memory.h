// Which objects made trouble lately, so that they are left alone for a while.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <mutex>

#include "worker/object_analyzer.h"

namespace profd {

/// What a worker is for.
struct ObjectKey {
  FileIdentity identity;
  ObjectKind kind = ObjectKind::kElf;

  auto operator<=>(const ObjectKey&) const = default;
};

/// Thread safe. Bounded: the object whose time is over first is forgotten first.
class FailureMemory {
 public:
  using Time = std::chrono::steady_clock::time_point;

  FailureMemory(std::chrono::milliseconds first_backoff, std::chrono::milliseconds longest_backoff,
                std::chrono::milliseconds refusal_time)
      : first_backoff_(first_backoff), longest_backoff_(longest_backoff), refusal_time_(refusal_time) {}

  /// OK, or why not to ask about it at `now`: Unavailable in backoff, the refusal itself while it is remembered.
  absl::Status Check(const ObjectKey& key, Time now) const;
  /// A crash or a time-out: each one in a row doubles the time.
  void Failed(const ObjectKey& key, const absl::Status& why, Time now);
  /// The object was looked at and is no good; looking again soon would say the same.
  void Refused(const ObjectKey& key, const absl::Status& why, Time now);
  void Succeeded(const ObjectKey& key);

 private:
  struct Entry {
    absl::Status why;
    bool refused = false;
    unsigned failures = 0;
    Time until;
  };
  void Remember(const ObjectKey& key, Entry entry);

  const std::chrono::milliseconds first_backoff_, longest_backoff_, refusal_time_;
  mutable std::mutex mutex_;
  std::map<ObjectKey, Entry> entries_;
};

}  // namespace profd
