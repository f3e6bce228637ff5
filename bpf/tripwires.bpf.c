// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
// What looks at a stack the moment that something happens to it: probes in Go programs, where a goroutine's stack grows
// and where the runtime gives up; a signal that kills; the OOM killer; the ticks that suspects have of their own; and
// their ends.
// (The ordinary tick is the fifth, in cpu_sampler.)
#include "lib/kernel.h"
#include "lib/reading.h"
#include "lib/stats.h"
#include "lib/user_stack.h"
#include "unwind/repeat.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum {
  PROGRAM_GO_PROBE,
  PROGRAM_FATAL_SIGNAL,
  PROGRAM_OOM_KILL,
  PROGRAM_SUSPECT_TICK,
  PROGRAM_SUSPECT_EXIT,
  PROGRAM_COUNT
};

// Set before loading.
const volatile __u64 hash_seed = 0;
const volatile bool has_exclusions = false;

// Go's stacks are spans of its heap from 32 KiB on, in pages of 8 KiB; smaller ones come from caches.
#define GO_SPAN_OF_STACK 1  // runtime.spanAllocStack
#define GROWTH_PAGES 4

#define LOOKS_PER_WINDOW 64  // of one process: more say nothing new, and cost
#define LOOK_WINDOW_NS 100000000ull
#define LEAST_FRAMES 12  // fewer are of large frames, or no recursion

#define SIGBUS 7
#define SIGSEGV 11
#define SCRATCHES 2  // on a CPU

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1024);
  __type(key, __u32);
  __type(value, struct profd_go_binary);
} go_binaries SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 4096);
  __type(key, struct profd_process_id);
  __type(value, struct profd_probe_meter);
} probe_meters SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, PROGRAM_COUNT);
  __type(key, __u32);
  __type(value, struct profd_program_stats);
} program_stats SEC(".maps");

struct scratch {
  __u32 busy;
  struct unwind_state user;
  struct profd_reading_record reading;
  struct profd_go_process go;
};

// Two a CPU: a task in a probe can be preempted by another one that hits a probe, or be interrupted by a tick.
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, SCRATCHES);
  __type(key, __u32);
  __type(value, struct scratch);
} scratch_space SEC(".maps");

static __always_inline struct scratch* take_scratch(void) {
  for (__u32 i = 0; i < SCRATCHES; i++) {
    __u32 key = i;
    struct scratch* scratch = bpf_map_lookup_elem(&scratch_space, &key);
    if (scratch && __sync_val_compare_and_swap(&scratch->busy, 0, 1) == 0) return scratch;
  }
  count_lost_reading();
  return NULL;
}

static __always_inline void give_back(struct scratch* scratch) { __sync_val_compare_and_swap(&scratch->busy, 1, 0); }

static __always_inline void count_run(__u32 program, __u64 began_ns, bool recorded) {
  struct profd_program_stats* stats = bpf_map_lookup_elem(&program_stats, &program);
  if (stats) add_run(stats, began_ns, recorded);
}

static __always_inline bool is_excluded(const struct profd_process_id* id) {
  return has_exclusions && bpf_map_lookup_elem(&excluded, id);
}

// One unwinder for all programs: the verifier walks it once in each, but it stands here once.
static __always_inline void look(struct scratch* scratch, struct task_struct* task, const struct profd_go_process* go,
                                 const struct user_registers* registers) {
  unwind_begin(&scratch->user, bpf_ktime_get_ns(), hash_seed);
  unwind_user(&scratch->user, task, go, registers);
}

static __always_inline bool is_recursion(struct unwind_state* s) {
  return s->record.fold_count || (s->record.frame_count >= LEAST_FRAMES && repeats_itself(s));
}

// Probes in Go programs.

static __always_inline void send_cost(const struct profd_process_id* id, __u64 binary,
                                      const struct profd_probe_meter* meter) {
  struct profd_probe_cost_record* record = bpf_ringbuf_reserve(&readings, sizeof(*record), 0);
  if (!record) return;
  record->header.kind = PROFD_RECORD_PROBE_COST;
  record->header.generation = 0;
  record->header.time_ns = bpf_ktime_get_boot_ns();
  record->process = *id;
  record->binary = binary;
  record->hits = meter->hits;
  record->program_ns = meter->program_ns;
  bpf_ringbuf_submit(record, BPF_RB_FORCE_WAKEUP);
}

static __always_inline struct profd_probe_meter* meter_of(const struct profd_process_id* id) {
  const struct profd_probe_meter fresh = {};
  struct profd_probe_meter* meter = bpf_map_lookup_elem(&probe_meters, id);
  if (meter) return meter;
  bpf_map_update_elem(&probe_meters, id, &fresh, BPF_NOEXIST);
  return bpf_map_lookup_elem(&probe_meters, id);
}

// Whether this process may be looked at now.
static __always_inline bool take_look(struct profd_probe_meter* meter, __u64 now_ns) {
  if (now_ns - meter->window_ns > LOOK_WINDOW_NS) {
    meter->window_ns = now_ns;
    meter->window_looks = 0;
  }
  return meter->window_looks++ < LOOKS_PER_WINDOW;
}

// The message of runtime.throw, a Go string: its address and length.
static __always_inline bool is_stack_overflow(__u64 text, __u64 size) {
  const char expected[] = "stack overflow";
  char said[sizeof(expected)] = {};
  if (size != sizeof(expected) - 1 || bpf_probe_read_user(said, sizeof(expected) - 1, (void*)text)) return false;
  for (__u32 i = 0; i < sizeof(expected) - 1; i++) {
    if (said[i] != expected[i]) return false;
  }
  return true;
}

// The binary's facts, moved to where this process has it loaded.
static __always_inline bool locate(struct profd_go_process* go, __u32 binary, __u32 site, __u64 ip) {
  struct profd_go_binary* known = bpf_map_lookup_elem(&go_binaries, &binary);
  if (!known) return false;
  *go = known->go;
  __u64 text = ip - known->probe_at[masked(site, PROFD_SITES - 1)];
  go->text_lo += text;
  go->text_hi += text;
  if (go->tls_slot) go->tls_slot += text;
  if (go->max_stack_at) go->max_stack_at += text;
  return true;
}

static __always_inline bool read_go_stack(struct pt_regs* ctx, const struct profd_process_id* id,
                                          struct task_struct* task, __u32 binary, __u32 site) {
  struct user_registers registers = {.ip = ctx->rip, .sp = ctx->rsp, .bp = ctx->rbp};
  struct scratch* scratch = take_scratch();
  if (!scratch) return false;
  bool sent = false;
  if (locate(&scratch->go, binary, site, registers.ip)) {
    look(scratch, task, &scratch->go, &registers);
    sent = site == PROFD_SITE_FATAL_ERROR || is_recursion(&scratch->user);
  }
  if (sent) {
    scratch->reading.process = *id;
    scratch->reading.fatal = site == PROFD_SITE_FATAL_ERROR;
    describe_reading(&scratch->reading, &scratch->user, task, &scratch->go,
                     site == PROFD_SITE_FATAL_ERROR ? PROFD_TRIGGER_FATAL_ERROR : PROFD_TRIGGER_STACK_GROWTH);
    send_reading(&scratch->reading, &scratch->user);
    // From now on its ticks know it too.
    bpf_map_update_elem(&go_processes, id, &scratch->go, BPF_NOEXIST);
  }
  give_back(scratch);
  return sent;
}

static __always_inline int on_go_probe(struct pt_regs* ctx) {
  __u64 began_ns = bpf_ktime_get_ns();
  __u64 cookie = bpf_get_attach_cookie(ctx);
  __u32 site = cookie & ((1 << PROFD_PROBE_COOKIE_SITE_BITS) - 1);
  __u64 binary = cookie >> PROFD_PROBE_COOKIE_SITE_BITS;
  struct task_struct* task = bpf_get_current_task_btf();
  struct profd_process_id id;
  current_process_id(task, &id);
  struct profd_probe_meter* meter = meter_of(&id);
  if (!meter) return 0;

  __u64 hits = __sync_fetch_and_add(&meter->hits, 1) + 1;
  bool wanted = false;
  if (site == PROFD_SITE_STACK_GROWTH) {
    wanted = (ctx->rcx & 0xff) == GO_SPAN_OF_STACK && ctx->rbx >= GROWTH_PAGES && take_look(meter, began_ns);
  } else if (site == PROFD_SITE_FATAL_ERROR) {
    wanted = is_stack_overflow(ctx->rax, ctx->rbx);
  }
  bool sent = wanted && !is_excluded(&id) && read_go_stack(ctx, &id, task, (__u32)binary, site);
  if (hits % PROFD_PROBE_COST_HITS == 0) send_cost(&id, binary, meter);
  __sync_fetch_and_add(&meter->program_ns, bpf_ktime_get_ns() - began_ns);
  count_run(PROGRAM_GO_PROBE, began_ns, sent);
  return 0;
}

// The same for kernels with and without probes of many places in one link; user space loads one of them.
SEC("uprobe.multi")
int go_probe_multi(struct pt_regs* ctx) { return on_go_probe(ctx); }

SEC("uprobe")
int go_probe(struct pt_regs* ctx) { return on_go_probe(ctx); }

// A signal that kills.

// Of a stack that is full the stack pointer may be in the guard page already; the frame pointer is that of the last
// frame that had room. One look only: interrupts are off here, and until they are on bpf_find_vma refuses a second.
static __always_inline void find_full_stack(struct unwind_state* s, struct task_struct* task, __u64 fp) {
  struct vma_bounds bounds = {};
  if (bpf_find_vma(task, fp, read_vma_bounds, &bounds, 0) || !bounds.writable || s->sp >= bounds.end) return;
  s->stack_lo = bounds.start;
  s->stack_hi = bounds.end;
}

// The kernel's siginfo of a fault begins as the user's (sigaction(2)): numbers, then the address.
#define SIGINFO_ADDRESS_AT 16
#define LOWEST_POINTER 4096  // below are marks for "no siginfo"
// A frame is touched somewhere, and a call pushes below it.
#define BELOW_STACK_POINTER (64 << 10)
#define ABOVE_STACK_POINTER (1 << 20)

static __always_inline bool is_at_stack_pointer(__u64 siginfo, __u64 sp) {
  __u64 touched = 0;
  if (siginfo < LOWEST_POINTER) return false;
  if (bpf_probe_read_kernel(&touched, sizeof(touched), (void*)(siginfo + SIGINFO_ADDRESS_AT))) return false;
  return touched - sp + BELOW_STACK_POINTER < BELOW_STACK_POINTER + ABOVE_STACK_POINTER;
}

// Only a constant index is relocated to the kernel's size of the elements.
static __always_inline bool has_handler(struct task_struct* task, __u32 signal) {
  if (signal == SIGBUS) return BPF_CORE_READ(task, sighand, action[SIGBUS - 1].sa.sa_handler) != NULL;
  return BPF_CORE_READ(task, sighand, action[SIGSEGV - 1].sa.sa_handler) != NULL;
}

SEC("raw_tp/signal_generate")
int fatal_signal(struct bpf_raw_tracepoint_args* ctx) {
  __u64 began_ns = bpf_ktime_get_ns();
  __u32 signal = (__u32)ctx->args[0];
  if (signal != SIGSEGV && signal != SIGBUS) return 0;
  struct task_struct* task = bpf_get_current_task_btf();
  // A fault is the task's own; what someone sends says nothing of the stack.
  if ((__u64)task != ctx->args[2] || task->flags & PF_KTHREAD) return 0;
  struct profd_process_id id;
  current_process_id(task, &id);
  if (is_excluded(&id)) return 0;
  // 0: the default, which is death. A handler may go on: runtimes that use faults in their normal work have many.
  bool deadly = !has_handler(task, signal);
  struct profd_probe_meter* meter = meter_of(&id);
  if (!deadly && (!meter || !take_look(meter, began_ns))) return 0;
  struct scratch* scratch = take_scratch();
  if (!scratch) return 0;
  struct pt_regs___kernel* saved = (void*)bpf_task_pt_regs(task);
  struct user_registers registers = {
      .ip = BPF_CORE_READ(saved, ip), .sp = BPF_CORE_READ(saved, sp), .bp = BPF_CORE_READ(saved, bp)};
  // Native stacks only: that a Go stack is full is no signal, the runtime tells.
  unwind_begin(&scratch->user, began_ns, hash_seed);
  scratch->user.sp = registers.sp;
  find_full_stack(&scratch->user, task, registers.bp);
  unwind_user(&scratch->user, task, NULL, &registers);
  bool sent = is_recursion(&scratch->user);
  if (sent) {
    scratch->reading.process = id;
    scratch->reading.fatal = deadly;
    describe_reading(&scratch->reading, &scratch->user, task, NULL, PROFD_TRIGGER_FATAL_SIGNAL);
    scratch->reading.fault_at_stack_pointer = is_at_stack_pointer(ctx->args[1], registers.sp);
    send_reading(&scratch->reading, &scratch->user);
  }
  give_back(scratch);
  count_run(PROGRAM_FATAL_SIGNAL, began_ns, sent);
  return 0;
}

// The OOM killer has chosen.
SEC("raw_tp/mark_victim")
int oom_kill(struct bpf_raw_tracepoint_args* ctx) {
  __u64 began_ns = bpf_ktime_get_ns();
  struct profd_process_record* record = bpf_ringbuf_reserve(&readings, sizeof(*record), 0);
  if (!record) {
    count_lost_reading();
    return 0;
  }
  __builtin_memset(record, 0, sizeof(*record));
  record->header.kind = PROFD_RECORD_OOM_KILL;
  record->header.time_ns = bpf_ktime_get_boot_ns();
  // Newer kernels name the task, older ones its pid.
  struct task_struct* task = (struct task_struct*)ctx->args[0];
  if ((__u64)task >> 32) {
    record->tid = BPF_CORE_READ(task, pid);
    read_process_id(task, &record->process);
  } else {
    record->tid = (__u32)ctx->args[0];
  }
  bpf_ringbuf_submit(record, BPF_RB_FORCE_WAKEUP);
  count_run(PROGRAM_OOM_KILL, began_ns, false);
  return 0;
}

// The suspects' own ticks. They are no samples: they enter no profile and no sum.
SEC("perf_event")
int suspect_tick(struct bpf_perf_event_data* ctx) {
  __u64 began_ns = bpf_ktime_get_ns();
  struct task_struct* task = bpf_get_current_task_btf();
  __u32 flags = task->flags;
  if (task->pid == 0 || flags & PF_KTHREAD || task->mm == NULL) return 0;
  struct profd_process_id id;
  current_process_id(task, &id);
  if (!bpf_map_lookup_elem(&suspects, &id)) return 0;
  struct user_registers registers = {};
  if (!read_user_registers(ctx, task, flags, &registers)) return 0;
  struct scratch* scratch = take_scratch();
  if (!scratch) return 0;
  const struct profd_go_process* go = bpf_map_lookup_elem(&go_processes, &id);
  look(scratch, task, go, &registers);
  scratch->reading.process = id;
  scratch->reading.fatal = 0;
  describe_reading(&scratch->reading, &scratch->user, task, go, PROFD_TRIGGER_TICK);
  send_reading(&scratch->reading, &scratch->user);
  give_back(scratch);
  count_run(PROGRAM_SUSPECT_TICK, began_ns, true);
  return 0;
}

// The end of a suspect, in one ring with what was seen of it and before what is seen of its successor; the sampler's
// collector tells of it too, but later.
SEC("raw_tp/sched_process_exit")
int suspect_exit(struct bpf_raw_tracepoint_args* ctx) {
  __u64 began_ns = bpf_ktime_get_ns();
  struct task_struct* task = (struct task_struct*)ctx->args[0];
  struct profd_process_id id;
  if (!is_last_thread(task)) return 0;
  read_process_id(task, &id);
  if (!bpf_map_lookup_elem(&suspects, &id)) return 0;
  struct profd_process_record* record = bpf_ringbuf_reserve(&readings, sizeof(*record), 0);
  if (!record) {
    count_lost_reading();
    return 0;
  }
  __builtin_memset(record, 0, sizeof(*record));
  record->header.kind = PROFD_RECORD_EXIT;
  record->header.time_ns = bpf_ktime_get_boot_ns();
  record->process = id;
  record->tid = BPF_CORE_READ(task, pid);
  record->exit_code = exit_code(task);
  bpf_ringbuf_submit(record, BPF_RB_FORCE_WAKEUP);
  count_run(PROGRAM_SUSPECT_EXIT, began_ns, false);
  return 0;
}
