#include "elf/build_id.h"

#include <elf.h>

namespace profd::elf {
namespace {

constexpr uint64_t kMaxNotes = uint64_t{1} << 20;
constexpr uint32_t kMaxBuildId = 64;

std::string Hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

// A note: sizes of name and content, type, then both, each filled up to a multiple of four.
std::string BuildIdIn(const Bytes& notes) {
  constexpr std::string_view kOwner("GNU\0", 4);
  const auto aligned = [](uint64_t size) { return (size + 3) & ~uint64_t{3}; };
  uint64_t at = 0;
  while (const auto note = notes.At<Elf64_Nhdr>(at)) {
    const uint64_t name_at = at + sizeof(Elf64_Nhdr);
    const uint64_t content_at = name_at + aligned(note->n_namesz);
    if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == kOwner.size() && note->n_descsz <= kMaxBuildId) {
      const auto name = notes.Slice(name_at, kOwner.size());
      const auto content = notes.Slice(content_at, note->n_descsz);
      if (name && content && name->view() == kOwner) return Hex(content->view());
    }
    at = content_at + aligned(note->n_descsz);
  }
  return {};
}

std::string BuildIdAt(const Image& image, uint64_t offset, uint64_t size) {
  if (size > kMaxNotes) return {};
  const auto notes = image.Map(offset, size, "notes");
  return notes.ok() ? BuildIdIn(notes->bytes()) : std::string();
}

}  // namespace

std::string ReadBuildId(const Image& image, const Layout& layout) {
  for (const Segment& segment : layout.segments) {
    if (segment.type != PT_NOTE) continue;
    if (std::string id = BuildIdAt(image, segment.offset, segment.file_size); !id.empty()) return id;
  }
  for (const Section& section : layout.sections) {
    if (section.type != SHT_NOTE) continue;
    if (std::string id = BuildIdAt(image, section.offset, section.size); !id.empty()) return id;
  }
  return {};
}

}  // namespace profd::elf
