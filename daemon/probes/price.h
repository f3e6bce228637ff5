// What probes cost a program. Pure.
#pragma once

#include <chrono>
#include <cstdint>

namespace profd {

/// Of its CPU time. `trap`: of one hit, as it was measured on a function of profd's own; `program`: spent in BPF. In a
/// real program a hit costs more than that, since it pushes the program's own data out of the caches: one that lost 51
/// % of its work to unmetered probes would have lost 35 % by these two (make bench, growth-churn).
inline std::chrono::nanoseconds PriceOfHits(uint64_t hits, std::chrono::nanoseconds trap,
                                            std::chrono::nanoseconds program) {
  return (trap * static_cast<int64_t>(hits) + program) * 3 / 2;
}

/// The same of breakpoints of the CPU, whose traps take ten times as long and touch no more.
inline std::chrono::nanoseconds PriceOfBreakpoints(uint64_t hits, std::chrono::nanoseconds trap,
                                                   std::chrono::nanoseconds program) {
  return trap * static_cast<int64_t>(hits) + program * 3 / 2;
}

}  // namespace profd
