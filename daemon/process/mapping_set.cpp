#include "process/mapping_set.h"

#include <algorithm>

#include "process/process_table.h"

namespace profd {
namespace {

/// Whether `right` goes on where `left` ends. Offsets mean nothing in memory that is no file.
bool Continues(const MappingRange& left, const MappingRange& right) {
  if (left.limit != right.start || left.file != right.file) return false;
  return left.file->inode == 0 || left.offset + (left.limit - left.start) == right.offset;
}

}  // namespace

MappingSet::MappingSet(const MappingSet& other)
    : budget_(other.budget_), max_ranges_(other.max_ranges_), ranges_(other.ranges_) {
  budget_->used += ranges_.size();
}

bool MappingSet::Fits(size_t removed, size_t added) const {
  return ranges_.size() - removed + added <= max_ranges_ && budget_->used - removed + added <= budget_->limit;
}

bool MappingSet::Insert(MappingRange range) {
  if (range.start >= range.limit) return false;
  const auto first = std::partition_point(ranges_.begin(), ranges_.end(),
                                          [&](const MappingRange& old) { return old.limit < range.start; });
  const auto last =
      std::partition_point(first, ranges_.end(), [&](const MappingRange& old) { return old.start <= range.limit; });
  std::vector<MappingRange> pieces;  // what [first, last), which touch the new one, become
  const auto add = [&](MappingRange piece) {
    if (piece.start >= piece.limit) return;
    if (!pieces.empty() && Continues(pieces.back(), piece)) {
      pieces.back().limit = piece.limit;
    } else {
      pieces.push_back(std::move(piece));
    }
  };
  for (auto old = first; old != last; ++old) {
    if (old->start < range.start) {
      add({old->start, std::min(old->limit, range.start), old->offset, old->file});
    }
  }
  add(range);
  for (auto old = first; old != last; ++old) {
    const uint64_t start = std::max(old->start, range.limit);
    if (old->limit > range.limit) add({start, old->limit, old->offset + (start - old->start), old->file});
  }

  const size_t removed = static_cast<size_t>(last - first);
  if (pieces.size() > removed && !Fits(removed, pieces.size())) return false;
  budget_->used += pieces.size() - removed;
  const size_t common = std::min(removed, pieces.size());
  const auto rest = std::move(pieces.begin(), pieces.begin() + static_cast<ptrdiff_t>(common), first);
  if (removed > common) ranges_.erase(rest, last);
  ranges_.insert(rest, std::make_move_iterator(pieces.begin() + static_cast<ptrdiff_t>(common)),
                 std::make_move_iterator(pieces.end()));
  return true;
}

const MappingRange* MappingSet::Find(uint64_t address) const {
  const auto found = std::partition_point(ranges_.begin(), ranges_.end(),
                                          [&](const MappingRange& range) { return range.limit <= address; });
  return found != ranges_.end() && found->start <= address ? &*found : nullptr;
}

}  // namespace profd
