// The names of a Go program's types, by their descriptors (abi.Type), which its read-only data has.
#pragma once

#include <cstdint>
#include <string>

#include "elf/go_module.h"
#include "elf/layout.h"

namespace profd::elf {

/// A longer name is not told.
inline constexpr size_t kMaxTypeName = 1024;

/// One thread at a time.
class GoTypes {
 public:
  /// Of a 64-bit program that this version of Go built. Where its types are not known, none has a name. `image`
  /// outlives it.
  static GoTypes Read(const Image& image, const Layout& layout, const GoModule& module, const std::string& version);

  /// Of the type whose descriptor is at `address`, as Go prints it: "map[string]interface {}". Empty: no descriptor is
  /// there, or its name is not one line of valid UTF-8.
  std::string NameOf(uint64_t address) const;

 private:
  GoTypes() = default;
  std::string_view TextAt(uint64_t offset) const;

  uint64_t start_ = 0;
  Piece types_;  // descriptors and names
};

}  // namespace profd::elf
