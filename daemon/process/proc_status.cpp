#include "process/proc_status.h"

#include <charconv>

namespace profd {
namespace {

constexpr uint64_t kTickNs = 10'000'000;  // USER_HZ is 100 on every architecture profd runs on
constexpr size_t kMaxNamespaces = 33;     // the kernel nests 32 PID namespaces
constexpr size_t kMaxTextBytes = 64 << 10;

std::vector<uint32_t> ParseNumbers(std::string_view text, size_t max_numbers) {
  std::vector<uint32_t> numbers;
  while (numbers.size() < max_numbers) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    uint32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc()) break;
    numbers.push_back(number);
    text.remove_prefix(static_cast<size_t>(end - text.data()));
  }
  return numbers;
}

}  // namespace

std::optional<uint64_t> ParseStartTicks(std::string_view stat) {
  const size_t comm_end = stat.rfind(')');
  if (comm_end == std::string_view::npos) return std::nullopt;
  stat.remove_prefix(comm_end + 1);
  // After the comm comes field 3; a blank stands before each field.
  for (int field = 3; field <= 22; ++field) {
    const size_t blank = stat.find(' ');
    if (blank == std::string_view::npos) return std::nullopt;
    stat.remove_prefix(blank + 1);
  }
  uint64_t ticks = 0;
  const auto [end, error] = std::from_chars(stat.data(), stat.data() + stat.size(), ticks);
  if (error != std::errc()) return std::nullopt;
  return ticks;
}

ProcStatus ParseStatus(std::string_view status) {
  ProcStatus result;
  while (!status.empty()) {
    const size_t end = std::min(status.find('\n'), status.size());
    const std::string_view line = status.substr(0, end);
    if (line.starts_with("NSpid:")) {
      result.ns_pids = ParseNumbers(line.substr(6), kMaxNamespaces);
    } else if (line.starts_with("Uid:")) {
      // real, effective, saved, file system
      if (const std::vector<uint32_t> ids = ParseNumbers(line.substr(4), 4); ids.size() == 4) {
        result.file_user_id = ids[3];
      }
    }
    status.remove_prefix(std::min(end + 1, status.size()));
  }
  return result;
}

bool SameStart(uint64_t start_time_ns, uint64_t start_ticks) {
  const uint64_t ticks = start_time_ns / kTickNs;
  return ticks <= start_ticks ? start_ticks - ticks <= 1 : ticks - start_ticks <= 1;
}

absl::Status CheckIdentity(const ProcFs& proc_fs, uint32_t pid, uint64_t start_time_ns) {
  ASSIGN_OR_RETURN(const std::string stat, proc_fs.Read(fmt::format("{}/stat", pid), kMaxTextBytes));
  const std::optional<uint64_t> ticks = ParseStartTicks(stat);
  if (!ticks) return Error(absl::StatusCode::kInternal, "/proc/{}/stat has no start time", pid);
  if (!SameStart(start_time_ns, *ticks)) {
    return Error(absl::StatusCode::kNotFound, "process {} has ended, its number belongs to another", pid);
  }
  return absl::OkStatus();
}

}  // namespace profd
