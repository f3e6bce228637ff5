// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
// A look at a stack that may be in a recursion, sent to user space at once.
#pragma once

#include "shared_maps.h"
#include "task.h"

#include "../unwind/state.h"

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 2 << 20);
} readings SEC(".maps");

// Readings that found the ring full, or no memory to unwind in.
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} readings_lost SEC(".maps");

// Processes with ticks of their own.
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 256);
  __type(key, struct profd_process_id);
  __type(value, __u8);
} suspects SEC(".maps");

static __always_inline void count_lost_reading(void) {
  __u32 zero = 0;
  __u64* lost = bpf_map_lookup_elem(&readings_lost, &zero);
  if (lost) __sync_fetch_and_add(lost, 1);
}

// What is told of the stack besides its frames. `record` lives in a map: it is large for a BPF stack.
static __always_inline void describe_reading(struct profd_reading_record* record, const struct unwind_state* s,
                                             struct task_struct* task, const struct profd_go_process* go,
                                             __u32 trigger) {
  record->header.kind = PROFD_RECORD_READING;
  record->header.generation = 0;
  record->header.time_ns = bpf_ktime_get_boot_ns();
  record->tid = BPF_CORE_READ(task, pid);
  record->trigger = trigger;
  record->fault_at_stack_pointer = 0;
  record->uid = (__u32)bpf_get_current_uid_gid();
  record->goroutine = 0;
  record->max_stack = 0;
  if (go && s->goroutine) {
    bpf_probe_read_user(&record->goroutine, sizeof(__u64), (void*)(s->goroutine + go->g_goid));
    if (go->max_stack_at) bpf_probe_read_user(&record->max_stack, sizeof(__u64), (void*)go->max_stack_at);
  }
  record->stack_lo = s->stack_lo;
  record->stack_hi = s->stack_hi;
  record->stack_bytes = s->stack_bytes;
  record->rlimit_stack = BPF_CORE_READ(task, signal, rlim[RLIMIT_STACK].rlim_cur);
  __u64 start_stack = BPF_CORE_READ(task, mm, start_stack);
  record->main_thread_stack = start_stack >= s->sp && start_stack - s->sp <= s->stack_bytes && !s->goroutine;
  record->positions_verified = s->positions_verified;
  record->sampled_frames = s->sampled_frames;
  for (int i = 0; i < PROFD_MAX_FOLDS; i++) record->repeats[i] = s->repeats[i];
  read_comm(task, record->comm);
}

// Sends the reading with the stack that was unwound. The process, `fatal` are filled in already.
static __always_inline void send_reading(struct profd_reading_record* record, const struct unwind_state* s) {
  const __u32 head = __builtin_offsetof(struct profd_reading_record, stack);
  struct bpf_dynptr room;
  __u32 frames = s->record.frame_count & (2 * PROFD_MAX_FRAMES - 1);
  if (frames > PROFD_MAX_FRAMES) frames = PROFD_MAX_FRAMES;
  __u32 stack_bytes = sizeof(struct profd_stack_record) + frames * 8;
  if (bpf_ringbuf_reserve_dynptr(&readings, head + stack_bytes, 0, &room)) {
    bpf_ringbuf_discard_dynptr(&room, 0);
    count_lost_reading();
    return;
  }
  bpf_dynptr_write(&room, 0, record, head, 0);
  bpf_dynptr_write(&room, head, (void*)&s->record, stack_bytes, 0);
  bpf_ringbuf_submit_dynptr(&room, BPF_RB_FORCE_WAKEUP);
}
