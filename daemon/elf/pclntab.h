// Go's table of functions and lines (.gopclntab, Go 1.18 and newer): address -> name, file, line.
//
// Format (runtime/symtab.go, cmd/link): a header {magic, 0, 0, quantum, word size}, then words: functions, files, start
// of the text, and the offsets of five tables from the header. All of it is checked before and while it is read.
#pragma once

#include <absl/container/inlined_vector.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "elf/bytes.h"
#include "elf/image.h"

namespace profd::elf {

/// The fixed part, read and checked against the size of what follows.
struct PclntabHeader {
  bool has_start_lines = false;  ///< Go 1.20 and newer
  unsigned quantum = 1, word = 8;
  uint64_t functions = 0;
  uint64_t names = 0, units = 0, files = 0, values = 0, records = 0;  ///< offsets of the tables
  uint64_t text_start_at = 0;                                         ///< offset of the word, see FindGoText
};

/// Refuses other magics, and counts and offsets that do not fit into `table`.
absl::StatusOr<PclntabHeader> ReadPclntabHeader(const Bytes& table);

struct GoPosition {
  std::string_view name, file;
  int64_t line = 0, start_line = 0;  ///< 0: unknown
  bool wrapper = false;              ///< made by the compiler around another function; the runtime does not show it
};

using GoPositions = absl::InlinedVector<GoPosition, 3>;

/// The deepest nesting of inlined calls that is followed; the compiler stops far earlier.
inline constexpr size_t kMaxInlined = 60;

/// One thread at a time.
class Pclntab {
 public:
  /// `text` is where the functions' offsets count from. `function_data` begins at moduledata.gofunc; empty where that
  /// is not known: then inlined calls are not seen. `wrapper_id`: the kind of functions that are wrappers, if known.
  Pclntab(Piece table, const PclntabHeader& header, uint64_t text, Piece function_data,
          std::optional<uint8_t> wrapper_id = std::nullopt);

  uint64_t size() const { return header_.functions; }
  uint64_t text() const { return text_; }
  /// The end of the last function.
  uint64_t text_end() const { return text_ + text_size_; }
  bool Holds(uint64_t address) const { return address >= text_ && address - text_ < text_size_; }

  /// The calls that are at `address`: the innermost inlined one first, the function itself last. Empty: unknown. A tree
  /// of inlined calls that runs in a circle or is deeper than kMaxInlined is left out.
  GoPositions Find(uint64_t address) const;
  /// How far above the stack pointer the return address is, bytes, before the instruction at `address` (pcsp). Nothing
  /// in functions that change the stack pointer in ways the table does not follow.
  std::optional<uint32_t> StackDelta(uint64_t address) const;
  /// Where the functions called exactly so start, without those that are not there; the keys are the views that were
  /// passed. Looks at each function once: ask for all names together.
  std::map<std::string_view, uint64_t> EntriesOf(std::vector<std::string_view> names) const;

 private:
  /// Until which distance from the function's start a value holds.
  struct Run {
    uint32_t end = 0;
    int32_t value = 0;
  };
  using Runs = std::vector<Run>;
  static std::optional<int32_t> ValueAt(const Runs& runs, uint32_t distance);

  /// A function, decoded: who is sampled once is sampled again, at another instruction.
  struct Function {
    Bytes record;
    std::string_view name;
    uint32_t entry = 0;  ///< from the start of the text
    int64_t start_line = 0;
    bool wrapper = false;
    std::optional<uint32_t> unit;
    Runs files, lines, inlined;
  };

  std::optional<uint32_t> EntryOf(uint64_t index) const;
  std::optional<Bytes> RecordOf(uint64_t index) const;
  std::optional<uint64_t> IndexOf(uint32_t offset) const;
  /// That holds the byte `offset` into the text; null: none, or broken.
  const Function* FunctionAt(uint32_t offset) const;
  std::unique_ptr<Function> DecodeFunction(uint64_t index) const;
  /// The function's sequence whose number is `field` bytes into its record.
  Runs RunsOf(const Bytes& record, uint64_t field) const;
  std::string_view NameAt(uint32_t name) const { return table_.bytes().Text(header_.names + name); }
  GoPosition PlaceOf(const Function& function, uint32_t distance) const;
  std::string_view FileOf(const Function& function, uint32_t distance) const;
  std::optional<Bytes> InlineTreeOf(const Bytes& record) const;
  std::optional<GoPositions> InlinedAt(const Function& function, uint32_t& distance) const;
  bool IsWrapper(std::optional<uint8_t> function_kind) const {
    return wrapper_id_ && function_kind && *function_kind == *wrapper_id_;
  }

  Piece table_, function_data_;
  PclntabHeader header_;
  uint64_t text_;
  uint32_t text_size_ = 0;
  std::optional<uint8_t> wrapper_id_;
  std::vector<uint32_t> first_in_page_;  // for each kPage of the text, the function that holds its first byte
  mutable std::vector<std::unique_ptr<Function>> decoded_;  // by index; null: not now
  mutable size_t decoded_runs_ = 0;
};

}  // namespace profd::elf
