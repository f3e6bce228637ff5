// The bytes of one object. A file is mapped piece by piece, so that a large one costs only what is looked at.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "base/status.h"
#include "base/unique_fd.h"
#include "elf/bytes.h"

namespace profd::elf {

/// A piece of an image; unmapped when it goes.
class Piece {
 public:
  Piece() = default;
  explicit Piece(Bytes bytes) : bytes_(bytes) {}
  Piece(Bytes bytes, void* mapped, size_t mapped_size) : bytes_(bytes), mapped_(mapped), mapped_size_(mapped_size) {}
  Piece(Piece&& other) noexcept { *this = std::move(other); }
  Piece& operator=(Piece&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(mapped_, other.mapped_);
    std::swap(mapped_size_, other.mapped_size_);
    return *this;
  }
  Piece(const Piece&) = delete;
  Piece& operator=(const Piece&) = delete;
  ~Piece();

  const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
  void* mapped_ = nullptr;
  size_t mapped_size_ = 0;
};

/// One thread at a time. A file that shrinks while it is read kills the process (SIGBUS): only a worker may do this.
class Image {
 public:
  /// Refuses what is no regular file.
  static absl::StatusOr<std::unique_ptr<Image>> OfFile(UniqueFd fd);
  static std::unique_ptr<Image> OfMemory(std::string content);

  uint64_t size() const { return size_; }

  /// `what` names the piece in the error, which says that it lies outside or cannot be mapped. The image outlives its
  /// pieces.
  absl::StatusOr<Piece> Map(uint64_t offset, uint64_t size, std::string_view what) const;

 private:
  Image(UniqueFd fd, std::string content, uint64_t size)
      : fd_(std::move(fd)), content_(std::move(content)), size_(size) {}

  const UniqueFd fd_;  // none: `content_` is it
  const std::string content_;
  const uint64_t size_;
};

}  // namespace profd::elf
