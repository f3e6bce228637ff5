// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
// One process's samples with everything that is needed to judge them: the registers, a copy of the stack from the stack
// pointer on, and what the sampler's own code made of both, of the same instant.
#include "lib/kernel.h"
#include "lib/task.h"
#include "lib/user_stack.h"
#include "shared/abi.h"

#include "go_callers.h"

#define PIECE_BYTES 512

char LICENSE[] SEC("license") = "Dual BSD/GPL";

// Set before loading.
const volatile __u32 target_tgid = 0;
const volatile struct profd_go_process target_go = {};

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 16 << 20);
} samples SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct unwind_state);
} scratch_space SEC(".maps");

SEC("perf_event")
int judge(struct bpf_perf_event_data* ctx) {
  struct task_struct* task = bpf_get_current_task_btf();
  struct user_registers registers = {};
  struct profd_go_process go = target_go;
  __u32 zero = 0;
  if (task->tgid != (int)target_tgid || task->mm == NULL) return 0;
  // In the kernel, the user registers are those of a system call's or a fault's place: no other rule holds there.
  if (!read_user_registers(ctx, task, task->flags, &registers)) return 0;
  struct unwind_state* s = bpf_map_lookup_elem(&scratch_space, &zero);
  if (!s) return 0;
  unwind_begin(s, bpf_ktime_get_ns(), 0);
  unwind_user(s, task, &go, &registers);

  struct judged_sample* out = bpf_ringbuf_reserve(&samples, sizeof(*out), 0);
  if (!out) return 0;
  out->ip = registers.ip;
  out->sp = registers.sp;
  out->bp = registers.bp;
  out->in_kernel = (__s64)ctx->regs.rip < 0;
  out->stack_bytes = 0;
  // Piece by piece: above this stack there may be memory that nobody has touched yet.
  for (__u32 at = 0; at + PIECE_BYTES <= sizeof(out->stack); at += PIECE_BYTES) {
    if (bpf_probe_read_user(out->stack + at, PIECE_BYTES, (void*)(registers.sp + at))) break;
    out->stack_bytes = at + PIECE_BYTES;
  }
  bpf_probe_read_kernel(&out->record, sizeof(out->record), &s->record);
  bpf_probe_read_kernel(out->frames, sizeof(out->frames), s->frames);
  bpf_ringbuf_submit(out, 0);
  return 0;
}
