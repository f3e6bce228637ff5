#include "kernel/calibration.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "process/proc_fs.h"
#include "process/proc_maps.h"

// cmp; jbe, never taken; ret. The label is that of the jump.
asm(R"(
  .text
  .p2align 4
  .globl profd_calibration
  .type profd_calibration, @function
profd_calibration:
  cmp $0, %rsp
  .globl profd_calibration_site
profd_calibration_site:
  jbe 1f
1:
  ret
  .size profd_calibration, .-profd_calibration
)");
extern "C" {
void profd_calibration();
extern const char profd_calibration_site[];
}

namespace profd {

absl::StatusOr<CalibrationSite> FindCalibrationSite() {
  constexpr size_t kMostMappings = 4096;
  ASSIGN_OR_RETURN(const std::string maps, RealProcFs().Read("self/maps", 16 << 20));
  const auto address = reinterpret_cast<uint64_t>(profd_calibration_site);
  for (const MapEvent& map : ParseExecutableMaps(maps, kMostMappings)) {
    if (address < map.start || address - map.start >= map.length) continue;
    CalibrationSite site{.file = UniqueFd(open("/proc/self/exe", O_RDONLY | O_CLOEXEC)),
                         .offset = address - map.start + map.file_offset,
                         .address = address};
    if (!site.file) return Error(absl::StatusCode::kInternal, "opening profd's own binary: {}", ErrnoText(errno));
    return site;
  }
  return Error(absl::StatusCode::kInternal, "profd's own code is in no mapping");
}

std::chrono::nanoseconds MeasureTrap(const std::function<std::chrono::nanoseconds()>& program, int hits) {
  constexpr int kBatch = 50;
  std::vector<std::chrono::nanoseconds> took(static_cast<size_t>(hits / kBatch));
  for (std::chrono::nanoseconds& batch : took) {
    const std::chrono::nanoseconds before = program();
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < kBatch; ++i) profd_calibration();
    const auto end = std::chrono::steady_clock::now();
    batch = (end - begin - (program() - before)) / kBatch;
  }
  const auto middle = took.begin() + static_cast<ptrdiff_t>(took.size() / 2);
  std::ranges::nth_element(took, middle);
  return std::max(*middle, std::chrono::nanoseconds(0));
}

}  // namespace profd
