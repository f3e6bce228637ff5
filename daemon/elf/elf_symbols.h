// Which of an object's symbol tables serve, and what they say.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "elf/layout.h"
#include "elf/symbol_index.h"

namespace profd::elf {

class ElfSymbols {
 public:
  /// .symtab; without one .dynsym and, packed in .gnu_debugdata, what .dynsym lacks. A broken table is passed over;
  /// when none is left its error is the result. `image` outlives it.
  static absl::StatusOr<std::unique_ptr<ElfSymbols>> Load(const Image& image, const Layout& layout);

  /// "symtab", "dynsym", "gnu_debugdata" or "none".
  const std::string& source() const { return source_; }
  const SymbolIndex& index() const { return index_; }

 private:
  ElfSymbols() = default;
  absl::Status AddDebugData(const Image& image, const Section& packed);

  std::unique_ptr<Image> unpacked_;  // before the index, whose names lie in it
  SymbolIndex index_;
  std::string source_ = "none";
};

}  // namespace profd::elf
