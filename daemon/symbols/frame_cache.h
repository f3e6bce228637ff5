// Remembers what addresses stand for: for sampled ones only, compactly.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "symbols/name_pool.h"
#include "worker/object_analyzer.h"

namespace profd {

/// Not thread safe. Bounded by entries and by the bytes of their names; the least recently used goes first.
class FrameCache {
 public:
  explicit FrameCache(size_t max_entries);

  /// False when not known. Empty lines are an answer: nothing is there.
  bool Find(uint32_t object, uint64_t position, FrameLines* lines);
  /// At most 64 lines are kept.
  void Insert(uint32_t object, uint64_t position, const FrameLines& lines);

  size_t size() const { return size_; }
  size_t bytes() const;

 private:
  static constexpr uint32_t kEnd = UINT32_MAX;

  struct LineRef {
    const NamePool::Function* function = nullptr;
    uint32_t line = 0;
  };
  struct Entry {
    uint64_t position = 0;
    const NamePool::Function* function = nullptr;  // null: no line
    uint32_t object = 0;
    uint32_t line = 0;
    uint32_t bucket_next = kEnd;
    uint32_t older = kEnd, newer = kEnd;
    bool inlined = false;  // the callers of the first line are in inlined_
  };

  size_t Bucket(uint32_t object, uint64_t position) const;
  uint32_t IndexOf(uint32_t object, uint64_t position) const;
  uint32_t Allocate();
  void GrowBuckets();
  void Link(uint32_t index);
  void Unlink(uint32_t index);
  void Drop(uint32_t index);

  const size_t max_entries_;
  const size_t max_name_bytes_;
  NamePool names_;
  std::vector<Entry> entries_;
  std::vector<uint32_t> buckets_;                               // a power of two of them, chained through the entries
  std::unordered_map<uint32_t, std::vector<LineRef>> inlined_;  // by entry, the second line on
  uint32_t free_ = kEnd;                                        // dropped entries, chained by bucket_next
  uint32_t oldest_ = kEnd, newest_ = kEnd;
  size_t size_ = 0;
  size_t inlined_lines_ = 0;
};

}  // namespace profd
