// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
// Folding: find the cycle that a deep stack consists of, then leap along it. A frame k cycles up stands k strides
// higher if the recursion is uniform, so its depth is found in O(log depth) reads instead of a walk.
#pragma once

#include "walk.h"

#define FOLD_SPOT_CHECKS 8
#define FOLD_STEPS 2048   // comparisons spent on one search for a period
#define GALLOP_STEPS 192  // reads spent on one gallop

static __always_inline __u64 next_random(struct unwind_state* s) {
  __u64 x = s->random | 1;
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  s->random = x;
  return x;
}

// Pairs of frames, one period apart, that must agree before a period counts.
static __always_inline __u32 pairs_needed(__u32 period) { return period > 12 ? 2 * period : 24; }

// One comparison: the frame `matched` from the end against the one a period before it.
static __always_inline long compare_period(__u32 i, void* context) {
  struct unwind_state* s = *(struct unwind_state**)context;
  (void)i;
  __u32 count = s->record.frame_count;
  __u32 period = s->period;
  if (period > PROFD_MAX_CYCLE || s->window_start + period + pairs_needed(period) > count) {
    s->period = 0;
    return 1;
  }
  __u64 upper = masked(count - 1 - s->matched, UNWIND_FRAME_MASK);
  __u64 lower = masked(upper - period, UNWIND_FRAME_MASK);
  __u64 stride = s->frame_at[upper] - s->frame_at[lower];
  if (s->matched == 0) s->stride = stride;
  if (s->frames[upper] == s->frames[lower] && stride == s->stride) {
    s->matched++;
    return s->matched >= pairs_needed(period);
  }
  s->period++;
  s->matched = 0;
  return 0;
}
steps_in_rows(compare_periods, compare_period)

    // One frame further back towards the leaf that still belongs to the cycle.
    static __always_inline long extend_period(__u32 i, void* context) {
  struct unwind_state* s = *(struct unwind_state**)context;
  (void)i;
  __u32 first = s->record.frame_count - s->matched - s->period;  // leaf-most frame known to be in the cycle
  if (first <= s->window_start) return 1;
  __u64 lower = masked(first - 1, UNWIND_FRAME_MASK);
  __u64 upper = masked(lower + s->period, UNWIND_FRAME_MASK);
  if (s->frames[upper] != s->frames[lower] || s->frame_at[upper] - s->frame_at[lower] != s->stride) return 1;
  s->matched++;
  return 0;
}
steps_in_rows(extend_periods, extend_period)

    // Does the cycle still stand `position` cycles above the last parsed frame?
    static __always_inline int cycle_holds(struct unwind_state* s, __u64 position) {
  __u64 last = masked(s->record.frame_count - 1, UNWIND_FRAME_MASK);
  __u64 before = masked(last - s->period, UNWIND_FRAME_MASK);
  __u64 after_before = masked(before + 1, UNWIND_FRAME_MASK);
  __u64 at = s->frame_at[last] + position * s->stride;
  __u64 step = s->frame_at[after_before] - s->frame_at[before];
  __u64 record[2];
  if (read_user(record, sizeof(record), at)) return 0;
  s->positions_verified++;
  return record[1] == s->frames[last] && (s->moving || record[0] == at + step);
}

// A spot check failed at `position`: what was leapt over is not all the same. Begin again below it.
static __always_inline void restart_below(struct unwind_state* s, __u64 position) {
  s->bad = position;
  s->good = 0;
  s->restarts++;
  s->phase = s->restarts > 2 ? GALLOP_DONE : GALLOP_DOUBLE;
}

static __always_inline void begin_spot_checks(struct unwind_state* s) {
  s->checks_left = FOLD_SPOT_CHECKS;
  s->phase = s->good > 2 ? GALLOP_SPOT_CHECK : GALLOP_DONE;
}

// One read: from the top of the stack downwards in doubling steps (a runaway fills nearly all of its stack), else
// upwards in doubling steps; then halving; then looking at random places in between.
static long gallop(__u32 i, void* context) {
  struct unwind_state* s = *(struct unwind_state**)context;
  __u64 position;
  (void)i;
  switch (s->phase) {
    case GALLOP_FROM_TOP:
      if (s->back >= s->top) {
        s->phase = GALLOP_DOUBLE;
        return 0;
      }
      position = s->top - s->back;
      if (cycle_holds(s, position)) {
        s->good = position;
        s->phase = GALLOP_BISECT;
      } else {
        s->bad = position;
        s->back = s->back ? s->back * 2 : 1;
      }
      return 0;
    case GALLOP_DOUBLE:
      position = s->good ? s->good * 2 : 1;
      if (s->bad && position >= s->bad) {
        s->phase = GALLOP_BISECT;
      } else if (cycle_holds(s, position)) {
        s->good = position;
      } else {
        s->bad = position;
        s->phase = GALLOP_BISECT;
      }
      return 0;
    case GALLOP_BISECT:
      if (s->bad == 0 || s->bad - s->good <= 1) {
        begin_spot_checks(s);
        return 0;
      }
      position = s->good + (s->bad - s->good) / 2;
      if (cycle_holds(s, position)) {
        s->good = position;
      } else {
        s->bad = position;
      }
      return 0;
    case GALLOP_SPOT_CHECK:
      position = 1 + next_random(s) % (s->good - 1);
      if (!cycle_holds(s, position)) {
        restart_below(s, position);
      } else if (--s->checks_left == 0) {
        s->phase = GALLOP_DONE;
      }
      return 0;
    default: return 1;
  }
}

// While a stack is moved, its frames towards the root still hold frame pointers of the old place. At a known position
// of the cycle the right value is known, and so is what is missing.
static __always_inline void learn_move(struct unwind_state* s, __u64 last, __u64 step) {
  if (!s->moving || s->good == 0) return;
  __u64 at = s->frame_at[masked(last, UNWIND_FRAME_MASK)] + (s->good - 1) * s->stride;
  __u64 saved_fp;
  if (read_user(&saved_fp, sizeof(saved_fp), at)) return;
  if (saved_fp != at + step) s->moved_by = at + step - saved_fp;
}

// Writes the fold down and puts the walk behind it.
static __always_inline void leap(struct unwind_state* s) {
  __u32 count = s->record.frame_count;
  __u32 period = s->period;
  __u32 first = count - s->matched - period;
  __u64 last = masked(count - 1, UNWIND_FRAME_MASK);
  __u64 before = masked(last - period, UNWIND_FRAME_MASK);
  __u64 step = s->frame_at[masked(before + 1, UNWIND_FRAME_MASK)] - s->frame_at[before];
  __u64 last_at = s->frame_at[last] + s->good * s->stride;
  __u64 frames = (count - first) + s->good * period;
  __u64 slot = masked(s->record.fold_count, PROFD_MAX_FOLDS - 1);
  __u64 saved_fp;

  learn_move(s, last, step);
  s->record.folds[slot].first = first;
  s->record.folds[slot].length = period;
  s->record.folds[slot].estimated = 0;
  s->repeats[slot] = frames / period;
  s->record.fold_count++;
  // The incomplete cycle at the root end stands right behind the first whole one already: the window holds at least
  // two.
  s->record.frame_count = first + period + frames % period;
  s->window_start = s->record.frame_count;

  s->chunk_bytes = 0;
  if (read_user(&saved_fp, sizeof(saved_fp), last_at)) {
    s->end = UNWIND_UNREADABLE;
    return;
  }
  saved_fp = next_fp(s, last_at, saved_fp);
  if (!is_next_frame(last_at, saved_fp)) {
    s->end = saved_fp == 0 ? UNWIND_ROOT : UNWIND_BROKEN;
    return;
  }
  s->fp = saved_fp;
}

// Folds the frames since window_start, if they end in a cycle. 1 if they did.
static __always_inline int fold_window(struct unwind_state* s) {
  if (s->record.fold_count >= PROFD_MAX_FOLDS) return 0;
  s->period = 1;
  s->matched = 0;
  bounded_loop(FOLD_STEPS / ROW_STEPS, compare_periods, &s);
  if (s->period == 0 || s->matched < pairs_needed(s->period) || s->stride == 0) return 0;
  bounded_loop(UNWIND_FRAMES / ROW_STEPS, extend_periods, &s);

  __u64 last_at = s->frame_at[masked(s->record.frame_count - 1, UNWIND_FRAME_MASK)];
  s->good = 0;
  s->bad = 0;
  s->back = 0;
  s->restarts = 0;
  s->phase = GALLOP_DOUBLE;
  if (s->stack_hi > last_at + 16) {
    s->top = (s->stack_hi - 16 - last_at) / s->stride;
    s->bad = s->top + 1;
    s->phase = GALLOP_FROM_TOP;
  }
  bounded_loop(GALLOP_STEPS, gallop, &s);
  leap(s);
  return 1;
}
