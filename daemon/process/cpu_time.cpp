#include "process/cpu_time.h"

#include <time.h>
#include <unistd.h>

#include <chrono>
#include <sstream>

namespace profd {

std::optional<std::chrono::nanoseconds> ReadCpuTime(const ProcFs& proc_fs, const ProcessId& process) {
  constexpr size_t kMostBytes = 4096;
  constexpr int kBeforeTimes = 11, kBetween = 6;  // fields of proc_pid_stat(5), behind the name
  constexpr int64_t kSecond = 1'000'000'000;
  constexpr std::chrono::seconds kFar{1};
  const auto stat = proc_fs.Read(fmt::format("{}/stat", process.tgid), kMostBytes);
  if (!stat.ok()) return std::nullopt;
  // The name may hold anything, blanks and parentheses too.
  const size_t name_end = stat->rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(stat->substr(name_end + 1));
  std::string skipped;
  for (int i = 0; i < kBeforeTimes; ++i) fields >> skipped;
  uint64_t user = 0, system = 0, start = 0;
  fields >> user >> system;
  for (int i = 0; i < kBetween; ++i) fields >> skipped;
  fields >> start;
  const int64_t tick = kSecond / sysconf(_SC_CLK_TCK);
  if (!fields || start != process.start_time_ns / static_cast<uint64_t>(tick)) return std::nullopt;
  const std::chrono::nanoseconds in_ticks(static_cast<int64_t>(user + system) * tick);
  // To the nanosecond; of whoever has that pid here, which may be another /proc's.
  clockid_t clock{};
  timespec time{};
  if (clock_getcpuclockid(static_cast<pid_t>(process.tgid), &clock) != 0 || clock_gettime(clock, &time) != 0) {
    return in_ticks;
  }
  const std::chrono::nanoseconds exact(time.tv_sec * kSecond + time.tv_nsec);
  return std::chrono::abs(exact - in_ticks) < kFar ? exact : in_ticks;
}

}  // namespace profd
