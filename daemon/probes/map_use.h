// What a window tells about the process as a whole.
#pragma once

#include <chrono>
#include <cstdint>

namespace profd {

/// How often a process has used maps in a window.
struct MapUse {
  uint64_t hits = 0;
  std::chrono::nanoseconds length{};  ///< from when all its probes were armed until it was full, or over
  std::chrono::nanoseconds price{};   ///< of the hits: traps and program; each thread's has delayed that thread alone
  uint64_t threads = 1;               ///< that they are of
  uint64_t burst_hits = 0;  ///< in a burst of the program's: windows end anywhere in that many; 0: it does not rest
};

}  // namespace profd
