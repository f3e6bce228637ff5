// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
// Looking for frames in the middle of a stack, without a chain that leads there.
#pragma once

#include "walk.h"

#define SCAN_CHAIN_FRAMES 3  // linked records that make a chain

// The next record up, as the record at `at` says. On a stack that is being moved, the first link of a chain shows how
// far it was moved, and the others must agree.
static __always_inline __u64 scanned_fp(struct unwind_state* s, __u64 at, __u64 saved_fp) {
  if (!is_old_fp(s, saved_fp)) return saved_fp;
  if (s->moved_by) return saved_fp + s->moved_by;
  if (s->chain_frames == 0) s->chain_moved_by = distance_moved(at, saved_fp);
  return saved_fp + s->chain_moved_by;
}

// One word of the chunk: a frame record links to the next one up the stack and holds a return address. Random data that
// looks like one soon leads nowhere; a chain that goes on is the stack's.
static long scan_word(__u32 i, void* context) {
  struct unwind_state* s = *(struct unwind_state**)context;
  (void)i;
  __u32 at = s->scan_at;
  if (at + 1 >= UNWIND_CHUNK_WORDS) return 1;
  __u64 address = s->scan_lo + at * 8;
  __u64 saved_fp = scanned_fp(s, address, s->chunk[masked(at, UNWIND_CHUNK_MASK)]);
  __u64 return_address = s->chunk[masked(at + 1, UNWIND_CHUNK_MASK)];
  int on_stack = return_address >= s->stack_lo && return_address < s->stack_hi;
  int root = saved_fp == 0 && s->chain_frames > 0;
  int record = is_code_like(return_address) && !on_stack &&
               (root || (is_next_frame(address, saved_fp) && saved_fp < s->stack_hi));
  if (record) {
    if (s->chain_frames == 0) s->chain_first = address;
    s->chain_frames++;
    s->chain_last = address;
  }
  if (record && !root && saved_fp - s->scan_lo < UNWIND_CHUNK_BYTES) {
    s->scan_at = (saved_fp - s->scan_lo) / 8;
    return 0;
  }
  // The chain ends here or leaves the chunk. A long enough one it is; else go on behind where it began.
  if (s->chain_frames >= SCAN_CHAIN_FRAMES) return 1;
  s->scan_at = s->chain_frames ? (s->chain_first - s->scan_lo) / 8 + 1 : at + 1;
  s->chain_frames = 0;
  s->chain_moved_by = 0;
  return 0;
}

// Reads the chunk at `from` and looks for a chain: chain_first to chain_last. 1 if there is one.
static __always_inline int scan_chunk(struct unwind_state* s, __u64 from) {
  s->chunk_bytes = 0;
  s->scan_lo = from;
  s->scan_at = 0;
  s->chain_frames = 0;
  s->chain_moved_by = 0;
  s->chain_first = 0;
  s->chain_last = 0;
  if (read_user(s->chunk, UNWIND_CHUNK_BYTES, from)) return 0;
  bounded_loop(2 * UNWIND_CHUNK_WORDS, scan_word, &s);
  return s->chain_frames >= SCAN_CHAIN_FRAMES;
}
