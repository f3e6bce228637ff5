// How profctl ends. Scripts rely on these numbers.
#pragma once

#include "base/status.h"

namespace profd::profctl {

inline constexpr int kExitOk = 0;
inline constexpr int kExitError = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitUnreachable = 3;
inline constexpr int kExitNoSuchProcess = 4;
inline constexpr int kExitDenied = 5;
inline constexpr int kExitInterrupted = 130;

int ExitCodeOf(const absl::Status& status);

/// Prints `profctl: message` on stderr, what to do next where that is known, and returns the exit code.
int Fail(const absl::Status& status);

}  // namespace profd::profctl
