#include "elf/image.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cerrno>

namespace profd::elf {

Piece::~Piece() {
  if (mapped_ != nullptr) munmap(mapped_, mapped_size_);
}

absl::StatusOr<std::unique_ptr<Image>> Image::OfFile(UniqueFd fd) {
  struct stat file {};
  // glibc's fstat() is a newfstatat(), which takes paths: the worker's filter cannot allow that one.
  if (syscall(SYS_fstat, fd.get(), &file) != 0) {
    return Error(absl::StatusCode::kInvalidArgument, "cannot look at the file: {}", ErrnoText(errno));
  }
  if (!S_ISREG(file.st_mode)) return Error(absl::StatusCode::kInvalidArgument, "not a regular file");
  const auto size = static_cast<uint64_t>(file.st_size);
  return std::unique_ptr<Image>(new Image(std::move(fd), {}, size));
}

std::unique_ptr<Image> Image::OfMemory(std::string content) {
  const uint64_t size = content.size();
  return std::unique_ptr<Image>(new Image(UniqueFd(), std::move(content), size));
}

absl::StatusOr<Piece> Image::Map(uint64_t offset, uint64_t size, std::string_view what) const {
  if (offset > size_ || size_ - offset < size) {
    return Error(absl::StatusCode::kInvalidArgument, "{} (offset {}, {} bytes) lies outside the file of {} bytes", what,
                 offset, size, size_);
  }
  if (!fd_) return Piece(Bytes(content_.data() + offset, size));
  if (size == 0) return Piece();
  static const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  const uint64_t start = offset & ~(page - 1);
  const size_t length = size + (offset - start);
  // Shared: into private mappings of a file, executable or not, the kernel puts the breakpoints of uprobes.
  void* mapped = mmap(nullptr, length, PROT_READ, MAP_SHARED, fd_.get(), static_cast<off_t>(start));
  if (mapped == MAP_FAILED) {
    return Error(absl::StatusCode::kInvalidArgument, "cannot map {} ({} bytes): {}", what, size, ErrnoText(errno));
  }
  return Piece(Bytes(static_cast<char*>(mapped) + (offset - start), size), mapped, length);
}

}  // namespace profd::elf
