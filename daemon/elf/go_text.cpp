#include "elf/go_text.h"

#include <elf.h>

#include <algorithm>
#include <utility>

#include "elf/go_runtime.h"

namespace profd::elf {
namespace {

constexpr uint64_t kTableAlignment = 8;
constexpr uint64_t kMaxTable = uint64_t{1} << 30;
// moduledata starts with a pointer to the table and one to its names; runtime.text is its word 22.
constexpr uint64_t kModuleTextWord = 22;

struct Place {
  uint64_t offset = 0, size = 0;
};

absl::Status Refused(std::string_view why) { return Error(absl::StatusCode::kInvalidArgument, "gopclntab: {}", why); }

bool MayStartHere(const Bytes& bytes, uint64_t at) {
  const auto start = bytes.At<uint64_t>(at);
  return start && ((*start & 0xffffffffffff) == 0xfffffff0 || (*start & 0xffffffffffff) == 0xfffffff1) &&
         ReadPclntabHeader(*bytes.From(at)).ok();
}

// External linkers put the table of older Go's position-independent objects somewhere into the data.
std::optional<Place> Search(const Image& image, const Layout& layout) {
  for (const Segment& segment : layout.segments) {
    if (segment.type != PT_LOAD || (segment.flags & PF_X) != 0) continue;
    const auto bytes = image.Map(segment.offset, std::min(segment.file_size, kMaxTable), "a segment");
    if (!bytes.ok()) continue;
    const uint64_t first = (kTableAlignment - segment.offset % kTableAlignment) % kTableAlignment;
    for (uint64_t at = first; at < bytes->bytes().size(); at += kTableAlignment) {
      if (MayStartHere(bytes->bytes(), at)) return Place{segment.offset + at, bytes->bytes().size() - at};
    }
  }
  return std::nullopt;
}

std::optional<Place> FindTable(const Image& image, const Layout& layout) {
  for (const char* name : {".gopclntab", ".data.rel.ro.gopclntab"}) {
    if (const Section* section = layout.Find(name)) return Place{section->offset, section->size};
  }
  return Search(image, layout);
}

// Since Go 1.26 the table does not say where the text starts; where it does, a relocation may hold the value.
absl::StatusOr<uint64_t> TextOf(const GoModule& module, uint64_t stated_at) {
  const auto stated = module.WordAt(stated_at);
  if (stated && *stated != 0) return *stated;
  if (!module.found()) return Refused("no moduledata says where the text starts");
  const auto text = module.Word(kModuleTextWord);
  if (!text) return Refused("moduledata is cut off");
  return *text;
}

// What functions' data offsets count from, to the end of its segment; empty: unknown.
Piece FunctionData(const Image& image, const Layout& layout, std::optional<uint64_t> address) {
  if (!address) return {};
  for (const Segment& segment : layout.segments) {
    if (segment.type != PT_LOAD || *address < segment.address) continue;
    const uint64_t skipped = *address - segment.address;
    if (skipped >= segment.file_size) continue;
    auto piece = image.Map(segment.offset + skipped, std::min(segment.file_size - skipped, kMaxTable), "gofunc");
    if (piece.ok()) return *std::move(piece);
  }
  return {};
}

}  // namespace

absl::StatusOr<GoText> ReadGoText(const Image& image, const Layout& layout, const std::string& version) {
  const auto place = FindTable(image, layout);
  if (!place) return Refused("not found");
  if (place->size > kMaxTable) return Refused("larger than 1 GiB");
  ASSIGN_OR_RETURN(Piece bytes, image.Map(place->offset, place->size, "gopclntab"));
  ASSIGN_OR_RETURN(const PclntabHeader header, ReadPclntabHeader(bytes.bytes()));
  const auto address = layout.AddressOf(place->offset);
  if (!address) return Refused("in no loaded segment");
  GoModule module(image, layout, header, *address);
  ASSIGN_OR_RETURN(const uint64_t text, TextOf(module, *address + header.text_start_at));

  const auto tables = GoTablesOf(version);
  Piece data = FunctionData(image, layout, tables ? module.Word(tables->gofunc_word) : std::nullopt);
  Pclntab table(std::move(bytes), header, text, std::move(data),
                tables ? std::optional(tables->wrapper_id) : std::nullopt);
  if (layout.ExecutableAt(text) == nullptr || table.text_end() <= text ||
      layout.ExecutableAt(table.text_end() - 1) == nullptr) {
    return Refused("its functions lie outside the executable segments");
  }
  return GoText{std::move(table), std::move(module)};
}

}  // namespace profd::elf
