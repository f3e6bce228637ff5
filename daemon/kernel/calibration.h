// A function of profd's own to measure on what a probe's hit costs.
#pragma once

#include <chrono>
#include <cstdint>

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
/// Runs it that often; what one run takes.
std::chrono::nanoseconds RunCalibration();

}  // namespace profd
