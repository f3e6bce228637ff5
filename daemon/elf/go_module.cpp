#include "elf/go_module.h"

#include <elf.h>

#include <algorithm>

namespace profd::elf {
namespace {

constexpr uint64_t kMaxData = uint64_t{1} << 30;
constexpr size_t kMaxCandidates = 64;

}  // namespace

GoModule::GoModule(const Image& image, const Layout& layout, const PclntabHeader& header, uint64_t table)
    : relocations_(Relocations::Read(image, layout)),
      word_(header.word),
      address_(Find(layout, image, {.table = table, .names = table + header.names})) {}

std::optional<uint64_t> GoModule::Word(uint64_t index) const {
  return address_ ? WordAt(*address_ + index * word_) : std::nullopt;
}

bool GoModule::IsAt(uint64_t address, const Start& start) const {
  return WordAt(address) == start.table && WordAt(address + word_) == start.names;
}

std::optional<uint64_t> GoModule::Find(const Layout& layout, const Image& image, const Start& start) const {
  const Section* section = layout.Find(".go.module");
  if (section != nullptr && IsAt(section->address, start)) return section->address;
  for (const uint64_t candidate : relocations_.WordsWith(start.table, kMaxCandidates)) {
    if (IsAt(candidate, start)) return candidate;
  }
  return SearchData(layout, image, start);
}

std::optional<uint64_t> GoModule::SearchData(const Layout& layout, const Image& image, const Start& start) const {
  for (const Segment& segment : layout.segments) {
    if (segment.type != PT_LOAD || (segment.flags & PF_W) == 0) continue;
    const auto piece = image.Map(segment.offset, std::min(segment.file_size, kMaxData), "a segment");
    if (!piece.ok()) continue;
    const Bytes& bytes = piece->bytes();
    for (uint64_t at = 0; const auto word = bytes.Word(at, word_); at += word_) {
      if (*word == start.table && bytes.Word(at + word_, word_) == start.names) return segment.address + at;
    }
  }
  return std::nullopt;
}

}  // namespace profd::elf
