// Where things are in an ELF file: its header, segments and sections, of either width, as one form.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "elf/image.h"

namespace profd::elf {

struct Segment {
  uint32_t type = 0, flags = 0;
  uint64_t offset = 0, address = 0, file_size = 0, memory_size = 0;
};

struct Section {
  std::string name;  ///< cut at 63 bytes
  uint32_t type = 0, link = 0;
  uint64_t flags = 0, address = 0, offset = 0, size = 0, entry_size = 0;
};

struct Layout {
  bool is64 = false;
  uint16_t machine = 0;
  std::vector<Segment> segments;
  std::vector<Section> sections;

  /// The first section of that name that has bytes in the file.
  const Section* Find(std::string_view name) const;
  /// The address that a byte of the file is loaded at; the executable segment wins where several hold it.
  std::optional<uint64_t> AddressOf(uint64_t offset) const;
  /// The place in the file of `size` bytes that are loaded at `address`.
  std::optional<uint64_t> OffsetOf(uint64_t address, uint64_t size) const;
  /// The executable segment that holds `address`.
  const Segment* ExecutableAt(uint64_t address) const;
};

/// Refuses, by name of the reason: what is no little-endian executable or library, and tables outside the file.
absl::StatusOr<Layout> ReadLayout(const Image& image);

}  // namespace profd::elf
