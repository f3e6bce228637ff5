#include "unwind_host.h"

#include "unwind/unwind.h"

void profd_host_unwind(struct unwind_state* s, const struct host_thread* thread, __u64 random) {
  unwind_begin(s, random, random);
  s->sp = thread->sp;
  s->fp = thread->bp;
  append_frame(s, thread->ip, thread->sp);
  if (!thread->bounds_are_late) {
    s->stack_lo = thread->stack_lo;
    s->stack_hi = thread->stack_hi;
  }
  s->moving = thread->moving;
  if (thread->ip >= thread->text_lo && thread->ip < thread->text_hi) {
    recover_frame_pointer(s, thread->text_lo, thread->text_hi);
    note_leaf(s, thread->text_lo, thread->text_hi);
  }
  unwind_first_window(s);
  if (s->end == UNWIND_GOING_ON && thread->bounds_are_late) {
    s->stack_lo = thread->stack_lo;
    s->stack_hi = thread->stack_hi;
  }
  unwind_to_root(s);
}

// The first window and one each round; a piece that crosses into an unreadable page is read twice.
static const __u64 walks = (UNWIND_ROUNDS + 1) * UNWIND_WINDOW;
static const __u64 root_walk = 2 * ESTIMATE_ROOT_FRAMES;

__u64 profd_host_most_reads(void) {
  return 3 + 2 * walks + PROFD_MAX_FOLDS * (GALLOP_STEPS + 2) + ESTIMATE_PAGES + ESTIMATE_ROOT_CHUNKS + 2 * root_walk;
}

__u64 profd_host_most_steps(void) {
  const __u64 folding = UNWIND_ROUNDS * FOLD_STEPS + PROFD_MAX_FOLDS * (UNWIND_FRAMES + GALLOP_STEPS);
  const __u64 scans = (ESTIMATE_PAGES + ESTIMATE_ROOT_CHUNKS) * (2 * UNWIND_CHUNK_WORDS + 1);
  return walks + 2 * UNWIND_CHUNK_WORDS + UNWIND_ROUNDS + folding + UNWIND_FRAMES + scans + UNWIND_CHUNK_WORDS +
         root_walk;
}
