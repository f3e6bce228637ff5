// A map that forgets what was least recently used.
#pragma once

#include <cstddef>
#include <list>
#include <unordered_map>
#include <utility>

namespace profd {

/// Not thread safe. Pointers stay valid until the entry goes.
template <typename Key, typename Value, typename Hash>
class LruMap {
 public:
  explicit LruMap(size_t max_size) : max_size_(max_size) {}

  /// Null when absent; else it is the most recently used now.
  Value* Find(const Key& key) {
    const auto found = index_.find(key);
    if (found == index_.end()) return nullptr;
    entries_.splice(entries_.end(), entries_, found->second);
    return &found->second->second;
  }
  const Value* Peek(const Key& key) const {
    const auto found = index_.find(key);
    return found == index_.end() ? nullptr : &found->second->second;
  }

  /// Adds or replaces.
  Value& Put(const Key& key, Value value) {
    if (Value* old = Find(key)) return *old = std::move(value);
    if (entries_.size() >= max_size_) DropOldest();
    entries_.emplace_back(key, std::move(value));
    index_.emplace(key, std::prev(entries_.end()));
    return entries_.back().second;
  }

  void Erase(const Key& key) {
    const auto found = index_.find(key);
    if (found == index_.end()) return;
    entries_.erase(found->second);
    index_.erase(found);
  }

  /// Null when empty.
  const Value* Oldest() const { return entries_.empty() ? nullptr : &entries_.front().second; }
  void DropOldest() {
    if (entries_.empty()) return;
    index_.erase(entries_.front().first);
    entries_.pop_front();
  }
  size_t size() const { return entries_.size(); }

 private:
  const size_t max_size_;
  std::list<std::pair<Key, Value>> entries_;  // least recently used first
  std::unordered_map<Key, typename std::list<std::pair<Key, Value>>::iterator, Hash> index_;
};

}  // namespace profd
