#include "elf/layout.h"

#include <elf.h>

#include <cstring>

namespace profd::elf {
namespace {

constexpr uint64_t kMaxSegments = 1024;
constexpr uint64_t kMaxSections = 65536;
constexpr size_t kMaxSectionName = 63;

struct Elf32 {
  using Header = Elf32_Ehdr;
  using Program = Elf32_Phdr;
  using SectionHeader = Elf32_Shdr;
};
struct Elf64 {
  using Header = Elf64_Ehdr;
  using Program = Elf64_Phdr;
  using SectionHeader = Elf64_Shdr;
};

absl::Status Refused(std::string_view why) { return Error(absl::StatusCode::kInvalidArgument, "{}", why); }

template <typename Elf>
absl::Status ReadSegments(const Image& image, const typename Elf::Header& header, Layout& layout) {
  if (header.e_phnum == 0) return Refused("an ELF file without segments");
  if (header.e_phnum > kMaxSegments) {
    return Error(absl::StatusCode::kInvalidArgument, "{} segments, more than {}", header.e_phnum, kMaxSegments);
  }
  if (header.e_phentsize != sizeof(typename Elf::Program)) return Refused("segment headers of an unknown size");
  const uint64_t size = uint64_t{header.e_phnum} * sizeof(typename Elf::Program);
  ASSIGN_OR_RETURN(const Piece table, image.Map(header.e_phoff, size, "the segment table"));
  for (uint64_t i = 0; i < header.e_phnum; ++i) {
    const auto raw = *table.bytes().At<typename Elf::Program>(i * sizeof(typename Elf::Program));
    layout.segments.push_back({.type = raw.p_type,
                               .flags = raw.p_flags,
                               .offset = raw.p_offset,
                               .address = raw.p_vaddr,
                               .file_size = raw.p_filesz,
                               .memory_size = raw.p_memsz});
  }
  return absl::OkStatus();
}

template <typename Raw>
Section FromRaw(const Raw& raw) {
  Section section;
  section.type = raw.sh_type;
  section.link = raw.sh_link;
  section.flags = raw.sh_flags;
  section.address = raw.sh_addr;
  section.offset = raw.sh_offset;
  section.size = raw.sh_size;
  section.entry_size = raw.sh_entsize;
  return section;
}

template <typename Elf>
absl::Status ReadSections(const Image& image, const typename Elf::Header& header, Layout& layout) {
  using Raw = typename Elf::SectionHeader;
  if (header.e_shoff == 0) return absl::OkStatus();
  if (header.e_shentsize != sizeof(Raw)) return Refused("section headers of an unknown size");
  ASSIGN_OR_RETURN(const Piece first, image.Map(header.e_shoff, sizeof(Raw), "the section table"));
  const Raw zero = *first.bytes().At<Raw>(0);
  // Numbers that do not fit into the header stand in the first section's.
  const uint64_t count = header.e_shnum != 0 ? header.e_shnum : zero.sh_size;
  const uint64_t names_index = header.e_shstrndx != SHN_XINDEX ? header.e_shstrndx : zero.sh_link;
  if (count > kMaxSections) {
    return Error(absl::StatusCode::kInvalidArgument, "{} sections, more than {}", count, kMaxSections);
  }
  ASSIGN_OR_RETURN(const Piece table, image.Map(header.e_shoff, count * sizeof(Raw), "the section table"));

  Piece names;
  if (const auto raw = table.bytes().At<Raw>(names_index * sizeof(Raw)); raw && raw->sh_type != SHT_NOBITS) {
    ASSIGN_OR_RETURN(names, image.Map(raw->sh_offset, raw->sh_size, "the table of section names"));
  }
  layout.sections.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    const Raw raw = *table.bytes().At<Raw>(i * sizeof(Raw));
    layout.sections.push_back(FromRaw(raw));
    layout.sections.back().name = names.bytes().Text(raw.sh_name, kMaxSectionName);
  }
  return absl::OkStatus();
}

template <typename Elf>
absl::StatusOr<Layout> Read(const Image& image) {
  ASSIGN_OR_RETURN(const Piece start, image.Map(0, sizeof(typename Elf::Header), "the ELF header"));
  const auto header = *start.bytes().At<typename Elf::Header>(0);
  if (header.e_type != ET_EXEC && header.e_type != ET_DYN) {
    return Error(absl::StatusCode::kInvalidArgument, "neither an executable nor a library (ELF type {})",
                 header.e_type);
  }
  Layout layout;
  layout.is64 = std::is_same_v<Elf, Elf64>;
  layout.machine = header.e_machine;
  RETURN_IF_ERROR(ReadSegments<Elf>(image, header, layout));
  RETURN_IF_ERROR(ReadSections<Elf>(image, header, layout));
  return layout;
}

}  // namespace

const Section* Layout::Find(std::string_view name) const {
  for (const Section& section : sections) {
    if (section.type != SHT_NOBITS && section.type != SHT_NULL && section.name == name) return &section;
  }
  return nullptr;
}

std::optional<uint64_t> Layout::AddressOf(uint64_t offset) const {
  const Segment* found = nullptr;
  for (const Segment& segment : segments) {
    if (segment.type != PT_LOAD || offset < segment.offset || offset - segment.offset >= segment.file_size) continue;
    if (found == nullptr || ((segment.flags & PF_X) != 0 && (found->flags & PF_X) == 0)) found = &segment;
  }
  if (found == nullptr) return std::nullopt;
  return found->address + (offset - found->offset);
}

std::optional<uint64_t> Layout::OffsetOf(uint64_t address, uint64_t size) const {
  for (const Segment& segment : segments) {
    if (segment.type != PT_LOAD || address < segment.address) continue;
    const uint64_t within = address - segment.address;
    if (within <= segment.file_size && segment.file_size - within >= size) return segment.offset + within;
  }
  return std::nullopt;
}

const Segment* Layout::ExecutableAt(uint64_t address) const {
  for (const Segment& segment : segments) {
    if (segment.type == PT_LOAD && (segment.flags & PF_X) != 0 && address >= segment.address &&
        address - segment.address < segment.memory_size) {
      return &segment;
    }
  }
  return nullptr;
}

absl::StatusOr<Layout> ReadLayout(const Image& image) {
  if (image.size() < EI_NIDENT) return Refused(image.size() == 0 ? "an empty file" : "too short for an ELF file");
  ASSIGN_OR_RETURN(const Piece ident, image.Map(0, EI_NIDENT, "the ELF header"));
  const char* id = ident.bytes().data();
  if (std::memcmp(id, ELFMAG, SELFMAG) != 0) return Refused("not an ELF file");
  if (id[EI_DATA] != ELFDATA2LSB) return Refused("an ELF file of another byte order");
  if (id[EI_CLASS] == ELFCLASS64) return Read<Elf64>(image);
  if (id[EI_CLASS] == ELFCLASS32) return Read<Elf32>(image);
  return Refused("an ELF file of unknown width");
}

}  // namespace profd::elf
