// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
// Programs time themselves: the kernel's own run-time statistics need SYS_ADMIN and cost every program on the machine.
#pragma once

#include "kernel.h"

#include "../shared/abi.h"

static __always_inline void add_run(struct profd_program_stats* stats, __u64 began_ns, int recorded) {
  __u64 took_ns = bpf_ktime_get_ns() - began_ns;
  stats->runs++;
  stats->total_ns += took_ns;
  if (recorded) {
    stats->recorded_runs++;
    stats->recorded_ns += took_ns;
  }
}
