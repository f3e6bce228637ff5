#include "symbols/frame_cache.h"

#include <algorithm>
#include <limits>

namespace profd {
namespace {

constexpr size_t kMaxLines = 64;
constexpr size_t kNameBytesPerEntry = 128;
constexpr size_t kInlinedOverhead = 64;

uint32_t LineNumber(int64_t line) {
  return line > 0 && line <= std::numeric_limits<uint32_t>::max() ? static_cast<uint32_t>(line) : 0;
}

FrameLine ToFrameLine(const PooledFunction& function, uint32_t line) {
  return {function.name->first, function.system_name->first, function.file->first, line, function.start_line,
          function.wrapper};
}

}  // namespace

FrameCache::FrameCache(size_t max_entries)
    : max_entries_(std::clamp<size_t>(max_entries, 1, kEnd - 1)),
      max_name_bytes_(std::max<size_t>(max_entries_ * kNameBytesPerEntry, 1 << 20)),
      buckets_(64, kEnd) {}

size_t FrameCache::bytes() const {
  return entries_.capacity() * sizeof(Entry) + buckets_.capacity() * sizeof(uint32_t) + names_.bytes() +
         inlined_.size() * kInlinedOverhead + inlined_lines_ * sizeof(LineRef);
}

size_t FrameCache::Bucket(uint32_t object, uint64_t position) const {
  uint64_t hash = (position ^ uint64_t{object} << 40) * 0x9E3779B97F4A7C15u;
  hash ^= hash >> 32;
  return hash & (buckets_.size() - 1);
}

uint32_t FrameCache::IndexOf(uint32_t object, uint64_t position) const {
  uint32_t index = buckets_[Bucket(object, position)];
  while (index != kEnd && (entries_[index].position != position || entries_[index].object != object)) {
    index = entries_[index].bucket_next;
  }
  return index;
}

bool FrameCache::Find(uint32_t object, uint64_t position, FrameLines* lines) {
  const uint32_t index = IndexOf(object, position);
  if (index == kEnd) return false;
  Unlink(index);
  Link(index);
  const Entry& entry = entries_[index];
  lines->clear();
  if (entry.function == nullptr) return true;
  lines->push_back(ToFrameLine(entry.function->first, entry.line));
  if (!entry.inlined) return true;
  for (const LineRef& caller : inlined_.at(index)) lines->push_back(ToFrameLine(caller.function->first, caller.line));
  return true;
}

void FrameCache::Insert(uint32_t object, uint64_t position, const FrameLines& lines) {
  if (const uint32_t old = IndexOf(object, position); old != kEnd) Drop(old);
  if (size_ >= max_entries_) Drop(oldest_);
  const uint32_t index = Allocate();
  Entry& entry = entries_[index];
  entry = {.position = position, .object = object};
  if (!lines.empty()) {
    entry.function = names_.Acquire(lines[0]);
    entry.line = LineNumber(lines[0].line);
  }
  const size_t count = std::min(lines.size(), kMaxLines);
  if (count > 1) {
    entry.inlined = true;
    std::vector<LineRef>& callers = inlined_[index];
    callers.reserve(count - 1);
    for (size_t i = 1; i < count; ++i) callers.push_back({names_.Acquire(lines[i]), LineNumber(lines[i].line)});
    inlined_lines_ += count - 1;
  }
  uint32_t& bucket = buckets_[Bucket(object, position)];
  entry.bucket_next = bucket;
  bucket = index;
  Link(index);
  ++size_;
  while (names_.bytes() > max_name_bytes_ && size_ > 1) Drop(oldest_);
}

uint32_t FrameCache::Allocate() {
  if (free_ != kEnd) {
    const uint32_t index = free_;
    free_ = entries_[index].bucket_next;
    return index;
  }
  if (entries_.size() >= buckets_.size()) GrowBuckets();
  if (entries_.size() == entries_.capacity()) {
    entries_.reserve(std::min(max_entries_, std::max<size_t>(64, entries_.size() * 2)));  // no further than ever used
  }
  entries_.emplace_back();
  return static_cast<uint32_t>(entries_.size() - 1);
}

void FrameCache::GrowBuckets() {
  buckets_.assign(buckets_.size() * 2, kEnd);
  for (uint32_t index = oldest_; index != kEnd; index = entries_[index].newer) {
    uint32_t& bucket = buckets_[Bucket(entries_[index].object, entries_[index].position)];
    entries_[index].bucket_next = bucket;
    bucket = index;
  }
}

void FrameCache::Link(uint32_t index) {
  entries_[index].older = newest_;
  entries_[index].newer = kEnd;
  (newest_ == kEnd ? oldest_ : entries_[newest_].newer) = index;
  newest_ = index;
}

void FrameCache::Unlink(uint32_t index) {
  const Entry& entry = entries_[index];
  (entry.older == kEnd ? oldest_ : entries_[entry.older].newer) = entry.newer;
  (entry.newer == kEnd ? newest_ : entries_[entry.newer].older) = entry.older;
}

void FrameCache::Drop(uint32_t index) {
  Entry& entry = entries_[index];
  uint32_t* link = &buckets_[Bucket(entry.object, entry.position)];
  while (*link != index) link = &entries_[*link].bucket_next;
  *link = entry.bucket_next;
  Unlink(index);
  if (entry.function != nullptr) names_.Release(entry.function);
  if (entry.inlined) {
    const auto callers = inlined_.find(index);
    for (const LineRef& caller : callers->second) names_.Release(caller.function);
    inlined_lines_ -= callers->second.size();
    inlined_.erase(callers);
  }
  entry = {.bucket_next = free_};
  free_ = index;
  --size_;
}

}  // namespace profd
