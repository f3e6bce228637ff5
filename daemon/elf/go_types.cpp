#include "elf/go_types.h"

#include "base/utf8.h"
#include "elf/go_runtime.h"

namespace profd::elf {
namespace {

// A descriptor, of every kind and version. Its name's place counts from moduledata.types.
constexpr uint64_t kDescriptorSize = 48, kDescriptorAlignment = 8;
constexpr uint64_t kFlagsAt = 20, kKindAt = 23, kNameAt = 40;
constexpr uint8_t kExtraStar = 2;  // the name is that of a pointer to the type
constexpr uint8_t kKindMask = 0x1f, kLastKind = 26;

}  // namespace

GoTypes GoTypes::Read(const Image& image, const Layout& layout, const GoModule& module, const std::string& version) {
  GoTypes types;
  const auto tables = GoTablesOf(version);
  if (!tables || !layout.is64) return types;
  const auto start = module.Word(tables->types_word), end = module.Word(tables->etypes_word);
  if (!start || !end || *start >= *end) return types;
  const auto offset = layout.OffsetOf(*start, *end - *start);
  if (!offset) return types;
  auto piece = image.Map(*offset, *end - *start, "the types");
  if (!piece.ok()) return types;
  types.start_ = *start;
  types.types_ = *std::move(piece);
  return types;
}

std::string GoTypes::NameOf(uint64_t address) const {
  if (address < start_ || address % kDescriptorAlignment != 0) return {};
  const auto type = types_.bytes().Slice(address - start_, kDescriptorSize);
  if (!type) return {};
  const uint8_t kind = *type->At<uint8_t>(kKindAt) & kKindMask;
  const auto name_at = *type->At<int32_t>(kNameAt);
  if (kind == 0 || kind > kLastKind || name_at <= 0) return {};
  std::string_view name = TextAt(static_cast<uint64_t>(name_at));
  if ((*type->At<uint8_t>(kFlagsAt) & kExtraStar) != 0) {
    if (!name.starts_with('*')) return {};
    name.remove_prefix(1);
  }
  std::string printable = ToPrintable(name);
  return printable == name ? printable : std::string();
}

// A byte of flags, the length as a varint, the text.
std::string_view GoTypes::TextAt(uint64_t offset) const {
  constexpr unsigned kMaxShift = 14;
  uint64_t size = 0;
  for (unsigned shift = 0; shift <= kMaxShift; shift += 7) {
    const auto byte = types_.bytes().At<uint8_t>(++offset);
    if (!byte) return {};
    size |= uint64_t{*byte & 0x7fu} << shift;
    if ((*byte & 0x80) != 0) continue;
    const auto text = size <= kMaxTypeName ? types_.bytes().Slice(offset + 1, size) : std::nullopt;
    return text ? text->view() : std::string_view();
  }
  return {};
}

}  // namespace profd::elf
