// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
// The kernel's types, as far as these programs read them. Each is a fragment: CO-RE finds the fields by name in the
// running kernel's BTF, so a build needs neither a kernel's BTF nor a generated vmlinux.h, and the objects run on any
// kernel that has the fields.
#pragma once

#include <linux/bpf.h>
#include <linux/bpf_perf_event.h>
#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define PF_IO_WORKER 0x00000010
#define PF_USER_WORKER 0x00004000
#define PF_KTHREAD 0x00200000
#define VM_WRITE 0x00000002
#define RLIMIT_STACK 3
#define SIGNAL_GROUP_EXIT 0x00000004  // in signal_struct.flags

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
  int counter;
} atomic_t;

struct rlimit {
  unsigned long rlim_cur;
};

struct signal_struct {
  atomic_t live;
  unsigned int flags;
  int group_exit_code;
  unsigned long long sum_sched_runtime;
  struct rlimit rlim[16];
};

struct sigaction {
  void* sa_handler;
};
struct k_sigaction {
  struct sigaction sa;
};
struct sighand_struct {
  struct k_sigaction action[64];
};

struct sched_entity {
  __u64 sum_exec_runtime;
};

struct thread_struct {
  unsigned long fsbase;
};

struct mm_struct {
  unsigned long start_stack;
};

struct vm_area_struct {
  unsigned long vm_start;
  unsigned long vm_end;
  unsigned long vm_flags;
};

struct task_struct {
  unsigned int flags;
  int pid;
  int tgid;
  int exit_code;
  struct task_struct* group_leader;
  struct mm_struct* mm;
  struct signal_struct* signal;
  struct sighand_struct* sighand;
  struct sched_entity se;
  struct thread_struct thread;
  __u64 start_boottime;
  __u64 self_exec_id;
  char comm[16];
};

struct seq_file;
struct bpf_iter_meta {
  struct seq_file* seq;
  __u64 session_id;
  __u64 seq_num;
};
struct bpf_iter__task {
  struct bpf_iter_meta* meta;
  struct task_struct* task;
};

#pragma clang attribute pop

// The kernel's own pt_regs; the name without a flavour is the user API's, which has other field names.
struct pt_regs___kernel {
  unsigned long bp;
  unsigned long ip;
  unsigned long sp;
} __attribute__((preserve_access_index));
