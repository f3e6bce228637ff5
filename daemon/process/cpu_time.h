// The CPU time that a process has used.
#pragma once

#include <chrono>
#include <optional>

#include "process/process_table.h"

namespace profd {

/// User + system time of all its threads, dead ones too, by its own clock, or in steps of a clock tick where /proc is
/// not that of this machine. Nothing: it is gone.
std::optional<std::chrono::nanoseconds> ReadCpuTime(const ProcFs& proc_fs, const ProcessId& process);

}  // namespace profd
