// The kernel's unwinder in this process: bpf/unwind compiled as C for the host, called as the tick calls it.
#pragma once

#include <linux/types.h>

#include "unwind/state.h"

#ifdef __cplusplus
extern "C" {
#endif

// What the tick knows of the thread.
struct host_thread {
  __u64 ip, sp, bp;
  __u64 stack_lo, stack_hi;  // 0: never known
  int bounds_are_late;       // a native thread's are looked up after the first window only
  __u64 text_lo, text_hi;    // Go's functions; 0: not Go
  int moving;                // Go's system stack was left for a goroutine's that may be in the middle of a move
};

void profd_host_unwind(struct unwind_state* s, const struct host_thread* thread, __u64 random);

// The most that one unwinding may cost on any stack, from the constants of bpf/unwind.
__u64 profd_host_most_reads(void);
__u64 profd_host_most_steps(void);

#ifdef __cplusplus
}
#endif
