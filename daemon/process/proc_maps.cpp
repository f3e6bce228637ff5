#include "process/proc_maps.h"

#include <charconv>
#include <optional>

namespace profd {
namespace {

/// Takes a number and the delimiter after it off the front of `line`.
template <typename T>
bool TakeNumber(std::string_view& line, int base, char delimiter, T& value) {
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value, base);
  if (error != std::errc() || end == line.data() + line.size() || *end != delimiter) return false;
  line.remove_prefix(static_cast<size_t>(end - line.data()) + 1);
  return true;
}

/// The kernel escapes nothing but line breaks here.
std::string Unescape(std::string_view name) {
  std::string result;
  result.reserve(name.size());
  for (size_t i = 0; i < name.size(); ++i) {
    if (name.substr(i, 4) == "\\012") {
      result += '\n';
      i += 3;
    } else {
      result += name[i];
    }
  }
  return result;
}

/// "7f00-7f10 r-xp 00000000 fe:00 1234       /path": nothing when no such line.
std::optional<MapEvent> ParseLine(std::string_view line, bool executable_only) {
  MapEvent event;
  uint64_t limit = 0;
  if (!TakeNumber(line, 16, '-', event.start) || !TakeNumber(line, 16, ' ', limit)) return std::nullopt;
  if (limit <= event.start || line.size() < 5 || line[4] != ' ') return std::nullopt;
  if (executable_only && line[2] != 'x') return std::nullopt;
  line.remove_prefix(5);
  if (!TakeNumber(line, 16, ' ', event.file_offset) || !TakeNumber(line, 16, ':', event.file.device_major) ||
      !TakeNumber(line, 16, ' ', event.file.device_minor)) {
    return std::nullopt;
  }
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), event.file.inode);
  if (error != std::errc()) return std::nullopt;
  line.remove_prefix(static_cast<size_t>(end - line.data()));
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));

  event.length = limit - event.start;
  event.file.path = line.empty() ? "//anon" : Unescape(line.substr(0, kMaxPathBytes));
  return event;
}

// It may have been renamed, replaced or deleted in between: what is mapped keeps its number.
bool IsSameFile(const MappedFile& a, const MappedFile& b) {
  return a.device_major == b.device_major && a.device_minor == b.device_minor && a.inode == b.inode;
}

}  // namespace

std::vector<MapEvent> ParseExecutableMaps(std::string_view text, size_t max_mappings) {
  std::vector<MapEvent> events;
  while (events.size() < max_mappings) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) break;
    if (std::optional<MapEvent> event = ParseLine(text.substr(0, end), true)) events.push_back(*std::move(event));
    text.remove_prefix(end + 1);
  }
  return events;
}

std::vector<MapEvent> MappingsOf(std::string_view text, const MappedFile& file, size_t max_mappings) {
  std::vector<MapEvent> mappings;
  for (size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    std::optional<MapEvent> event = ParseLine(text.substr(0, end), false);
    if (event && IsSameFile(event->file, file) && mappings.size() < max_mappings) mappings.push_back(*std::move(event));
    text.remove_prefix(end + 1);
  }
  return mappings;
}

bool CodeHasNoFile(std::string_view maps_text) {
  constexpr size_t kMaxMappings = 4096;
  bool any = false;
  for (const MapEvent& event : ParseExecutableMaps(maps_text, kMaxMappings)) {
    if (event.file.path.starts_with('[')) continue;
    if (!event.file.path.starts_with("//anon")) return false;
    any = true;
  }
  return any;
}

std::string_view WithoutDeleted(std::string_view path) {
  constexpr std::string_view kDeleted = " (deleted)";
  if (path.ends_with(kDeleted)) path.remove_suffix(kDeleted.size());
  return path;
}

}  // namespace profd
