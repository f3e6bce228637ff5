#include "elf/relocations.h"

#include <elf.h>

namespace profd::elf {
namespace {

constexpr uint64_t kMaxDynamic = uint64_t{1} << 20;

bool IsRelative(uint64_t info) {
  const uint64_t type = ELF64_R_TYPE(info);
  return type == R_X86_64_RELATIVE || type == R_AARCH64_RELATIVE;
}

}  // namespace

Relocations Relocations::Read(const Image& image, const Layout& layout) {
  Relocations relocations(image, layout);
  if (!layout.is64) return relocations;  // narrow objects keep the values in place
  for (const Segment& segment : layout.segments) {
    if (segment.type != PT_DYNAMIC || segment.file_size > kMaxDynamic) continue;
    const auto dynamic = image.Map(segment.offset, segment.file_size, "the dynamic section");
    if (!dynamic.ok()) continue;
    uint64_t address = 0, size = 0;
    for (uint64_t at = 0; const auto entry = dynamic->bytes().At<Elf64_Dyn>(at); at += sizeof(Elf64_Dyn)) {
      if (entry->d_tag == DT_NULL) break;
      if (entry->d_tag == DT_RELA) address = entry->d_un.d_ptr;
      if (entry->d_tag == DT_RELASZ) size = entry->d_un.d_val;
    }
    const auto offset = layout.OffsetOf(address, size);
    if (!offset || size == 0) continue;
    if (auto table = image.Map(*offset, size, "the relocations"); table.ok()) relocations.table_ = *std::move(table);
    break;
  }
  return relocations;
}

template <typename Visit>
void Relocations::ForEach(Visit visit) const {
  const Bytes& bytes = table_.bytes();
  for (uint64_t at = 0; at + sizeof(Elf64_Rela) <= bytes.size(); at += sizeof(Elf64_Rela)) {
    const auto entry = *bytes.At<Elf64_Rela>(at);
    if (IsRelative(entry.r_info) && !visit(entry.r_offset, static_cast<uint64_t>(entry.r_addend))) return;
  }
}

std::optional<uint64_t> Relocations::WordAt(uint64_t address) const {
  std::optional<uint64_t> value;
  ForEach([&](uint64_t place, uint64_t addend) {
    if (place == address) value = addend;
    return !value.has_value();
  });
  if (value) return value;
  const unsigned width = layout_->is64 ? 8 : 4;
  const auto offset = layout_->OffsetOf(address, width);
  if (!offset) return std::nullopt;
  const auto word = image_->Map(*offset, width, "a word");
  if (!word.ok()) return std::nullopt;
  return word->bytes().Word(0, width);
}

std::vector<uint64_t> Relocations::WordsWith(uint64_t value, size_t max) const {
  std::vector<uint64_t> places;
  ForEach([&](uint64_t place, uint64_t addend) {
    if (addend == value) places.push_back(place);
    return places.size() < max;
  });
  return places;
}

}  // namespace profd::elf
