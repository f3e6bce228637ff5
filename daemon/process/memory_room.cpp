#include "process/memory_room.h"

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

// "0::/kubepods/pod1" of /proc/PID/cgroup: the path in the unified hierarchy.
std::optional<std::string> UnifiedPath(std::string_view text) {
  constexpr std::string_view kUnified = "0::";
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    if (line.starts_with(kUnified) && line.find("..") == std::string_view::npos) {
      return std::string(line.substr(kUnified.size()));
    }
    at = end + 1;
  }
  return std::nullopt;
}

// What one cgroup leaves; nothing: it has no limit.
std::optional<uint64_t> RoomIn(const std::string& directory) {
  const auto most = ReadFile(directory + "/memory.max");
  const auto limit = most ? ParseNumber(*most) : std::nullopt;  // "max" is no number
  if (!limit) return std::nullopt;
  const auto current = ReadFile(directory + "/memory.current");
  const auto in_use = current ? ParseNumber(*current) : std::nullopt;
  if (!in_use) return std::nullopt;
  const std::string stat = ReadFile(directory + "/memory.stat").value_or("");
  const uint64_t files = std::min(Field(stat, "inactive_file ") + Field(stat, "active_file "), *in_use);
  const uint64_t fixed = *in_use - files;
  return *limit > fixed ? *limit - fixed : 0;
}

}  // namespace

std::optional<ProcessMemory> ReadProcessMemory(const ProcFs& proc_fs, uint32_t pid, const std::string& cgroup_root) {
  constexpr size_t kMostBytes = 64 << 10;
  std::optional<ProcessMemory> tightest;
  const auto cgroup = proc_fs.Read(fmt::format("{}/cgroup", pid), kMostBytes);
  std::optional<std::string> path = cgroup.ok() ? UnifiedPath(*cgroup) : std::nullopt;
  for (size_t level = 0; path && !path->empty() && *path != "/" && level < kMostLevels; ++level) {
    const auto room = RoomIn(cgroup_root + *path);
    if (room && (!tightest || *room < tightest->left_bytes)) {
      tightest = {.left_bytes = *room, .limited_by = "memory.max of " + *path};
    }
    path->resize(path->rfind('/'));
  }
  if (tightest) return tightest;
  const auto memory = proc_fs.Read("meminfo", kMostBytes);
  const uint64_t available = memory.ok() ? Field(*memory, "MemAvailable:") : 0;
  if (available == 0) return std::nullopt;
  return ProcessMemory{.left_bytes = available * 1024, .limited_by = "the machine's memory"};
}

}  // namespace profd
