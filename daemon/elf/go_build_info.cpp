#include "elf/go_build_info.h"

#include <elf.h>

#include <algorithm>
#include <optional>

namespace profd::elf {
namespace {

constexpr std::string_view kMagic("\xff Go buildinf:");
constexpr uint64_t kAlignment = 16;
constexpr uint64_t kFlagsAt = 15, kTextAt = 32;
constexpr uint64_t kMaxVersion = 64;
constexpr uint64_t kSearched = uint64_t{16} << 20;
constexpr unsigned char kInlineText = 2;

// The header is 32 bytes; then, since Go 1.18, the version's length as a varint and its text.
std::optional<std::string> VersionIn(const Bytes& info) {
  const auto flags = info.At<unsigned char>(kFlagsAt);
  const auto size = info.At<unsigned char>(kTextAt);
  if (!flags || (*flags & kInlineText) == 0 || !size || *size > kMaxVersion) return std::nullopt;
  const auto version = info.Slice(kTextAt + 1, *size);
  if (!version) return std::nullopt;
  const std::string_view text = version->view();
  const bool printable = std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
  const bool known = text.starts_with("go") || text.starts_with("devel");
  return printable && known ? std::optional<std::string>(text) : std::nullopt;
}

std::optional<std::string> Search(const Bytes& bytes) {
  for (uint64_t at = 0; at + kMagic.size() <= bytes.size(); at += kAlignment) {
    if (bytes.view().substr(at, kMagic.size()) != kMagic) continue;
    if (auto version = VersionIn(*bytes.From(at))) return version;
  }
  return std::nullopt;
}

}  // namespace

std::string ReadGoVersion(const Image& image, const Layout& layout) {
  const auto search = [&image](uint64_t offset, uint64_t size) -> std::optional<std::string> {
    const auto bytes = image.Map(offset, std::min(size, kSearched), "Go's build information");
    return bytes.ok() ? Search(bytes->bytes()) : std::nullopt;
  };
  if (const Section* section = layout.Find(".go.buildinfo")) {
    return search(section->offset, section->size).value_or("");
  }
  if (!layout.sections.empty()) return {};
  // Without sections, where Go's own tools look: at the start of the writable data.
  for (const Segment& segment : layout.segments) {
    if (segment.type != PT_LOAD || (segment.flags & PF_W) == 0) continue;
    if (auto version = search(segment.offset, segment.file_size)) return *version;
  }
  return {};
}

}  // namespace profd::elf
