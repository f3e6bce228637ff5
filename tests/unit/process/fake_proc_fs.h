// A /proc of a test's own making.
#pragma once

#include <fcntl.h>

#include <map>
#include <string>
#include <utility>

#include "base/clock.h"
#include "process/proc_fs.h"

namespace profd {

class FakeClock final : public Clock {
 public:
  BootTime Boot() const override { return now; }
  WallTime Wall() const override { return WallTime(std::chrono::hours(24 * 20000)) + now + wall_offset; }

  BootTime now = std::chrono::seconds(1000);
  std::chrono::nanoseconds wall_offset{};
};

/// Texts and links by name; files that can be opened stand for real files elsewhere. Counts what is asked.
class FakeProcFs final : public ProcFs {
 public:
  absl::StatusOr<std::string> Read(std::string_view relative, size_t max_bytes) const override {
    ++reads[std::string(relative)];
    const auto found = texts.find(std::string(relative));
    if (found == texts.end()) return Error(absl::StatusCode::kNotFound, "no {}", relative);
    return found->second.substr(0, max_bytes);
  }
  absl::StatusOr<std::string> ReadLink(std::string_view relative) const override {
    const auto found = links.find(std::string(relative));
    if (found == links.end()) return Error(absl::StatusCode::kNotFound, "no {}", relative);
    return found->second;
  }
  absl::StatusOr<UniqueFd> Open(std::string_view relative) const override {
    ++opens;
    return OpenReal(files, std::string(relative));
  }
  absl::StatusOr<UniqueFd> OpenInRoot(uint32_t pid, std::string_view path) const override {
    ++opens;
    return OpenReal(root_files, std::pair(pid, std::string(path)));
  }

  /// A living process that started at that time.
  void AddProcess(uint32_t pid, uint64_t start_time_ns, const std::string& maps = "") {
    std::string stat = fmt::format("{} (a) name) R", pid);
    for (int field = 4; field <= 21; ++field) stat += " 7";
    texts[Name(pid, "stat")] = fmt::format("{} {} 0 0\n", stat, start_time_ns / 10'000'000);
    texts[Name(pid, "maps")] = maps;
  }
  void RemoveProcess(uint32_t pid) {
    const std::string prefix = Name(pid, "");
    for (auto* names : {&texts, &links, &files}) {
      std::erase_if(*names, [&](const auto& entry) { return entry.first.starts_with(prefix); });
    }
    std::erase_if(root_files, [&](const auto& entry) { return entry.first.first == pid; });
  }
  static std::string Name(uint32_t pid, std::string_view rest) { return fmt::format("{}/{}", pid, rest); }

  std::map<std::string, std::string> texts;
  std::map<std::string, std::string> links;
  std::map<std::string, std::string> files;                            ///< to the real file's path
  std::map<std::pair<uint32_t, std::string>, std::string> root_files;  ///< to the real file's path
  mutable std::map<std::string, int> reads;
  mutable int opens = 0;

 private:
  template <typename Map>
  static absl::StatusOr<UniqueFd> OpenReal(const Map& names, const typename Map::key_type& name) {
    const auto found = names.find(name);
    if (found == names.end()) return Error(absl::StatusCode::kNotFound, "no such file");
    UniqueFd fd(open(found->second.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return Error(absl::StatusCode::kNotFound, "no such real file");
    return fd;
  }
};

}  // namespace profd
