#include "profile/frame_name.h"

#include <fmt/format.h>

namespace profd {

std::string UnknownFrameName(const Profile& profile, const Location& location) {
  if (location.mapping == kNone) return std::string(kUnknownFrame);
  const Mapping& mapping = profile.mappings[location.mapping];
  const std::string_view file = mapping.file;
  const std::string_view base = file.substr(file.rfind('/') + 1);
  const uint64_t offset = location.address - mapping.start + mapping.file_offset;
  // No file of a real system has a longer name.
  std::string name = fmt::format("{} {:.255}+{:#x}", kUnknownFrame, base.empty() ? "?" : base, offset);
  // The kernel gives at most 20 bytes of a build ID; more is some other tool's text.
  if (!mapping.build_id.empty()) name += fmt::format(" (build ID {:.40})", mapping.build_id);
  return name;
}

std::string FrameName(const Profile& profile, const Location& location, size_t line) {
  if (line < location.lines.size()) {
    const Function& function = profile.functions[location.lines[line].function];
    if (!function.name.empty()) return function.name;
    if (!function.system_name.empty()) return function.system_name;
  }
  return UnknownFrameName(profile, location);
}

bool IsKernel(const Profile& profile, const Location& location) {
  return location.mapping != kNone && profile.mappings[location.mapping].file == kKernelMapping;
}

}  // namespace profd
