// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
// What the unwinder needs from where it runs: reading user memory, a bounded loop, an index the verifier believes.
// The kernel side has them from BPF helpers; a host build (PROFD_HOST) brings profd_host_read_user() of its own, so the
// same code runs in unit tests under sanitizers.
#pragma once

#ifdef PROFD_HOST

#include <linux/types.h>

#ifdef __cplusplus
extern "C" {
#endif
// 0, or negative when any of the bytes cannot be read.
long profd_host_read_user(void* to, __u32 size, __u64 from);
// Called before each step of a loop, so that tests can bound the work.
void profd_host_count_step(void);
#ifdef __cplusplus
}
#endif

#define read_user(to, size, from) profd_host_read_user((to), (size), (from))
// Stops early when `step` returns 1.
#define bounded_loop(count, step, context)               \
  do {                                                   \
    for (__u32 loop_i = 0; loop_i < (count); loop_i++) { \
      profd_host_count_step();                           \
      if (step(loop_i, (context))) break;                \
    }                                                    \
  } while (0)
#define verified_once static
#define masked(index, mask) ((index) & (mask))
#define count_step() profd_host_count_step()

#else

#define read_user(to, size, from) bpf_probe_read_user((to), (size), (const void*)(from))
#define bounded_loop(count, step, context) bpf_loop((count), (step), (context), 0)
#define count_step() ((void)0)
// A function that the verifier walks once, whatever the paths that lead to it. Its pointers come in as maybe null.
#define verified_once __attribute__((noinline))
// LLVM drops a mask that it can prove redundant, and then the verifier sees no bound ("unbounded memory access").
#define masked(index, mask)                                    \
  ({                                                           \
    __u64 masked_index = (index);                              \
    asm volatile("%0 &= %1" : "+r"(masked_index) : "i"(mask)); \
    masked_index;                                              \
  })

#endif

// `name` takes ROW_STEPS steps of `step` for one of bounded_loop's, for the loops that every sample runs. A step of
// bpf_loop is a call and a return, and returns are slow where the kernel guards them against speculation: over 100 ns
// instead of 10. The verifier walks each step of a row, so rows are short; `step` is inlined.
#define ROW_STEPS 8
#define steps_in_rows(name, step)                       \
  static long name(__u32 i, void* context) {            \
    for (__u32 row_i = 0; row_i < ROW_STEPS; row_i++) { \
      count_step();                                     \
      if (step(i, context)) return 1;                   \
    }                                                   \
    return 0;                                           \
  }
