#include "process/mapped_file_pool.h"

#include <algorithm>
#include <functional>

namespace profd {

size_t MappedFileHash::operator()(const MappedFile& file) const {
  size_t hash = std::hash<std::string>()(file.path);
  for (const uint64_t part : {uint64_t{file.device_major}, uint64_t{file.device_minor}, file.inode}) {
    hash = (hash ^ part) * 0x9E3779B97F4A7C15u;
    hash ^= hash >> 32;
  }
  return hash;
}

std::shared_ptr<const MappedFile> MappedFilePool::Intern(const MappedFile& file) {
  const size_t hash = MappedFileHash()(file);
  const auto [first, last] = files_.equal_range(hash);
  for (auto known = first; known != last; ++known) {
    if (std::shared_ptr<const MappedFile> shared = known->second.lock(); shared && *shared == file) return shared;
  }
  if (files_.size() >= sweep_at_) Sweep();
  const size_t bytes = sizeof(MappedFile) + 64 + file.path.size();
  if (*bytes_ + bytes > max_bytes_) return nullptr;
  *bytes_ += bytes;
  std::shared_ptr<const MappedFile> shared(new MappedFile(file), [bytes, total = bytes_](const MappedFile* gone) {
    delete gone;
    *total -= bytes;
  });
  files_.emplace(hash, shared);
  return shared;
}

void MappedFilePool::Sweep() {
  std::erase_if(files_, [](const auto& entry) { return entry.second.expired(); });
  sweep_at_ = std::max<size_t>(256, files_.size() * 2);
}

}  // namespace profd
