// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
// The unwinder's working memory. It lives in a per-CPU map: it is too large for the BPF stack, and the verifier tracks
// counters on the stack as constants, which would make it walk every loop iteration by itself.
#pragma once

#include "../shared/abi.h"
#include "seam.h"

#define UNWIND_FRAMES PROFD_MAX_FRAMES
#define UNWIND_FRAME_MASK (PROFD_MAX_FRAMES - 1)
#define UNWIND_CHUNK_WORDS 512
#define UNWIND_CHUNK_MASK (UNWIND_CHUNK_WORDS - 1)
#define UNWIND_CHUNK_BYTES (UNWIND_CHUNK_WORDS * 8)
#define UNWIND_FIRST_CHUNK_BYTES 1024

// Frames that are parsed before a period is sought. Long enough for three cycles of PROFD_MAX_CYCLE.
#define UNWIND_WINDOW 128

#define UNWIND_ADDRESS_LIMIT (1ull << 47)
#define UNWIND_LOWEST_ADDRESS 4096ull

// A jump from one frame to the next that is taken for a broken chain. Go's frames may be large; 8 MiB is a whole C
// stack.
#define UNWIND_LARGEST_FRAME (8ull << 20)

#define REPEAT_PROBES 4  // addresses of a short stack that are looked for in the rest of it

enum unwind_end {
  UNWIND_GOING_ON = 0,
  UNWIND_ROOT,    // the chain ended as a chain ends: saved frame pointer 0
  UNWIND_BROKEN,  // the next frame cannot be one
  UNWIND_UNREADABLE,
  UNWIND_LEFT_STACK,  // the chain goes on outside [stack_lo, stack_hi)
};

enum gallop_phase { GALLOP_FROM_TOP = 0, GALLOP_DOUBLE, GALLOP_BISECT, GALLOP_SPOT_CHECK, GALLOP_DONE };

struct unwind_state {
  // Where to start and the stack it is on. stack_hi 0: bounds unknown.
  __u64 sp;
  __u64 stack_lo, stack_hi;

  // The walk.
  __u64 fp;            // address of the frame record (saved fp, return address) to be read next
  __u32 end;           // enum unwind_end
  __u32 window_start;  // first frame that no fold covers yet and the next period may begin at
  __u32 stop_at;       // the walk pauses at this many frames
  __u32 moving;        // the stack may be in the middle of a move: saved frame pointers may be those of its old place
  __u64 moved_by;      // what such an old frame pointer lacks, 0 while unknown
  __u64 random;
  __u64 seed;  // secret and constant

  // The piece of stack that was read last.
  __u64 chunk_base;
  __u32 chunk_bytes;
  __u32 chunk_frames;  // frames found in it

  // The period that is being sought or was found.
  __u32 period;   // frames
  __u32 matched;  // pairs that agree so far
  __u64 stride;   // bytes

  // The gallop along it. Positions are cycles above the last parsed frame.
  __u32 phase;  // enum gallop_phase
  __u32 checks_left;
  __u64 good;       // highest position known to continue the cycle
  __u64 bad;        // lowest position known not to, 0 while unknown
  __u64 top, back;  // highest position that fits the stack, and how far below it to look next
  __u32 restarts;
  __u32 positions_verified;

  // Density of frames on a page, for irregular recursion.
  __u64 scan_lo;  // address of chunk[0]
  __u32 scan_at;  // word
  __u32 chain_frames;
  __u64 chain_first, chain_last;
  __u64 chain_moved_by;  // as moved_by, if this chain is one
  __u64 sampled_frames, sampled_bytes;
  __u32 recurring;  // frames that occur again further up
  __u32 recursion_first;
  __u64 repeat_of[REPEAT_PROBES];  // some addresses of a short stack, and how often each stands there
  __u32 repeat_count[REPEAT_PROBES];

  __u64 frame_at[UNWIND_FRAMES];  // address of each frame's record
  __u64 chunk[UNWIND_CHUNK_WORDS];

  __u64 goroutine;  // address of the g whose stack this is; 0: none

  // Where the return address of a Go leaf may be.
  __u32 leaf_word, leaf_words;  // the next, how many
  __u64 text_lo, text_hi;

  // What comes out.
  __u64 repeats[PROFD_MAX_FOLDS];
  __u64 stack_bytes;
  struct profd_stack_record record;  // frame_count, fold_count, flags, folds are kept here while unwinding
  __u64 frames[UNWIND_FRAMES];       // directly behind the record: both are sent as one
};
