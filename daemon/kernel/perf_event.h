// perf events: opening them, and the ring of mapping events.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"
#include "kernel/raw_records.h"

namespace profd {

/// "0-3,5" as the kernel writes CPU lists. Bounded at 8,192 CPUs.
absl::StatusOr<std::vector<int>> ParseCpuList(std::string_view text);

/// The CPUs that are online now.
absl::StatusOr<std::vector<int>> OnlineCpus();

/// A timer that ticks every `period_ns` of one CPU, whatever runs there; not yet enabled. `hardware_cycles`: so many
/// cycles instead, taken from the CPU's own counter.
absl::StatusOr<UniqueFd> OpenTick(int cpu, uint64_t period_ns, bool hardware_cycles, uint32_t sample_hz);

/// A breakpoint of the CPU at an instruction of one thread; not yet enabled. ResourceExhausted: the thread's are taken.
/// NotFound: the thread has ended.
absl::StatusOr<UniqueFd> OpenBreakpoint(pid_t tid, uint64_t address);

/// Nothing that counts. While an event of some thread is open the next ones take 0.2 ms to open; the first takes 7
/// to 10. The price: the kernel looks for events at each context switch.
absl::StatusOr<UniqueFd> OpenIdleThreadEvent();

/// The kernel's announcements of executable mappings (PERF_RECORD_MMAP2) and of exec, of one CPU. Not thread safe.
class MappingRing {
 public:
  static absl::StatusOr<MappingRing> Open(int cpu);
  MappingRing(MappingRing&& other) noexcept;
  MappingRing& operator=(MappingRing&&) = delete;
  ~MappingRing();

  /// Becomes readable when half full.
  int fd() const { return fd_.get(); }
  int cpu() const { return cpu_; }
  /// Appends what has come since the last call. Returns how many records the kernel dropped for lack of room.
  uint64_t Read(std::vector<MappingEvent>& out);

 private:
  MappingRing(int cpu, UniqueFd fd, void* base, size_t size)
      : cpu_(cpu), fd_(std::move(fd)), base_(base), size_(size) {}

  int cpu_;
  UniqueFd fd_;
  void* base_;   // one control page, then the data
  size_t size_;  // of the whole mapping, bytes
};

}  // namespace profd
