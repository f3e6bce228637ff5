// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
// Who a task is.
#pragma once

#include "kernel.h"

#include "../shared/abi.h"

static __always_inline void read_process_id(struct task_struct* task, struct profd_process_id* id) {
  struct task_struct* leader = BPF_CORE_READ(task, group_leader);
  id->start_time_ns = BPF_CORE_READ(leader, start_boottime);
  id->tgid = BPF_CORE_READ(task, tgid);
  // Each thread has its own; exec leaves only one thread, so the leader's is the process's.
  id->exec_id = BPF_CORE_READ(leader, self_exec_id);
}

// The same of the running task, whose pointer the verifier trusts: plain loads, where reading any other task takes a
// helper call for each field.
static __always_inline void current_process_id(struct task_struct* current, struct profd_process_id* id) {
  struct task_struct* leader = current->group_leader;
  id->start_time_ns = leader->start_boottime;
  id->tgid = current->tgid;
  id->exec_id = leader->self_exec_id;
}

// The length is given: the macros take it from what the destination points to, which is one byte.
static __always_inline void read_comm(struct task_struct* task, __u8* comm) {
  bpf_core_read(comm, PROFD_COMM_BYTES, &task->comm);
}

// At the exit of a thread: whether the process ends with it.
static __always_inline bool is_last_thread(struct task_struct* task) {
  return BPF_CORE_READ(task, signal, live.counter) == 0;
}

// Of the whole process: the thread that ends last may not be the one that was killed.
static __always_inline __u32 exit_code(struct task_struct* task) {
  if (BPF_CORE_READ(task, signal, flags) & SIGNAL_GROUP_EXIT) return BPF_CORE_READ(task, signal, group_exit_code);
  return BPF_CORE_READ(task, exit_code);
}
