// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
// Processes come, become others and go: told by raw tracepoints, which need no tracefs. And once at the start, and at
// every flip for its CPU time, each task there is: by the task iterator.
#include "lib/kernel.h"
#include "lib/stats.h"
#include "lib/task.h"
#include "shared/abi.h"

enum { PROGRAM_EXEC, PROGRAM_FORK, PROGRAM_EXIT, PROGRAM_LIST_TASKS, PROGRAM_COUNT };

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 256 << 10);
} process_events SEC(".maps");

// Records that found the ring full.
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} process_events_lost SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, PROGRAM_COUNT);
  __type(key, __u32);
  __type(value, struct profd_program_stats);
} program_stats SEC(".maps");

static __always_inline void count_run(__u32 program, __u64 began_ns) {
  struct profd_program_stats* stats = bpf_map_lookup_elem(&program_stats, &program);
  if (stats) add_run(stats, began_ns, 0);
}

static __always_inline void send(__u32 kind, struct task_struct* task, __u32 parent_tgid, __u64 cpu_ns) {
  struct profd_process_record* record = bpf_ringbuf_reserve(&process_events, sizeof(*record), 0);
  if (!record) {
    __u32 zero = 0;
    __u64* lost = bpf_map_lookup_elem(&process_events_lost, &zero);
    if (lost) __sync_fetch_and_add(lost, 1);
    return;
  }
  record->header.kind = kind;
  record->header.generation = 0;
  record->header.time_ns = bpf_ktime_get_boot_ns();
  record->parent_tgid = parent_tgid;
  record->tid = BPF_CORE_READ(task, pid);
  record->exit_code = kind == PROFD_RECORD_EXIT ? exit_code(task) : 0;
  record->pad = 0;
  record->cpu_ns = cpu_ns;
  record->leader_cpu_ns = BPF_CORE_READ(task, group_leader, se.sum_exec_runtime);
  record->dead_cpu_ns = BPF_CORE_READ(task, signal, sum_sched_runtime);
  read_process_id(task, &record->process);
  read_comm(task, record->comm);
  bpf_ringbuf_submit(record, 0);
}

// User + system time of a process whose only living thread is `task`, as at an exec.
static __always_inline __u64 process_cpu_ns(struct task_struct* task) {
  __u64 cpu_ns = BPF_CORE_READ(task, signal, sum_sched_runtime) + BPF_CORE_READ(task, se.sum_exec_runtime);
  struct task_struct* leader = BPF_CORE_READ(task, group_leader);
  if (leader != task) cpu_ns += BPF_CORE_READ(leader, se.sum_exec_runtime);
  return cpu_ns;
}

SEC("raw_tp/sched_process_exec")
int process_exec(struct bpf_raw_tracepoint_args* ctx) {
  __u64 began_ns = bpf_ktime_get_ns();
  struct task_struct* task = (struct task_struct*)ctx->args[0];
  send(PROFD_RECORD_EXEC, task, 0, process_cpu_ns(task));
  count_run(PROGRAM_EXEC, began_ns);
  return 0;
}

SEC("raw_tp/sched_process_fork")
int process_fork(struct bpf_raw_tracepoint_args* ctx) {
  __u64 began_ns = bpf_ktime_get_ns();
  struct task_struct* parent = (struct task_struct*)ctx->args[0];
  struct task_struct* child = (struct task_struct*)ctx->args[1];
  if (BPF_CORE_READ(child, pid) == BPF_CORE_READ(child, tgid)) {
    send(PROFD_RECORD_FORK, child, BPF_CORE_READ(parent, tgid), 0);
  }
  count_run(PROGRAM_FORK, began_ns);
  return 0;
}

SEC("raw_tp/sched_process_exit")
int process_exit(struct bpf_raw_tracepoint_args* ctx) {
  __u64 began_ns = bpf_ktime_get_ns();
  struct task_struct* task = (struct task_struct*)ctx->args[0];
  // The last thread ends the process, whichever it is. When all end at once, the time of those that were a little
  // earlier is in no sum yet: each tells its own.
  bool last = is_last_thread(task);
  bool all_end = BPF_CORE_READ(task, signal, flags) & SIGNAL_GROUP_EXIT;
  if ((last || all_end) && !(BPF_CORE_READ(task, flags) & PF_KTHREAD)) {
    send(last ? PROFD_RECORD_EXIT : PROFD_RECORD_THREAD_EXIT, task, 0, BPF_CORE_READ(task, se.sum_exec_runtime));
  }
  count_run(PROGRAM_EXIT, began_ns);
  return 0;
}

SEC("iter/task")
int list_tasks(struct bpf_iter__task* ctx) {
  struct task_struct* task = ctx->task;
  struct profd_task_record record = {};
  __u64 began_ns = bpf_ktime_get_ns();
  // Dead processes that wait for their parent have told their time at their exit.
  if (!task || BPF_CORE_READ(task, signal, live.counter) == 0) return 0;
  read_process_id(task, &record.process);
  record.tid = BPF_CORE_READ(task, pid);
  record.kernel_thread = (BPF_CORE_READ(task, flags) & PF_KTHREAD) != 0;
  record.cpu_ns = BPF_CORE_READ(task, se.sum_exec_runtime);
  if (record.tid == record.process.tgid) record.cpu_ns += BPF_CORE_READ(task, signal, sum_sched_runtime);
  read_comm(BPF_CORE_READ(task, group_leader), record.comm);
  bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
  count_run(PROGRAM_LIST_TASKS, began_ns);
  return 0;
}
