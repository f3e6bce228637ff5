#include "elf/pclntab.h"

#include <algorithm>

namespace profd::elf {
namespace {

constexpr uint32_t kMagic118 = 0xfffffff0, kMagic120 = 0xfffffff1;
constexpr uint32_t kMagic116 = 0xfffffffa, kMagic12 = 0xfffffffb;
constexpr uint64_t kWordsAt = 8, kWords = 8;
constexpr uint64_t kMaxFunctions = uint64_t{1} << 24;

// Offsets in a function's record.
constexpr uint64_t kEntryAt = 0, kNameAt = 4, kStackAt = 16, kFileAt = 20, kLineAt = 24, kValuesAt = 28, kUnitAt = 32;
constexpr uint64_t kStartLineAt = 36;  // since Go 1.20; it moved what follows
constexpr uint64_t kKindAt = 36;
// Behind the fixed part stand the numbers of its other sequences, then offsets of its data.
constexpr uint32_t kPage = 4096;
constexpr uint64_t kInlineValue = 2, kInlineData = 3;

absl::Status Refused(std::string_view why) { return Error(absl::StatusCode::kInvalidArgument, "gopclntab: {}", why); }

absl::Status CheckMagic(uint32_t magic) {
  if (magic == kMagic118 || magic == kMagic120) return absl::OkStatus();
  if (magic == kMagic116 || magic == kMagic12) return Refused("of Go 1.17 or older");
  return Error(absl::StatusCode::kInvalidArgument, "gopclntab: unknown magic {:#x}", magic);
}

}  // namespace

absl::StatusOr<PclntabHeader> ReadPclntabHeader(const Bytes& table) {
  const auto magic = table.At<uint32_t>(0);
  const auto zeros = table.At<uint16_t>(4);
  const auto quantum = table.At<uint8_t>(6), word = table.At<uint8_t>(7);
  if (!magic || !zeros || !quantum || !word) return Refused("too short for its header");
  RETURN_IF_ERROR(CheckMagic(*magic));
  if (*zeros != 0 || (*quantum != 1 && *quantum != 2 && *quantum != 4) || (*word != 4 && *word != 8)) {
    return Refused("a broken header");
  }
  PclntabHeader header{.has_start_lines = *magic == kMagic120, .quantum = *quantum, .word = *word};
  uint64_t words[kWords];
  for (uint64_t i = 0; i < kWords; ++i) {
    const auto value = table.Word(kWordsAt + i * header.word, header.word);
    if (!value) return Refused("too short for its header");
    words[i] = *value;
  }
  header.functions = words[0];
  header.text_start_at = kWordsAt + 2 * header.word;
  header.names = words[3];
  header.units = words[4];
  header.files = words[5];
  header.values = words[6];
  header.records = words[7];
  for (const uint64_t offset : {header.names, header.units, header.files, header.values, header.records}) {
    if (offset >= table.size()) return Refused("a table lies outside");
  }
  if (header.names > header.units || header.units > header.files || header.files > header.values) {
    return Refused("its tables are out of order");
  }
  // Two numbers a function, and the end of the last one.
  if (header.functions == 0 || header.functions > kMaxFunctions ||
      table.size() - header.records < header.functions * 8 + 4) {
    return Error(absl::StatusCode::kInvalidArgument, "gopclntab: claims {} functions in {} bytes", header.functions,
                 table.size() - header.records);
  }
  return header;
}

Pclntab::Pclntab(Piece table, const PclntabHeader& header, uint64_t text, Piece function_data,
                 std::optional<uint8_t> wrapper_id)
    : table_(std::move(table)),
      function_data_(std::move(function_data)),
      header_(header),
      text_(text),
      wrapper_id_(wrapper_id) {
  text_size_ = EntryOf(header_.functions).value_or(0);
  decoded_.resize(header_.functions);
  first_in_page_.reserve(text_size_ / kPage + 1);
  // Where the entries are out of order, as somebody crafted them, some functions are not found.
  uint64_t index = 0;
  for (uint64_t at = 0; at < text_size_; at += kPage) {
    while (index + 1 < header_.functions && *EntryOf(index + 1) <= at) ++index;
    first_in_page_.push_back(static_cast<uint32_t>(index));
  }
}

std::optional<uint32_t> Pclntab::EntryOf(uint64_t index) const {
  return table_.bytes().At<uint32_t>(header_.records + index * 8);
}

std::optional<Bytes> Pclntab::RecordOf(uint64_t index) const {
  const auto offset = table_.bytes().At<uint32_t>(header_.records + index * 8 + 4);
  return offset ? table_.bytes().From(header_.records + *offset) : std::nullopt;
}

std::optional<uint64_t> Pclntab::IndexOf(uint32_t offset) const {
  const size_t page = offset / kPage;
  if (page >= first_in_page_.size()) return std::nullopt;
  uint64_t low = first_in_page_[page];
  uint64_t high = page + 1 < first_in_page_.size() ? first_in_page_[page + 1] + uint64_t{1} : header_.functions;
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    if (*EntryOf(middle) <= offset) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0) return std::nullopt;
  return low - 1;
}

const Pclntab::Function* Pclntab::FunctionAt(uint32_t offset) const {
  constexpr size_t kMaxRuns = size_t{2} << 20;  // 16 MiB
  const auto index = IndexOf(offset);
  if (!index) return nullptr;
  std::unique_ptr<Function>& known = decoded_[*index];
  if (!known) {
    auto function = DecodeFunction(*index);
    if (!function) return nullptr;
    const size_t runs = function->files.size() + function->lines.size() + function->inlined.size();
    if (decoded_runs_ + runs > kMaxRuns) {
      for (auto& one : decoded_) one.reset();
      decoded_runs_ = 0;
    }
    decoded_runs_ += runs;
    known = std::move(function);
  }
  return offset < known->entry ? nullptr : known.get();
}

std::unique_ptr<Pclntab::Function> Pclntab::DecodeFunction(uint64_t index) const {
  const auto record = RecordOf(index);
  const auto entry = record ? record->At<uint32_t>(kEntryAt) : std::nullopt;
  const auto name = record ? record->At<uint32_t>(kNameAt) : std::nullopt;
  if (!entry || !name) return nullptr;
  auto function = std::make_unique<Function>();
  function->record = *record;
  function->entry = *entry;
  function->name = NameAt(*name);
  function->unit = record->At<uint32_t>(kUnitAt);
  function->files = RunsOf(*record, kFileAt);
  function->lines = RunsOf(*record, kLineAt);
  if (InlineTreeOf(*record)) {
    function->inlined = RunsOf(*record, (header_.has_start_lines ? 44 : 40) + kInlineValue * 4);
  }
  // Older tables do not say where a function starts; its first instruction belongs to that line.
  const auto start = header_.has_start_lines ? record->At<int32_t>(kStartLineAt) : ValueAt(function->lines, 0);
  function->start_line = std::max(start.value_or(0), 0);
  function->wrapper = IsWrapper(record->At<uint8_t>(header_.has_start_lines ? kKindAt + 4 : kKindAt));
  return function;
}

// A sequence of (value delta as zigzag, address delta) pairs of varints, which ends at a value delta of 0. What is
// behind a break in it is not known.
Pclntab::Runs Pclntab::RunsOf(const Bytes& record, uint64_t field) const {
  constexpr uint64_t kMaxSequence = uint64_t{1} << 20;
  Runs runs;
  const auto sequence = record.At<uint32_t>(field);
  if (!sequence || *sequence == 0) return runs;
  const auto rest = table_.bytes().From(header_.values + *sequence);
  if (!rest) return runs;
  const auto* next = reinterpret_cast<const uint8_t*>(rest->data());
  const uint8_t* const end = next + std::min<uint64_t>(rest->size(), kMaxSequence);
  const auto varint = [&](uint32_t& value) {
    value = 0;
    for (unsigned shift = 0; shift < 35 && next < end; shift += 7) {
      const uint8_t byte = *next++;
      value |= static_cast<uint32_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return true;
    }
    return false;
  };
  uint32_t value = UINT32_MAX, value_delta = 0, address_delta = 0;
  uint64_t reached = 0;
  while (varint(value_delta) && (value_delta != 0 || runs.empty()) && varint(address_delta)) {
    value += (value_delta & 1) != 0 ? ~(value_delta >> 1) : value_delta >> 1;
    reached += uint64_t{address_delta} * header_.quantum;
    if (reached > UINT32_MAX) break;
    runs.push_back({.end = static_cast<uint32_t>(reached), .value = static_cast<int32_t>(value)});
  }
  return runs;
}

std::optional<int32_t> Pclntab::ValueAt(const Runs& runs, uint32_t distance) {
  const auto run = std::ranges::upper_bound(runs, distance, {}, &Run::end);
  return run == runs.end() ? std::nullopt : std::optional(run->value);
}

std::string_view Pclntab::FileOf(const Function& function, uint32_t distance) const {
  const auto number = ValueAt(function.files, distance);
  if (!number || *number < 0 || !function.unit) return {};
  const uint64_t index = uint64_t{*function.unit} + static_cast<uint32_t>(*number);
  const auto file = table_.bytes().At<uint32_t>(header_.units + index * 4);
  if (!file || *file == UINT32_MAX || header_.units + index * 4 >= header_.files) return {};
  return table_.bytes().Text(header_.files + *file);
}

// Everything but whose line it is.
GoPosition Pclntab::PlaceOf(const Function& function, uint32_t distance) const {
  return {.file = FileOf(function, distance), .line = std::max(ValueAt(function.lines, distance).value_or(0), 0)};
}

std::optional<Bytes> Pclntab::InlineTreeOf(const Bytes& record) const {
  const uint64_t fixed = header_.has_start_lines ? 44 : 40;
  const auto values = record.At<uint32_t>(kValuesAt);
  const auto datas = record.At<uint8_t>(fixed - 1);
  if (!values || *values <= kInlineValue || !datas || *datas <= kInlineData) return std::nullopt;
  const auto tree = record.At<uint32_t>(fixed + uint64_t{*values} * 4 + kInlineData * 4);
  if (!tree || *tree == UINT32_MAX) return std::nullopt;
  return function_data_.bytes().From(*tree);
}

// The inlined calls at `distance`, which then is the place in the function itself that the outermost was called at.
// Nothing: a broken tree.
//
// A node (runtime/symtabinl.go) names a call that was inlined and the address that stands for its place in its caller.
// Go 1.20 and newer: {function kind u8, 3 unused, name i32, parent's address i32, start line i32}; before: {parent i16,
// kind u8, unused, file i32, line i32, name i32, parent's address i32}.
std::optional<GoPositions> Pclntab::InlinedAt(const Function& function, uint32_t& distance) const {
  const bool is_new = header_.has_start_lines;
  const uint64_t node_size = is_new ? 16 : 20, name_at = is_new ? 4 : 12, parent_at = is_new ? 8 : 16;
  GoPositions calls;
  if (function.inlined.empty()) return calls;
  const auto tree = InlineTreeOf(function.record);
  if (!tree) return calls;
  while (true) {
    const int32_t node = ValueAt(function.inlined, distance).value_or(-1);
    if (node < 0) return calls;
    const auto bytes = tree->Slice(uint64_t(node) * node_size, node_size);
    if (!bytes || calls.size() == kMaxInlined) return std::nullopt;
    GoPosition call = PlaceOf(function, distance);
    call.name = NameAt(*bytes->At<uint32_t>(name_at));
    if (is_new) call.start_line = std::max(*bytes->At<int32_t>(12), 0);
    call.wrapper = IsWrapper(bytes->At<uint8_t>(is_new ? 0 : 2));
    if (call.name.empty()) return std::nullopt;
    calls.push_back(call);
    distance = *bytes->At<uint32_t>(parent_at);
  }
}

GoPositions Pclntab::Find(uint64_t address) const {
  if (!Holds(address)) return {};
  const auto offset = static_cast<uint32_t>(address - text_);
  const Function* function = FunctionAt(offset);
  if (function == nullptr || function->name.empty()) return {};

  const uint32_t distance = offset - function->entry;
  uint32_t place = distance;
  auto calls = InlinedAt(*function, place);
  if (!calls) {
    calls.emplace();
    place = distance;
  }
  GoPosition position = PlaceOf(*function, place);
  position.name = function->name;
  position.wrapper = function->wrapper;
  position.start_line = function->start_line;
  calls->push_back(position);
  return *std::move(calls);
}

std::optional<uint32_t> Pclntab::StackDelta(uint64_t address) const {
  constexpr uint8_t kWritesStackPointer = 2;
  constexpr int32_t kLargest = 1 << 24;
  if (!Holds(address)) return std::nullopt;
  const auto offset = static_cast<uint32_t>(address - text_);
  const Function* function = FunctionAt(offset);
  if (function == nullptr) return std::nullopt;
  const auto flags = function->record.At<uint8_t>(header_.has_start_lines ? 41 : 37);
  if (!flags || (*flags & kWritesStackPointer) != 0) return std::nullopt;
  const auto delta = ValueAt(RunsOf(function->record, kStackAt), offset - function->entry);
  if (!delta || *delta < 0 || *delta > kLargest) return std::nullopt;
  return static_cast<uint32_t>(*delta);
}

std::map<std::string_view, uint64_t> Pclntab::EntriesOf(std::vector<std::string_view> names) const {
  std::map<std::string_view, uint64_t> entries;
  std::ranges::sort(names);
  size_t longest = 0;
  for (const std::string_view name : names) longest = std::max(longest, name.size());
  for (uint64_t i = 0; i < header_.functions && entries.size() < names.size(); ++i) {
    const auto record = RecordOf(i);
    const auto entry = record ? record->At<uint32_t>(kEntryAt) : std::nullopt;
    const auto name = record ? record->At<uint32_t>(kNameAt) : std::nullopt;
    if (!entry || *entry >= text_size_ || !name) continue;
    const std::string_view text = table_.bytes().Text(header_.names + *name, longest + 1);
    const auto found = std::ranges::lower_bound(names, text);
    if (found != names.end() && *found == text) entries.emplace(*found, text_ + *entry);
  }
  return entries;
}

}  // namespace profd::elf
