// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
// The leaf of a Go stack. In a prologue, an epilogue or a function without a frame the frame pointer is the caller's
// still, and the walk along it skips the caller: that happens in 13-25 % of Go's samples. Go's table says how far above
// the stack pointer the return address of each instruction is; it is not in the kernel. So what may be that address
// goes to user space with the stack.
#pragma once

#include "scan.h"

static long note_leaf_word(__u32 i, void* context) {
  struct unwind_state* s = *(struct unwind_state**)context;
  (void)i;
  if (s->leaf_word >= s->leaf_words) return 1;
  __u32 at = masked(s->leaf_word++, PROFD_LEAF_WORDS - 1);
  __u64 word = s->chunk[at];
  if (word < s->text_lo || word >= s->text_hi) return 0;
  __u32 n = s->record.leaf_count;
  if (n >= PROFD_MAX_LEAF_CALLERS) return 1;
  n = masked(n, PROFD_MAX_LEAF_CALLERS - 1);
  s->record.leaf_callers[n] = word;
  s->record.leaf_at[n] = at;
  s->record.leaf_count = n + 1;
  return 0;
}
steps_in_rows(note_leaf_words, note_leaf_word)

    // Functions in assembly may use the frame pointer's register for something else. Then the chain is looked for up
    // the stack; it is right, or Go's table says that it is not. s->sp and s->fp are those of a function in the text.
    static __always_inline void recover_frame_pointer(struct unwind_state* s, __u64 text_lo, __u64 text_hi) {
  __u64 return_address = 0;
  if (!s->stack_hi) return;
  if (begins_chain(s) && s->fp < s->stack_hi && !read_user(&return_address, sizeof(return_address), s->fp + 8) &&
      return_address >= text_lo && return_address < text_hi) {
    return;
  }
  if (scan_chunk(s, s->sp & ~7ull)) s->fp = s->chain_first;
  s->chunk_bytes = 0;
}

// s->sp and s->fp are those of the frame added last, which is in [text_lo, text_hi): the leaf, or what a signal
// interrupted.
static __always_inline void note_leaf(struct unwind_state* s, __u64 text_lo, __u64 text_hi) {
  __u64 above = s->fp - s->sp;
  s->record.leaf_frame = above < (1 << 16) && (above & 7) == 0 ? (__u32)above : PROFD_NO_LEAF_FRAME;
  // A frame that is established has its return address behind the saved frame pointer: there the walk finds it.
  s->leaf_words = above < PROFD_LEAF_WORDS * 8 ? (__u32)above / 8 : PROFD_LEAF_WORDS;
  s->leaf_word = 0;
  s->record.leaf_index = s->record.frame_count - 1;
  s->text_lo = text_lo;
  s->text_hi = text_hi;
  // The walk goes on with the same piece of stack.
  if (!s->leaf_words) return;
  if (load_chunk(s, s->sp)) {
    s->chunk_bytes = 0;
    return;
  }
  if (s->leaf_words > s->chunk_bytes / 8) s->leaf_words = s->chunk_bytes / 8;
  bounded_loop(PROFD_LEAF_WORDS / ROW_STEPS, note_leaf_words, &s);
}
