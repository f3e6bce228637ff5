// A function of profd's own to measure on what a probe's hit costs.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include "base/status.h"
#include "base/unique_fd.h"

namespace profd {

struct CalibrationSite {
  UniqueFd file;         ///< the binary that holds it
  uint64_t offset = 0;   ///< of its instruction in there, a conditional jump as Go's functions begin with
  uint64_t address = 0;  ///< where profd has that
};
absl::StatusOr<CalibrationSite> FindCalibrationSite();

inline constexpr int kCalibrationHits = 1000;
/// Calls it that often, fifty times at least. What one call takes, without what `program` has grown by: the time that
/// the probe's program has taken over its life. The median of batches of fifty: others use the CPUs too.
std::chrono::nanoseconds MeasureTrap(const std::function<std::chrono::nanoseconds()>& program,
                                     int hits = kCalibrationHits);

}  // namespace profd
