// What this kernel and this privilege allow, tried out, not guessed from version numbers.
#pragma once

#include <vector>

#include "base/check.h"
#include "base/status.h"

namespace profd {

/// Tries each feature that profd needs or would use; some milliseconds. What is not there says what to do.
/// `hardware_cycles`: profd is to sample them, so they are required.
std::vector<Check> CheckKernel(bool hardware_cycles = false);

/// Unimplemented when something required is missing: names all of it, each with its remedy.
absl::Status Verdict(const std::vector<Check>& checks);

}  // namespace profd
