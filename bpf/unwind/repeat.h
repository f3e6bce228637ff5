// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
// Does a stack that is too short for a fold repeat itself? What does not is no recursion, and nobody needs to see it.
#pragma once

#include "state.h"

#define REPEAT_LEAST 3  // times that an address must stand there

static __always_inline long count_repeat(__u32 i, void* context) {
  struct unwind_state* s = *(struct unwind_state**)context;
  (void)i;
  if (s->scan_at >= s->record.frame_count || s->scan_at >= UNWIND_WINDOW) return 1;
  __u64 address = s->frames[masked(s->scan_at, UNWIND_FRAME_MASK)];
  s->scan_at++;
  for (int probe = 0; probe < REPEAT_PROBES; probe++) s->repeat_count[probe] += s->repeat_of[probe] == address;
  return 0;
}
steps_in_rows(count_repeats, count_repeat)

    // Of the frames from the middle of the stack on, towards the root: a recursion that is there at all is there too.
    static __always_inline int repeats_itself(struct unwind_state* s) {
  __u32 count = s->record.frame_count;
  if (count > UNWIND_WINDOW) count = UNWIND_WINDOW;
  for (__u32 probe = 0; probe < REPEAT_PROBES; probe++) {
    __u32 at = count / 2 + probe * (count / 16);
    s->repeat_of[probe] = s->frames[masked(at, UNWIND_FRAME_MASK)];
    s->repeat_count[probe] = 0;
  }
  s->scan_at = 0;
  bounded_loop(UNWIND_WINDOW / ROW_STEPS, count_repeats, &s);
  for (__u32 probe = 0; probe < REPEAT_PROBES; probe++) {
    if (s->repeat_count[probe] >= REPEAT_LEAST) return 1;
  }
  return 0;
}
