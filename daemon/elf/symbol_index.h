// Address -> function, from ELF symbol tables.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "elf/layout.h"

namespace profd::elf {

struct Symbol {
  std::string_view name;  ///< as the table has it; valid as long as the index
  uint64_t address = 0;
};

/// Fill with Add, then Finish once, then ask. 24 bytes a function; names stay in the file. One thread at a time.
class SymbolIndex {
 public:
  /// Takes the function symbols of `table`, which is a section of `layout`. Labels without a type in executable
  /// sections are taken too, for addresses that no function holds (hand-written assembly).
  absl::Status Add(const Image& image, const Layout& layout, const Section& table);
  /// Sorts. Of several names for one place a global one stays, then the one with fewer leading underscores. A function
  /// without size reaches to the next one or to the end of its segment.
  void Finish(const Layout& layout);

  std::optional<Symbol> Find(uint64_t address) const;
  /// Calls `visit` with each function, by address.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (const Entry& entry : functions_) visit(Symbol{.name = NameOf(entry), .address = entry.start});
  }
  size_t size() const { return functions_.size(); }

 private:
  struct Entry {
    uint64_t start;
    uint32_t size;
    uint32_t name;
    uint8_t names_piece;
    uint8_t rank;  // smaller is better
  };
  std::string_view NameOf(const Entry& entry) const { return names_[entry.names_piece].bytes().Text(entry.name); }
  bool Before(const Entry& a, const Entry& b) const;
  void Sort(std::vector<Entry>& entries) const;
  const Entry* FindIn(const std::vector<Entry>& entries, uint64_t address) const;
  template <typename Raw>
  absl::Status AddAll(const Bytes& table, const Layout& layout);

  std::vector<Piece> names_;
  std::vector<Entry> functions_;
  std::vector<Entry> labels_;
};

}  // namespace profd::elf
