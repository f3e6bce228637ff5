// How soon the threads run that put probes in and take them out, in profd and in the process that does it.
#pragma once

#include <sys/resource.h>

namespace profd {

/// A runaway takes all the CPU there is, and with each millisecond that its window comes later its stack has grown. For
/// the calling thread, which does little at a time, and those that it starts. Where that is not allowed, they wait as
/// others do.
inline void RunSoonWhenWoken() {
  constexpr int kNice = -15;
  (void)setpriority(PRIO_PROCESS, 0, kNice);
}

}  // namespace profd
