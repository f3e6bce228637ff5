// Takes from a worker everything that it does not need to read one file and answer.
#pragma once

#include "base/status.h"
#include "worker/worker.pb.h"

namespace profd {

/// Irrevocable. Afterwards the process has no capabilities and can get none, opens, connects, starts and signals
/// nothing (seccomp: such a call kills it), uses no more than `limits`, and dies with its parent. What needs a
/// privilege that may be missing is done where permitted: another user, an empty root folder. An error: do not go on;
/// something that must hold does not.
absl::Status LockUp(const worker::Limits& limits);

}  // namespace profd
