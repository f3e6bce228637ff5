// runtime.moduledata, where a Go program says what is where in it; found in stripped, relocated and section-less
// objects too.
#pragma once

#include <cstdint>
#include <optional>

#include "elf/layout.h"
#include "elf/pclntab.h"
#include "elf/relocations.h"

namespace profd::elf {

/// One thread at a time.
class GoModule {
 public:
  /// Of the program whose table of functions begins with `header` and is loaded at `table`. `layout` and `image`
  /// outlive it.
  GoModule(const Image& image, const Layout& layout, const PclntabHeader& header, uint64_t table);

  bool found() const { return address_.has_value(); }
  /// A word of it, an address as the program itself has it, less where it was loaded. Nothing: not found, or cut off.
  std::optional<uint64_t> Word(uint64_t index) const;
  /// Such a word anywhere in the program.
  std::optional<uint64_t> WordAt(uint64_t address) const { return relocations_.WordAt(address); }

 private:
  struct Start {
    uint64_t table = 0, names = 0;  // its first two words
  };
  bool IsAt(uint64_t address, const Start& start) const;
  std::optional<uint64_t> Find(const Layout& layout, const Image& image, const Start& start) const;
  std::optional<uint64_t> SearchData(const Layout& layout, const Image& image, const Start& start) const;

  Relocations relocations_;
  unsigned word_;
  std::optional<uint64_t> address_;
};

}  // namespace profd::elf
