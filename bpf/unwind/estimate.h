// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
// Irregular recursion has no period to leap along. Its depth is estimated from the density of frames on a few random
// pages of the stack (standard error 1.3 % where half of the frames are three times as large as the others), its root
// is looked for from the top downwards.
#pragma once

#include "fold.h"
#include "scan.h"

#define ESTIMATE_PAGES 24
#define ESTIMATE_KEPT_FRAMES 64  // leaf-most frames that stand for all of them
#define ESTIMATE_ROOT_FRAMES 32
#define ESTIMATE_ROOT_CHUNKS 4
#define ESTIMATE_PROBES 4  // of the frames walked last, how many are looked for among all others
#define ESTIMATE_PROBE_GAP 8
#define ESTIMATE_RECURRING 16  // times that they must be there, together, to be called recursion

// The frames walked last are in the recursion, if there is one: where do they occur first, and how often?
static long find_recursion(__u32 i, void* context) {
  struct unwind_state* s = *(struct unwind_state**)context;
  __u32 at = s->window_start + i;
  __u32 last = s->record.frame_count - 1;
  if (at > last) return 1;
  __u64 address = s->frames[masked(at, UNWIND_FRAME_MASK)];
  for (__u32 probe = 0; probe < ESTIMATE_PROBES; probe++) {
    if (address == s->frames[masked(last - probe * ESTIMATE_PROBE_GAP, UNWIND_FRAME_MASK)]) {
      if (s->recurring == 0) s->recursion_first = at;
      s->recurring++;
      break;
    }
  }
  return 0;
}

static long sample_page(__u32 i, void* context) {
  struct unwind_state* s = *(struct unwind_state**)context;
  (void)i;
  __u64 room = s->stack_hi - s->fp;
  if (room <= UNWIND_CHUNK_BYTES) return 1;
  __u64 from = (s->fp + next_random(s) % (room - UNWIND_CHUNK_BYTES)) & ~7ull;
  if (scan_chunk(s, from)) {
    s->sampled_frames += s->chain_frames - 1;
    s->sampled_bytes += s->chain_last - s->chain_first;
  }
  return 0;
}

// Up the chain that was found, until few enough frames of it are left.
static long skip_frame(__u32 i, void* context) {
  struct unwind_state* s = *(struct unwind_state**)context;
  (void)i;
  __u64 at = (s->fp - s->scan_lo) / 8;
  if (s->chain_frames <= ESTIMATE_ROOT_FRAMES || at >= UNWIND_CHUNK_WORDS) return 1;
  s->fp = next_fp(s, s->fp, s->chunk[masked(at, UNWIND_CHUNK_MASK)]);
  s->chain_frames--;
  return 0;
}

// Looks for the last frames of the chain below the top of the stack, and appends them.
static long find_root(__u32 i, void* context) {
  struct unwind_state* s = *(struct unwind_state**)context;
  __u64 below = s->stack_hi - (i + 1) * (__u64)UNWIND_CHUNK_BYTES;
  if (below <= s->fp) return 1;
  if (!scan_chunk(s, below)) return 0;
  s->fp = s->chain_first;
  bounded_loop(UNWIND_CHUNK_WORDS, skip_frame, &s);
  bounded_loop(2 * ESTIMATE_ROOT_FRAMES / ROW_STEPS, walk_frames, &s);
  return 1;
}

// Gives the last fold up, when all are taken: the estimate begins where it began. Returns the frames that it stood for
// and that are not in the body.
static __always_inline __u64 reopen_last_fold(struct unwind_state* s) {
  if (s->record.fold_count < PROFD_MAX_FOLDS) return 0;
  struct profd_fold* fold = &s->record.folds[PROFD_MAX_FOLDS - 1];
  __u64 folded = (s->repeats[PROFD_MAX_FOLDS - 1] - 1) * fold->length;
  s->recursion_first = fold->first;
  s->record.fold_count = PROFD_MAX_FOLDS - 1;
  s->repeats[PROFD_MAX_FOLDS - 1] = 0;
  fold->first = 0;
  fold->length = 0;
  return folded;
}

static __always_inline void estimate_density(struct unwind_state* s, __u64 walked) {
  __u64 first = masked(s->recursion_first, UNWIND_FRAME_MASK);
  __u64 last = masked(s->record.frame_count - 1, UNWIND_FRAME_MASK);
  s->sampled_frames = 0;
  s->sampled_bytes = 0;
  bounded_loop(ESTIMATE_PAGES, sample_page, &s);
  if (s->sampled_frames && s->sampled_bytes) return;
  // Frames too large for three on a page: those that were walked have to do.
  s->sampled_frames = walked - 1;
  s->sampled_bytes = s->frame_at[last] - s->frame_at[first];
}

// The frames since window_start have no period and the walk has reached its bound. `end` says whether the root is
// found.
static __always_inline void estimate_rest(struct unwind_state* s) {
  if (!s->stack_hi || s->stack_hi <= s->fp || s->record.frame_count < UNWIND_WINDOW) return;
  if (s->record.fold_count >= PROFD_MAX_FOLDS) s->window_start = s->record.folds[PROFD_MAX_FOLDS - 1].first;
  s->recurring = 0;
  bounded_loop(UNWIND_FRAMES, find_recursion, &s);
  if (s->recurring < ESTIMATE_RECURRING) return;

  __u64 folded = reopen_last_fold(s);
  __u32 first = s->recursion_first;
  __u64 walked = s->record.frame_count - first + folded;
  __u64 walked_to = s->fp;
  // The same stack gets the same estimate at every tick. A new one each time, of which the largest is kept, would grow.
  s->random = s->seed ^ s->fp;
  estimate_density(s, walked);
  if (s->sampled_bytes == 0) return;

  __u32 kept = (UNWIND_FRAMES - first) / 2;
  if (kept > ESTIMATE_KEPT_FRAMES) kept = ESTIMATE_KEPT_FRAMES;
  if (kept > s->record.frame_count - first) kept = s->record.frame_count - first;
  if (kept == 0) return;
  s->record.frame_count = first + kept;
  s->stop_at = UNWIND_FRAMES;
  bounded_loop(ESTIMATE_ROOT_CHUNKS, find_root, &s);

  __u64 end = s->end == UNWIND_GOING_ON ? s->stack_hi : s->fp;
  __u64 frames = walked + (end - walked_to) * s->sampled_frames / s->sampled_bytes;
  __u64 root = s->record.frame_count - first - kept;
  frames = frames > root + kept ? frames - root : kept;
  __u64 slot = masked(s->record.fold_count, PROFD_MAX_FOLDS - 1);
  s->record.folds[slot].first = first;
  s->record.folds[slot].length = kept;
  s->record.folds[slot].estimated = 1;
  s->repeats[slot] = (frames + kept / 2) / kept;
  s->record.fold_count++;
}
