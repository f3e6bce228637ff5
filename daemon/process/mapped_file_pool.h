// One MappedFile for all who map that file.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <unordered_map>

#include "process/process_table.h"

namespace profd {

struct MappedFileHash {
  size_t operator()(const MappedFile& file) const;
};

/// Not thread safe; the files handed out may go away in any thread. Bounded by the bytes of those in use.
class MappedFilePool {
 public:
  explicit MappedFilePool(size_t max_bytes) : max_bytes_(max_bytes) {}

  /// Null when the files in use take too much memory.
  std::shared_ptr<const MappedFile> Intern(const MappedFile& file);
  size_t bytes() const { return *bytes_; }

 private:
  void Sweep();

  const size_t max_bytes_;
  // Shared with each file's deleter, which may run after the pool is gone.
  std::shared_ptr<std::atomic<size_t>> bytes_ = std::make_shared<std::atomic<size_t>>(0);
  std::unordered_multimap<size_t, std::weak_ptr<const MappedFile>> files_;  // by hash, so that a path is kept once
  size_t sweep_at_ = 256;
};

}  // namespace profd
