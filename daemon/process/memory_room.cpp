#include "process/memory_room.h"

#include <array>
#include <charconv>
#include <fstream>
#include <sstream>

namespace profd {
namespace {

constexpr size_t kMostLevels = 64;

std::optional<uint64_t> ParseNumber(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return number;
}

std::optional<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// The number behind `key` at the start of a line.
uint64_t Field(std::string_view text, std::string_view key) {
  size_t at = text.starts_with(key) ? 0 : text.find("\n" + std::string(key));
  if (at == std::string_view::npos) return 0;
  at = text.find_first_of("0123456789", at + key.size());
  return at == std::string_view::npos ? 0 : ParseNumber(text.substr(at)).value_or(0);
}

// Of one version of cgroups: where it is mounted, and what its files are called.
struct Hierarchy {
  std::string_view controllers;  // as /proc/PID/cgroup has it
  std::string_view folder, limit, in_use;
  std::array<std::string_view, 3> reclaimable;  // in memory.stat
};
constexpr std::array kHierarchies = {
    Hierarchy{"", "", "memory.max", "memory.current", {"inactive_file ", "active_file ", "slab_reclaimable "}},
    Hierarchy{"", "/unified", "memory.max", "memory.current", {"inactive_file ", "active_file ", "slab_reclaimable "}},
    Hierarchy{"memory",
              "/memory",
              "memory.limit_in_bytes",
              "memory.usage_in_bytes",
              {"total_inactive_file ", "total_active_file ", "total_slab_reclaimable "}},
};

// "4:cpu,memory:/kubepods/pod1" of /proc/PID/cgroup: the path, in the hierarchy that has this controller.
std::optional<std::string> PathOf(std::string_view text, std::string_view controller) {
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    at = end + 1;
    const size_t first = line.find(':');
    const size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string controllers = fmt::format(",{},", line.substr(first + 1, second - first - 1));
    const std::string wanted = controller.empty() ? ",," : fmt::format(",{},", controller);
    if (controllers.find(wanted) == std::string::npos) continue;
    if (controller.empty() && controllers != ",,") continue;
    const std::string_view path = line.substr(second + 1);
    // Beyond the root of profd's own cgroup namespace.
    if (path.find("/..") != std::string_view::npos) return std::nullopt;
    return std::string(path);
  }
  return std::nullopt;
}

// What one cgroup leaves; nothing: it has no limit.
std::optional<ProcessMemory> RoomIn(const std::string& directory, const Hierarchy& kind) {
  constexpr uint64_t kNoLimit = uint64_t{1} << 60;
  const auto file = [&directory](std::string_view name) { return ReadFile(fmt::format("{}/{}", directory, name)); };
  const auto most = file(kind.limit), current = file(kind.in_use);
  const auto limit = most ? ParseNumber(*most) : std::nullopt;  // "max" is no number
  const auto in_use = current ? ParseNumber(*current) : std::nullopt;
  if (!limit || *limit > kNoLimit || !in_use) return std::nullopt;
  const std::string stat = file("memory.stat").value_or("");
  uint64_t reclaimable = 0;
  for (const std::string_view key : kind.reclaimable) reclaimable += Field(stat, key);
  const uint64_t fixed = *in_use - std::min(reclaimable, *in_use);
  return ProcessMemory{.left_bytes = *limit > fixed ? *limit - fixed : 0, .limit_bytes = *limit};
}

}  // namespace

std::optional<ProcessMemory> ReadProcessMemory(const ProcFs& proc_fs, uint32_t pid, const std::string& cgroup_root) {
  constexpr size_t kMostBytes = 64 << 10;
  std::optional<ProcessMemory> tightest;
  const auto cgroup = proc_fs.Read(fmt::format("{}/cgroup", pid), kMostBytes);
  for (const Hierarchy& kind : kHierarchies) {
    std::optional<std::string> path = cgroup.ok() ? PathOf(*cgroup, kind.controllers) : std::nullopt;
    for (size_t level = 0; path && !path->empty() && *path != "/" && level < kMostLevels; ++level) {
      auto room = RoomIn(fmt::format("{}{}{}", cgroup_root, kind.folder, *path), kind);
      if (room && (!tightest || room->left_bytes < tightest->left_bytes)) {
        tightest = std::move(room);
        tightest->limited_by = fmt::format("{} of {}", kind.limit, *path);
      }
      path->resize(path->rfind('/'));
    }
  }
  const auto memory = proc_fs.Read("meminfo", kMostBytes);
  const uint64_t available = memory.ok() ? Field(*memory, "MemAvailable:") * 1024 : 0;
  if (available == 0 || (tightest && tightest->left_bytes <= available)) return tightest;
  // Beyond the root of profd's own cgroup namespace there may be a limit that cannot be seen.
  if (!tightest && cgroup.ok() && cgroup->find(":/..") != std::string::npos) return std::nullopt;
  return ProcessMemory{.left_bytes = available, .limit_bytes = 0, .limited_by = "the machine's memory"};
}

}  // namespace profd
