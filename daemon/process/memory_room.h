// How much memory a process may still take: by its cgroup and those above it, or the machine's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "process/proc_fs.h"

namespace profd {

struct ProcessMemory {
  uint64_t left_bytes = 0;
  uint64_t limit_bytes = 0;  ///< of the cgroup; 0: it is the machine's
  std::string limited_by;    ///< "memory.max of /kubepods/...", "the machine's memory"
};

/// Of a cgroup: its limit less what is in use and cannot be reclaimed (files, slabs); the tightest of all up to the
/// root, and of MemAvailable. cgroup v2 as well as v1, mounted as usual at `cgroup_root`. Nothing: not known.
std::optional<ProcessMemory> ReadProcessMemory(const ProcFs& proc_fs, uint32_t pid,
                                               const std::string& cgroup_root = "/sys/fs/cgroup");

}  // namespace profd
