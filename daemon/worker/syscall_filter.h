// The system calls of a worker.
#pragma once

#include "base/status.h"

namespace profd {

/// From here on any system call that reading a given file and answering does not need kills the process.
absl::Status InstallSyscallFilter();

}  // namespace profd
