// Reading bytes that somebody hostile wrote: nothing outside is ever touched, and nothing needs alignment.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <type_traits>

namespace profd::elf {

/// The longest name that is read out of an object; longer ones are cut.
inline constexpr size_t kMaxName = 4096;

/// A view; whoever made it keeps the bytes.
class Bytes {
 public:
  Bytes() = default;
  Bytes(const void* data, size_t size) : data_(static_cast<const char*>(data)), size_(size) {}
  explicit Bytes(std::string_view text) : Bytes(text.data(), text.size()) {}

  size_t size() const { return size_; }
  const char* data() const { return data_; }
  std::string_view view() const { return {data_, size_}; }

  /// The value at `offset`, or nothing when it is not all inside.
  template <typename T>
  std::optional<T> At(uint64_t offset) const {
    static_assert(std::is_trivially_copyable_v<T>);
    if (offset > size_ || size_ - offset < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, data_ + offset, sizeof(T));
    return value;
  }

  /// A pointer-sized word of `width` 4 or 8 bytes.
  std::optional<uint64_t> Word(uint64_t offset, unsigned width) const {
    if (width == 8) return At<uint64_t>(offset);
    return At<uint32_t>(offset);
  }

  std::optional<Bytes> Slice(uint64_t offset, uint64_t size) const {
    if (offset > size_ || size_ - offset < size) return std::nullopt;
    return Bytes(data_ + offset, size);
  }
  std::optional<Bytes> From(uint64_t offset) const {
    if (offset > size_) return std::nullopt;
    return Bytes(data_ + offset, size_ - offset);
  }

  /// The NUL-terminated text at `offset`: cut at `max` bytes and at the end, empty when `offset` is outside.
  std::string_view Text(uint64_t offset, size_t max = kMaxName) const {
    if (offset >= size_) return {};
    const char* start = data_ + offset;
    return {start, strnlen(start, size_ - offset < max ? size_ - offset : max)};
  }

 private:
  const char* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace profd::elf
