#include "elf/go_text.h"

#include <elf.h>

#include <algorithm>
#include <utility>

#include "elf/go_runtime.h"
#include "elf/relocations.h"

namespace profd::elf {
namespace {

constexpr uint64_t kTableAlignment = 8;
constexpr uint64_t kMaxTable = uint64_t{1} << 30;
// moduledata starts with a pointer to the table and one to its names; runtime.text is its word 22.
constexpr uint64_t kModuleTextWord = 22;
constexpr size_t kMaxCandidates = 64;

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

class ModuleData {
 public:
  ModuleData(const Image& image, const Layout& layout, const PclntabHeader& header, uint64_t table)
      : image_(image),
        layout_(layout),
        header_(header),
        table_(table),
        relocations_(Relocations::Read(image, layout)),
        module_(FindModule()) {}

  // Since Go 1.26 the table does not say where the text starts; where it does, a relocation may hold the value.
  absl::StatusOr<uint64_t> Text() const {
    const auto stated = relocations_.WordAt(table_ + header_.text_start_at);
    if (stated && *stated != 0) return *stated;
    if (!module_) return Refused("no moduledata says where the text starts");
    const auto text = WordOfModule(kModuleTextWord);
    if (!text) return Refused("moduledata is cut off");
    return *text;
  }

  // What functions' data offsets count from, to the end of its segment; empty: unknown.
  Piece FunctionData(const std::string& version) const {
    const auto tables = GoTablesOf(version);
    const auto address = module_ && tables ? WordOfModule(tables->gofunc_word) : std::nullopt;
    if (!address) return {};
    for (const Segment& segment : layout_.segments) {
      if (segment.type != PT_LOAD || *address < segment.address) continue;
      const uint64_t skipped = *address - segment.address;
      if (skipped >= segment.file_size) continue;
      auto piece = image_.Map(segment.offset + skipped, std::min(segment.file_size - skipped, kMaxTable), "gofunc");
      if (piece.ok()) return *std::move(piece);
    }
    return {};
  }

 private:
  bool IsModule(uint64_t address) const {
    return relocations_.WordAt(address) == table_ &&
           relocations_.WordAt(address + header_.word) == table_ + header_.names;
  }

  std::optional<uint64_t> FindModule() const {
    const Section* section = layout_.Find(".go.module");
    if (section != nullptr && IsModule(section->address)) return section->address;
    for (const uint64_t candidate : relocations_.WordsWith(table_, kMaxCandidates)) {
      if (IsModule(candidate)) return candidate;
    }
    return SearchData();
  }

  std::optional<uint64_t> WordOfModule(uint64_t index) const {
    return relocations_.WordAt(*module_ + index * header_.word);
  }

  std::optional<uint64_t> SearchData() const {
    for (const Segment& segment : layout_.segments) {
      if (segment.type != PT_LOAD || (segment.flags & PF_W) == 0) continue;
      const auto piece = image_.Map(segment.offset, std::min(segment.file_size, kMaxTable), "a segment");
      if (!piece.ok()) continue;
      const Bytes& bytes = piece->bytes();
      for (uint64_t at = 0; const auto word = bytes.Word(at, header_.word); at += header_.word) {
        if (*word == table_ && bytes.Word(at + header_.word, header_.word) == table_ + header_.names) {
          return segment.address + at;
        }
      }
    }
    return std::nullopt;
  }

  const Image& image_;
  const Layout& layout_;
  const PclntabHeader& header_;
  const uint64_t table_;
  const Relocations relocations_;
  const std::optional<uint64_t> module_;  // its address
};

}  // namespace

absl::StatusOr<Pclntab> ReadPclntab(const Image& image, const Layout& layout, const std::string& version) {
  const auto place = FindTable(image, layout);
  if (!place) return Refused("not found");
  if (place->size > kMaxTable) return Refused("larger than 1 GiB");
  ASSIGN_OR_RETURN(Piece bytes, image.Map(place->offset, place->size, "gopclntab"));
  ASSIGN_OR_RETURN(const PclntabHeader header, ReadPclntabHeader(bytes.bytes()));
  const auto address = layout.AddressOf(place->offset);
  if (!address) return Refused("in no loaded segment");
  const ModuleData module(image, layout, header, *address);
  ASSIGN_OR_RETURN(const uint64_t text, module.Text());

  const auto tables = GoTablesOf(version);
  Pclntab table(std::move(bytes), header, text, module.FunctionData(version),
                tables ? std::optional(tables->wrapper_id) : std::nullopt);
  if (layout.ExecutableAt(text) == nullptr || table.text_end() <= text ||
      layout.ExecutableAt(table.text_end() - 1) == nullptr) {
    return Refused("its functions lie outside the executable segments");
  }
  return table;
}

}  // namespace profd::elf
