// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
// The user stack of whatever a tick interrupted: where it starts, which stack that is, and the walk along it.
#pragma once

#include "goroutine.h"
#include "kernel.h"

#include "../unwind/unwind.h"

struct user_registers {
  __u64 ip, sp, bp;
};

// Registers as they were in user mode. False: the task has none (an I/O worker).
static __always_inline bool read_user_registers(struct bpf_perf_event_data* ctx, struct task_struct* task,
                                                __u32 task_flags, struct user_registers* registers) {
  if (task_flags & (PF_IO_WORKER | PF_USER_WORKER)) return false;
  if ((__s64)ctx->regs.rip >= 0) {
    registers->ip = ctx->regs.rip;
    registers->sp = ctx->regs.rsp;
    registers->bp = ctx->regs.rbp;
    return true;
  }
  struct pt_regs___kernel* saved = (void*)bpf_task_pt_regs(task);
  registers->ip = BPF_CORE_READ(saved, ip);
  registers->sp = BPF_CORE_READ(saved, sp);
  registers->bp = BPF_CORE_READ(saved, bp);
  return registers->ip != 0 && (__s64)registers->ip >= 0;
}

struct vma_bounds {
  __u64 start, end;
  bool writable;
};

static long read_vma_bounds(struct task_struct* task, struct vm_area_struct* vma, void* context) {
  struct vma_bounds* bounds = context;
  (void)task;
  bounds->start = BPF_CORE_READ(vma, vm_start);
  bounds->end = BPF_CORE_READ(vma, vm_end);
  bounds->writable = (BPF_CORE_READ(vma, vm_flags) & VM_WRITE) != 0;
  return 0;
}

// The mapping that the stack pointer is in bounds the stack of a native thread. Unknown while the mappings are locked,
// as in a page fault: then the main thread's start_stack has to do.
static __always_inline void find_native_bounds(struct unwind_state* s, struct task_struct* task) {
  struct vma_bounds bounds = {};
  if (bpf_find_vma(task, s->sp, read_vma_bounds, &bounds, 0) == 0 && bounds.start <= s->sp && s->sp < bounds.end) {
    s->stack_lo = bounds.start;
    s->stack_hi = bounds.end;
    return;
  }
  __u64 start_stack = BPF_CORE_READ(task, mm, start_stack);
  if (start_stack > s->sp && start_stack - s->sp < (1ull << 30)) {
    s->stack_lo = s->sp & ~4095ull;
    s->stack_hi = start_stack;
  }
}

// The whole user stack of the running task; `go` says where its goroutine is, null where it is no Go program. Bounds
// that are set already stay.
static __always_inline void unwind_user(struct unwind_state* s, struct task_struct* task,
                                        const struct profd_go_process* go, const struct user_registers* registers) {
  s->sp = registers->sp;
  s->fp = registers->bp;
  append_frame(s, registers->ip, registers->sp);

  if (go) {
    find_go_stack(s, task, go, registers->ip);
  }
  unwind_first_window(s);
  if (s->end == UNWIND_GOING_ON && !s->stack_hi) find_native_bounds(s, task);
  unwind_to_root(s);
}
