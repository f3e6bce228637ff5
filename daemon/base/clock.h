// Time. The kernel side stamps with CLOCK_BOOTTIME (it goes on through suspend and never jumps); people read wall time.
#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>

namespace profd {

/// Nanoseconds of CLOCK_BOOTTIME, as bpf_ktime_get_boot_ns() gives them.
using BootTime = std::chrono::nanoseconds;
using WallTime = std::chrono::sys_time<std::chrono::nanoseconds>;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual BootTime Boot() const = 0;
  virtual WallTime Wall() const = 0;

  /// The wall time of a moment on the boot clock, by their present difference.
  WallTime ToWall(BootTime boot) const { return Wall() - (Boot() - boot); }
};

class SystemClock final : public Clock {
 public:
  BootTime Boot() const override {
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
  }
  WallTime Wall() const override {
    return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
  }
};

}  // namespace profd
