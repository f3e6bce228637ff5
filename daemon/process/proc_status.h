// Small texts below /proc/PID: who is it, and is it still the same one. The parsers are pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "process/proc_fs.h"

namespace profd {

/// What profd needs of /proc/PID/status.
struct ProcStatus {
  std::vector<uint32_t> ns_pids;         ///< NSpid, outermost first
  std::optional<uint32_t> file_user_id;  ///< the user its files belong to
};

/// Field 22 of /proc/PID/stat: start after boot in ticks of 10 ms. A comm with blanks and parentheses does no harm.
std::optional<uint64_t> ParseStartTicks(std::string_view stat);
ProcStatus ParseStatus(std::string_view status);

/// Whether start times in nanoseconds and in ticks can be the same moment. One tick of rounding is allowed.
bool SameStart(uint64_t start_time_ns, uint64_t start_ticks);

/// OK when `pid` still is the process that started then; NotFound when it is gone or its number belongs to another.
/// Asked after something was read from /proc/PID it says that this came from the right process.
absl::Status CheckIdentity(const ProcFs& proc_fs, uint32_t pid, uint64_t start_time_ns);

}  // namespace profd
