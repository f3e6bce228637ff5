// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
// Frame by frame along the frame pointers, reading the stack in pieces: 12 ns a frame instead of 76 with a read each.
#pragma once

#include "state.h"

static __always_inline int is_code_like(__u64 address) {
  return address >= UNWIND_LOWEST_ADDRESS && address < UNWIND_ADDRESS_LIMIT;
}

static __always_inline void append_frame(struct unwind_state* s, __u64 address, __u64 at) {
  __u64 n = masked(s->record.frame_count, UNWIND_FRAME_MASK);
  s->frames[n] = address;
  s->frame_at[n] = at;
  s->record.frame_count++;
}

// Makes the chunk begin at `from`. A piece that crosses into an unreadable page is read again up to the page's end.
static __always_inline int load_chunk(struct unwind_state* s, __u64 from) {
  // Most stacks end within the first KiB, and every line that is read is a cache miss: begin small, then go larger.
  // Large frames leave little to find in a large piece.
  __u32 size = s->chunk_bytes ? 4 * s->chunk_bytes : UNWIND_FIRST_CHUNK_BYTES;
  if (s->chunk_bytes && from - s->chunk_base > s->chunk_frames * 1024ull) size = 256;
  if (size > UNWIND_CHUNK_BYTES) size = UNWIND_CHUNK_BYTES;
  // 6.1 loses the bound in a copy of the register ("R2 unbounded memory access").
  size = masked(size - 1, UNWIND_CHUNK_BYTES - 1) + 1;
  s->chunk_base = from;
  s->chunk_frames = 0;
  s->chunk_bytes = size;
  if (read_user(s->chunk, size, from) == 0) return 0;
  __u64 in_page = 4096 - (from & 4095);
  if (in_page < 16) return -1;
  in_page = masked(in_page - 1, UNWIND_CHUNK_BYTES - 1) + 1;
  s->chunk_bytes = in_page;
  return read_user(s->chunk, in_page, from);
}

// While a stack is moved, its frames towards the root still hold frame pointers of the old place. This is one.
static __always_inline int is_old_fp(const struct unwind_state* s, __u64 saved_fp) {
  return s->moving && saved_fp && (saved_fp < s->stack_lo || saved_fp >= s->stack_hi);
}

// How far the stack was moved, if the record at `at` holds the old frame pointer of a frame less than a page higher: Go
// moves its stacks by whole pages.
static __always_inline __u64 distance_moved(__u64 at, __u64 saved_fp) {
  return at + ((saved_fp - at - 1) & 4095) + 1 - saved_fp;
}

// Where the record after that at `at` stands.
static __always_inline __u64 next_fp(struct unwind_state* s, __u64 at, __u64 saved_fp) {
  if (!is_old_fp(s, saved_fp)) return saved_fp;
  if (!s->moved_by) s->moved_by = distance_moved(at, saved_fp);
  return saved_fp + s->moved_by;
}

static __always_inline int is_next_frame(__u64 from, __u64 to) {
  return to > from && to - from <= UNWIND_LARGEST_FRAME && (to & 7) == 0 && to < UNWIND_ADDRESS_LIMIT;
}

// Code without frame pointers uses the register for anything. A chain begins on the stack, not far above its pointer.
static __always_inline int begins_chain(const struct unwind_state* s) {
  return is_next_frame(s->sp, s->fp) || (s->fp == s->sp && (s->fp & 7) == 0);
}

// One frame: reads the record at s->fp, appends its return address, steps to the next.
static __always_inline long walk_frame(__u32 i, void* context) {
  struct unwind_state* s = *(struct unwind_state**)context;
  (void)i;
  __u64 fp = s->fp;
  if (s->record.frame_count >= s->stop_at || s->record.frame_count >= UNWIND_FRAMES) return 1;
  if (s->stack_hi && (fp < s->stack_lo || fp + 16 > s->stack_hi)) {
    s->end = UNWIND_LEFT_STACK;
    return 1;
  }
  __u64 offset = fp - s->chunk_base;
  if (s->chunk_bytes < 16 || offset > s->chunk_bytes - 16) {
    if (load_chunk(s, fp)) {
      s->chunk_bytes = 0;
      s->end = UNWIND_UNREADABLE;
      return 1;
    }
    offset = 0;
  }
  __u64 word = masked(offset >> 3, UNWIND_CHUNK_MASK);
  __u64 saved_fp = s->chunk[word];
  word = masked(word + 1, UNWIND_CHUNK_MASK);
  __u64 return_address = s->chunk[word];
  if (!is_code_like(return_address)) {
    // A record of two zeros is how some runtimes mark the root.
    s->end = saved_fp == 0 && return_address == 0 ? UNWIND_ROOT : UNWIND_BROKEN;
    return 1;
  }
  s->chunk_frames++;
  append_frame(s, return_address, fp);
  saved_fp = next_fp(s, fp, saved_fp);
  if (!is_next_frame(fp, saved_fp)) {
    s->end = saved_fp == 0 ? UNWIND_ROOT : UNWIND_BROKEN;
    return 1;
  }
  s->fp = saved_fp;
  return 0;
}
steps_in_rows(walk_frames, walk_frame)
