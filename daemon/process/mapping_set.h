// The executable mappings of one address space.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace profd {

struct MappedFile;

struct MappingRange {
  uint64_t start = 0, limit = 0, offset = 0;
  std::shared_ptr<const MappedFile> file;  ///< never null in a set
};

/// What all sets of one table may hold together.
struct MappingBudget {
  size_t limit = 0;
  size_t used = 0;
};

/// Sorted, without overlaps. Not thread safe. Copies count in the budget like originals, which must outlive them.
class MappingSet {
 public:
  MappingSet(MappingBudget* budget, size_t max_ranges) : budget_(budget), max_ranges_(max_ranges) {}
  MappingSet(const MappingSet& other);
  MappingSet& operator=(const MappingSet&) = delete;
  ~MappingSet() { budget_->used -= ranges_.size(); }

  /// Replaces what was mapped there. False, and nothing changed, when this would be one too many or the range is empty.
  /// Neighbours that continue each other become one range, as the kernel does.
  bool Insert(MappingRange range);
  const MappingRange* Find(uint64_t address) const;

  const std::vector<MappingRange>& ranges() const { return ranges_; }

 private:
  bool Fits(size_t removed, size_t added) const;

  MappingBudget* budget_;
  size_t max_ranges_;
  std::vector<MappingRange> ranges_;
};

}  // namespace profd
