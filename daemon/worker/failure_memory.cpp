#include "worker/failure_memory.h"

#include <algorithm>

namespace profd {
namespace {

constexpr size_t kMaxEntries = 512;
constexpr unsigned kMaxDoublings = 20;

}  // namespace

absl::Status FailureMemory::Check(const ObjectKey& key, Time now) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end() || now >= found->second.until) return absl::OkStatus();
  const Entry& entry = found->second;
  if (entry.refused) return entry.why;
  const auto left = std::chrono::ceil<std::chrono::seconds>(entry.until - now).count();
  return Error(absl::StatusCode::kUnavailable, "asked about again in {} s, after {} failures: {}", left, entry.failures,
               Message(entry.why));
}

void FailureMemory::Failed(const ObjectKey& key, const absl::Status& why, Time now) {
  const std::lock_guard lock(mutex_);
  const auto known = entries_.find(key);
  const unsigned before = known != entries_.end() && !known->second.refused ? known->second.failures : 0;
  const auto wait = std::min(longest_backoff_, first_backoff_ * (int64_t{1} << std::min(before, kMaxDoublings)));
  Remember(key, {why, false, before + 1, now + wait});
}

void FailureMemory::Refused(const ObjectKey& key, const absl::Status& why, Time now) {
  const std::lock_guard lock(mutex_);
  Remember(key, {why, true, 0, now + refusal_time_});
}

void FailureMemory::Succeeded(const ObjectKey& key) {
  const std::lock_guard lock(mutex_);
  entries_.erase(key);
}

void FailureMemory::Remember(const ObjectKey& key, Entry entry) {
  if (entries_.size() >= kMaxEntries && entries_.find(key) == entries_.end()) {
    entries_.erase(std::min_element(entries_.begin(), entries_.end(),
                                    [](const auto& a, const auto& b) { return a.second.until < b.second.until; }));
  }
  entries_[key] = std::move(entry);
}

}  // namespace profd
