// Words of a position-independent object that the loader fills in (RELATIVE relocations with their values beside them).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "elf/layout.h"

namespace profd::elf {

/// Each question reads the whole table once. Without such a table (or with values in place) it answers from the file.
class Relocations {
 public:
  /// `layout` and `image` outlive it.
  static Relocations Read(const Image& image, const Layout& layout);

  /// The word at `address` as the loader leaves it, less the load address.
  std::optional<uint64_t> WordAt(uint64_t address) const;
  /// Addresses of words that the loader sets to `value`, at most `max`.
  std::vector<uint64_t> WordsWith(uint64_t value, size_t max) const;

 private:
  Relocations(const Image& image, const Layout& layout) : image_(&image), layout_(&layout) {}
  template <typename Visit>
  void ForEach(Visit visit) const;

  const Image* image_;
  const Layout* layout_;
  Piece table_;
};

}  // namespace profd::elf
