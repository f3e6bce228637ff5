// Symbols from a text file: names by address, and reading such a file line by line.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace profd::elf {

/// Bounded in entries and bytes of names. Fill with Add, then Finish, then ask. One thread at a time.
class TextTable {
 public:
  /// `rank` decides which of several entries that hold an address wins: the largest. Refuses entries beyond the bounds.
  absl::Status Add(uint64_t start, uint64_t size, std::string_view name, uint32_t rank);
  void Finish();
  /// Ends every entry where the next one starts, or `max_size` after its own start. Entries of one start become the one
  /// of the largest rank.
  void EndEachAtTheNext(uint64_t max_size);

  std::optional<std::string_view> Find(uint64_t address) const;
  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    uint64_t start, size;
    uint32_t name, name_size, rank;
  };
  std::vector<Entry> entries_;
  std::string names_;
};

/// Calls `line` for each whole line (without its newline) of the file, from its start; stops at the first error.
/// Refuses files beyond 64 MiB. Lines longer than 64 KiB are passed over; so is a last one without newline (it is being
/// written).
absl::Status ForEachLine(int fd, const std::function<absl::Status(std::string_view)>& line);

/// A hexadecimal number at the start of `text`, which is moved past it and the blanks after it.
std::optional<uint64_t> TakeHex(std::string_view& text);

}  // namespace profd::elf
