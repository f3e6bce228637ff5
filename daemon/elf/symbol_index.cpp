#include "elf/symbol_index.h"

#include <elf.h>

#include <algorithm>

namespace profd::elf {
namespace {

constexpr size_t kMaxSymbols = size_t{4} << 20;
// A function may lie inside another; so many starts before the address are tried for one that reaches it.
constexpr int kMaxNested = 64;

uint8_t RankOf(unsigned char info) {
  switch (info >> 4) {
    case STB_GLOBAL:
    case STB_GNU_UNIQUE: return 0;
    case STB_WEAK: return 1;
    default: return 2;
  }
}

bool IsFunction(unsigned char info) { return (info & 0xf) == STT_FUNC || (info & 0xf) == STT_GNU_IFUNC; }

template <typename Raw>
bool IsLabel(const Raw& raw, const Layout& layout) {
  return (raw.st_info & 0xf) == STT_NOTYPE && raw.st_shndx < layout.sections.size() &&
         (layout.sections[raw.st_shndx].flags & SHF_EXECINSTR) != 0;
}

// Marks of a compiler or of the ARM architecture, no names of code.
bool IsMark(std::string_view name) { return name.empty() || name[0] == '$' || name.starts_with(".L"); }

size_t Underscores(std::string_view name) { return std::min(name.find_first_not_of('_'), name.size()); }

uint32_t Saturated(uint64_t size) { return static_cast<uint32_t>(std::min<uint64_t>(size, UINT32_MAX)); }

}  // namespace

template <typename Raw>
absl::Status SymbolIndex::AddAll(const Bytes& table, const Layout& layout) {
  const auto piece = static_cast<uint8_t>(names_.size() - 1);
  const uint64_t count = table.size() / sizeof(Raw);
  size_t functions = 0;
  for (uint64_t i = 0; i < count; ++i) functions += IsFunction(table.At<Raw>(i * sizeof(Raw))->st_info);
  if (functions_.size() + functions > kMaxSymbols) {
    return Error(absl::StatusCode::kInvalidArgument, "{} function symbols, more than {}", functions, kMaxSymbols);
  }
  functions_.reserve(functions_.size() + functions);
  for (uint64_t i = 0; i < count; ++i) {
    const Raw raw = *table.At<Raw>(i * sizeof(Raw));
    if (raw.st_shndx == SHN_UNDEF || raw.st_name == 0) continue;
    const Entry entry{raw.st_value, Saturated(raw.st_size), raw.st_name, piece, RankOf(raw.st_info)};
    if (IsFunction(raw.st_info)) {
      functions_.push_back(entry);
    } else if (IsLabel(raw, layout) && labels_.size() < kMaxSymbols / 4 && !IsMark(NameOf(entry))) {
      labels_.push_back(entry);
    }
  }
  return absl::OkStatus();
}

absl::Status SymbolIndex::Add(const Image& image, const Layout& layout, const Section& table) {
  if (table.link >= layout.sections.size() || layout.sections[table.link].type != SHT_STRTAB) {
    return Error(absl::StatusCode::kInvalidArgument, "{} names no table of strings", table.name);
  }
  const Section& strings = layout.sections[table.link];
  ASSIGN_OR_RETURN(const Piece symbols, image.Map(table.offset, table.size, table.name));
  ASSIGN_OR_RETURN(Piece names, image.Map(strings.offset, strings.size, "the symbols' names"));
  names_.push_back(std::move(names));
  return layout.is64 ? AddAll<Elf64_Sym>(symbols.bytes(), layout) : AddAll<Elf32_Sym>(symbols.bytes(), layout);
}

bool SymbolIndex::Before(const Entry& a, const Entry& b) const {
  if (a.start != b.start) return a.start < b.start;
  if (a.rank != b.rank) return a.rank < b.rank;
  const std::string_view name_a = NameOf(a), name_b = NameOf(b);
  const size_t underscores_a = Underscores(name_a), underscores_b = Underscores(name_b);
  if (underscores_a != underscores_b) return underscores_a < underscores_b;
  return name_a < name_b;
}

void SymbolIndex::Sort(std::vector<Entry>& entries) const {
  std::sort(entries.begin(), entries.end(), [this](const Entry& a, const Entry& b) { return Before(a, b); });
  size_t kept = 0;
  for (const Entry& entry : entries) {
    if (kept > 0 && entries[kept - 1].start == entry.start) {
      if (entries[kept - 1].size == 0) entries[kept - 1].size = entry.size;
    } else {
      entries[kept++] = entry;
    }
  }
  entries.resize(kept);
}

void SymbolIndex::Finish(const Layout& layout) {
  Sort(functions_);
  Sort(labels_);
  const auto end_of_segment = [&layout](uint64_t address) {
    const Segment* segment = layout.ExecutableAt(address);
    return segment == nullptr ? address : segment->address + segment->memory_size;
  };
  for (size_t i = 0; i < functions_.size(); ++i) {
    Entry& entry = functions_[i];
    if (entry.size != 0) continue;
    const uint64_t end = i + 1 < functions_.size() ? functions_[i + 1].start : UINT64_MAX;
    entry.size = Saturated(std::min(end, end_of_segment(entry.start)) - entry.start);
  }
  for (size_t i = 0; i < labels_.size(); ++i) {
    Entry& entry = labels_[i];
    const auto next = std::upper_bound(functions_.begin(), functions_.end(), entry.start,
                                       [](uint64_t start, const Entry& function) { return start < function.start; });
    uint64_t end = end_of_segment(entry.start);
    if (next != functions_.end()) end = std::min(end, next->start);
    if (i + 1 < labels_.size()) end = std::min(end, labels_[i + 1].start);
    entry.size = Saturated(end - entry.start);
  }
}

const SymbolIndex::Entry* SymbolIndex::FindIn(const std::vector<Entry>& entries, uint64_t address) const {
  auto after = std::upper_bound(entries.begin(), entries.end(), address,
                                [](uint64_t wanted, const Entry& entry) { return wanted < entry.start; });
  for (int tries = 0; tries < kMaxNested && after != entries.begin(); ++tries) {
    --after;
    if (address - after->start < after->size) return &*after;
  }
  return nullptr;
}

std::optional<Symbol> SymbolIndex::Find(uint64_t address) const {
  const Entry* found = FindIn(functions_, address);
  if (found == nullptr) found = FindIn(labels_, address);
  if (found == nullptr) return std::nullopt;
  return Symbol{NameOf(*found), found->start};
}

}  // namespace profd::elf
