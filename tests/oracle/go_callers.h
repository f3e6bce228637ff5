// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
// What tests/oracle/go_callers.bpf.c sends of each sample.
#pragma once

#include "shared/abi.h"

struct judged_sample {
  __u64 ip, sp, bp;
  __u32 in_kernel;    // the tick was in the kernel
  __u32 stack_bytes;  // 0: it could not be read
  __u8 stack[16384];  // from sp on
  struct profd_stack_record record;
  __u64 frames[PROFD_MAX_FRAMES];  // directly behind the record, as in the sampler's own ring
};
