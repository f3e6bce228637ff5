// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
// Go's goroutines: which one runs, where its stack lies, and the way back to it from wherever its thread is: Go's
// system stack, a signal handler's, the vDSO.
#pragma once

#include "kernel.h"

#include "../unwind/unwind.h"

#define SYSTEM_FRAMES 64       // of the system stack, or of a signal handler, at most
#define SIGNAL_WORDS_ABOVE 64  // between the handler's last frame and what the kernel saved, at most

// The words of the kernel's struct rt_sigframe (x86-64) that matter, from its start on.
#define SIGFRAME_STACK 3
#define SIGFRAME_STACK_SIZE 5
#define SIGFRAME_BP 16
#define SIGFRAME_SP 21
#define SIGFRAME_IP 22

// The goroutine whose stack this is.
struct goroutine {
  __u64 g, stack_lo, stack_hi;
};

static __always_inline __u64 read_word(__u64 at) {
  __u64 word = 0;
  bpf_probe_read_user(&word, sizeof(word), (void*)at);
  return word;
}

static __always_inline bool read_goroutine(const struct profd_go_process* go, __u64 g, struct goroutine* out) {
  __u64 bounds[2];
  out->g = g;
  if (!g || bpf_probe_read_user(bounds, sizeof(bounds), (void*)(g + go->g_stack_lo))) return false;
  out->stack_lo = bounds[0];
  out->stack_hi = bounds[1];
  return bounds[0] < bounds[1];
}

static __always_inline bool holds(const struct goroutine* one, __u64 sp) {
  return sp > one->stack_lo && sp <= one->stack_hi;
}

static __always_inline bool find_running(struct task_struct* task, const struct profd_go_process* go,
                                         struct goroutine* running) {
  __u64 thread_pointer = task->thread.fsbase;
  // Of a shared library the loader decides it, and has written it down.
  __u64 offset = go->tls_slot ? read_word(go->tls_slot) : (__u64)go->tls_g_offset;
  return read_goroutine(go, read_word(thread_pointer + offset), running);
}

// On Go's system stack: walk it to its end, then continue on the user goroutine's, where it was left.
static __always_inline bool hop_to_goroutine(struct unwind_state* s, const struct profd_go_process* go, __u64 m,
                                             __u64 g0) {
  struct goroutine user;
  __u64 next[2] = {};
  __u64 curg = read_word(m + go->m_curg);
  if (!curg || curg == g0 || !read_goroutine(go, curg, &user)) return false;
  // Between the change of g and that of the stack pointer it has not left its stack yet.
  if (holds(&user, s->sp)) {
    s->goroutine = curg;
    s->stack_lo = user.stack_lo;
    s->stack_hi = user.stack_hi;
    return false;
  }
  __u64 pc = read_word(curg + go->g_sched_pc);
  __u64 sp = read_word(curg + go->g_sched_sp);
  __u64 bp = read_word(curg + go->g_sched_bp);
  // A thread of C's that has been in Go before keeps a goroutine with an empty stack.
  if (!is_code_like(pc) || !holds(&user, sp) || user.stack_hi - sp <= 32) return false;

  s->stop_at = s->record.frame_count + SYSTEM_FRAMES;
  if (begins_chain(s)) bounded_loop(SYSTEM_FRAMES / ROW_STEPS, walk_frames, &s);

  s->record.flags |= PROFD_STACK_G0;
  s->goroutine = curg;
  s->sp = sp;
  s->stack_lo = user.stack_lo;
  s->stack_hi = user.stack_hi;
  s->moving = 1;
  s->chunk_bytes = 0;
  // No return address: what stands there is meant, not what is before it.
  append_frame(s, pc + 1, sp);
  // morestack: pc is in a prologue, the return address on top of the stack, bp is the caller's. systemstack (1.21 and
  // later): a frame pointer is on top, and bp's record holds the return address.
  __u64 word = read_word(sp);
  bpf_probe_read_user(next, sizeof(next), (void*)bp);
  bool is_stack_address = word >= user.stack_lo && word < user.stack_hi;
  if (is_code_like(word) && !is_stack_address && word != next[1]) append_frame(s, word, sp);
  s->window_start = s->record.frame_count;
  s->fp = bp;
  return true;
}

// In the vDSO the thread is on the system stack, and its goroutine has not gone there: it has written down who called.
static __always_inline bool leave_vdso(struct unwind_state* s, const struct profd_go_process* go, __u64 m,
                                       const struct goroutine* running) {
  if (!go->m_vdso_sp) return false;
  __u64 sp = read_word(m + go->m_vdso_sp);
  __u64 record[2];
  if (!holds(running, sp) || bpf_probe_read_user(record, sizeof(record), (void*)(sp - sizeof(record)))) return false;
  // Go's functions save the frame pointer below the return address.
  if (record[1] != read_word(m + go->m_vdso_sp + 8) || !is_code_like(record[1])) return false;
  append_frame(s, record[1], sp - sizeof(record));
  s->sp = sp;
  s->fp = record[0];
  return true;
}

static long find_sigframe(__u32 i, void* context) {
  struct unwind_state* s = *(struct unwind_state**)context;
  __u64 size = s->chunk[masked(i + SIGFRAME_STACK_SIZE, UNWIND_CHUNK_MASK)];
  if (s->chunk[masked(i + SIGFRAME_STACK, UNWIND_CHUNK_MASK)] != s->stack_lo) return 0;
  if (size != s->stack_hi - s->stack_lo) return 0;
  s->scan_at = i + 1;
  return 1;
}

// A signal handler runs on a stack of its own. Above its frames the kernel has saved what it interrupted, together with
// the place and size of that stack: there they are found. Appends the handler's frames and the instruction that was
// interrupted, and continues where that was.
static __always_inline bool leave_signal_handler(struct unwind_state* s, const struct goroutine* signal) {
  s->stack_lo = signal->stack_lo;
  s->stack_hi = signal->stack_hi;
  s->stop_at = s->record.frame_count + SYSTEM_FRAMES;
  s->end = UNWIND_GOING_ON;
  if (begins_chain(s)) bounded_loop(SYSTEM_FRAMES / ROW_STEPS, walk_frames, &s);

  // A word early: on the way back the handler's return address is gone already.
  __u64 from = s->frame_at[masked(s->record.frame_count - 1, UNWIND_FRAME_MASK)] - 8;
  __u64 size = signal->stack_hi - from;
  if (from < signal->stack_lo || size > signal->stack_hi - signal->stack_lo) return false;
  if (size > UNWIND_FIRST_CHUNK_BYTES) size = UNWIND_FIRST_CHUNK_BYTES;
  size = masked(size - 1, UNWIND_FIRST_CHUNK_BYTES - 1) + 1;
  s->chunk_bytes = 0;
  if (size < UNWIND_FIRST_CHUNK_BYTES / 2 || read_user(s->chunk, size, from)) return false;
  s->scan_at = 0;
  bounded_loop(SIGNAL_WORDS_ABOVE, find_sigframe, &s);
  if (!s->scan_at) return false;
  __u64 at = s->scan_at - 1;
  if ((at + SIGFRAME_IP + 1) * 8 > size) return false;
  __u64 ip = s->chunk[masked(at + SIGFRAME_IP, UNWIND_CHUNK_MASK)];
  if (!is_code_like(ip)) return false;
  // The handler returns to code that nobody called.
  __u64 last = masked(s->record.frame_count - 1, UNWIND_FRAME_MASK);
  if (last && s->frames[last] == s->chunk[masked(at, UNWIND_CHUNK_MASK)]) s->record.frame_count--;
  s->sp = s->chunk[masked(at + SIGFRAME_SP, UNWIND_CHUNK_MASK)];
  s->fp = s->chunk[masked(at + SIGFRAME_BP, UNWIND_CHUNK_MASK)];
  append_frame(s, ip + 1, s->sp);  // what was about to run, not what is before it
  s->window_start = s->record.frame_count;
  return true;
}

// Finds the caller of the frame that the walk is at, which a table of Go's knows where there is one.
static __always_inline void note_go_leaf(struct unwind_state* s, const struct profd_go_process* go, __u64 ip) {
  if (ip < go->text_lo || ip >= go->text_hi) return;
  recover_frame_pointer(s, go->text_lo, go->text_hi);
  note_leaf(s, go->text_lo, go->text_hi);
}

// Puts the walk, which is at the leaf of a Go thread, onto the right stack.
static __always_inline void find_go_stack(struct unwind_state* s, struct task_struct* task,
                                          const struct profd_go_process* go, __u64 ip) {
  struct goroutine running, signal;
  if (!find_running(task, go, &running)) {
    note_go_leaf(s, go, ip);
    return;
  }
  __u64 m = read_word(running.g + go->g_m);
  __u64 g0 = read_word(m + go->m_g0);
  if (running.g != g0 || !holds(&running, s->sp)) {
    if (read_goroutine(go, read_word(m + go->m_gsignal), &signal) && holds(&signal, s->sp)) {
      if (!leave_signal_handler(s, &signal)) {
        s->fp = 0;  // the handler's frames are all there is
        return;
      }
      ip = s->frames[masked(s->record.frame_count - 1, UNWIND_FRAME_MASK)] - 1;
      bool of_user = read_goroutine(go, read_word(m + go->m_curg), &running);
      if (of_user && !holds(&running, s->sp)) of_user = leave_vdso(s, go, m, &running);
      // Without it there is no telling the system stack from the vDSO's caller's.
      if (!of_user && (!go->m_vdso_sp || !read_goroutine(go, g0, &running))) {
        s->fp = 0;
        return;
      }
    } else if (running.g != g0 && !holds(&running, s->sp)) {
      if (!leave_vdso(s, go, m, &running) && s->fp > running.stack_lo && s->fp < running.stack_hi) s->sp = s->fp;
    }
  }
  s->goroutine = running.g;
  s->stack_lo = 0;
  s->stack_hi = 0;
  if (holds(&running, s->sp)) {
    s->stack_lo = running.stack_lo;
    s->stack_hi = running.stack_hi;
  }
  note_go_leaf(s, go, ip);
  if (m && running.g == g0) hop_to_goroutine(s, go, m, g0);
}
