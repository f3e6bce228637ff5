// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
// The whole of it: walk, fold, walk on, to the root. Bounded work on any stack, honest or hostile.
#pragma once

#include "estimate.h"
#include "leaf.h"

// Stretches of at most UNWIND_WINDOW frames, each followed by an attempt to fold.
#define UNWIND_ROUNDS (UNWIND_FRAMES / UNWIND_WINDOW + PROFD_MAX_FOLDS + 1)

static __always_inline void unwind_begin(struct unwind_state* s, __u64 random, __u64 seed) {
  s->record.frame_count = 0;
  s->record.fold_count = 0;
  s->record.flags = 0;
  for (int i = 0; i < PROFD_MAX_FOLDS; i++) {
    s->repeats[i] = 0;
    s->record.folds[i].first = 0;
    s->record.folds[i].length = 0;
    s->record.folds[i].estimated = 0;
  }
  s->record.leaf_frame = 0;
  s->record.leaf_count = 0;
  s->record.leaf_index = 0;
  s->stack_bytes = 0;
  s->goroutine = 0;
  s->stack_lo = 0;
  s->stack_hi = 0;
  s->moving = 0;
  s->moved_by = 0;
  s->window_start = 1;
  s->chunk_bytes = 0;
  s->chunk_base = 0;
  s->end = UNWIND_GOING_ON;
  s->positions_verified = 0;
  s->sampled_frames = 0;
  s->random = random;
  s->seed = seed;
}

// Walks the first stretch, from s->fp; s->sp must be on the same stack. A stack that is deeper than that wants its
// bounds known before unwind_to_root() goes on.
static __always_inline void unwind_first_window(struct unwind_state* s) {
  s->end = UNWIND_GOING_ON;
  if (!begins_chain(s)) {
    s->fp = s->sp;
    s->end = UNWIND_BROKEN;
    return;
  }
  s->stop_at = s->record.frame_count + UNWIND_WINDOW;
  bounded_loop(UNWIND_WINDOW / ROW_STEPS, walk_frames, &s);
}

static long unwind_round(__u32 i, void* context) {
  struct unwind_state* s = *(struct unwind_state**)context;
  (void)i;
  fold_window(s);
  if (s->end != UNWIND_GOING_ON || s->record.frame_count >= UNWIND_FRAMES) return 1;
  s->stop_at = s->record.frame_count + UNWIND_WINDOW;
  bounded_loop(UNWIND_WINDOW / ROW_STEPS, walk_frames, &s);
  return s->end != UNWIND_GOING_ON;
}

// Continues from s->fp to the root, after the first window. `s->sp` and the bounds, if known, are those of the stack
// that fp lies on. Frames that are there already (the leaf, another stack's) stay in front.
static __always_inline void unwind_to_root(struct unwind_state* s) {
  if (s->end == UNWIND_GOING_ON) bounded_loop(UNWIND_ROUNDS, unwind_round, &s);
  if (s->end == UNWIND_GOING_ON) {
    s->record.flags |= PROFD_STACK_TRUNCATED;
    estimate_rest(s);
    if (s->end != UNWIND_GOING_ON) s->record.flags &= ~PROFD_STACK_TRUNCATED;
  }
  if (s->end == UNWIND_UNREADABLE) s->record.flags |= PROFD_STACK_READ_FAILED;
  if (s->end == UNWIND_BROKEN || s->end == UNWIND_LEFT_STACK) s->record.flags |= PROFD_STACK_NO_FRAME_POINTER;

  if (s->stack_hi) {
    s->stack_bytes = s->stack_hi - s->sp;
  } else if (s->fp > s->sp) {
    s->stack_bytes = s->fp + 16 - s->sp;
  }
}
