// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
// The contract between the BPF programs and profd: plain structs of fixed width, the same bytes on both sides. The
// including file brings the integer types: vmlinux.h in the kernel, <linux/types.h> in user space.
#pragma once

#define PROFD_MAX_FRAMES 512  // user frames in one stack body
#define PROFD_MAX_KERNEL_FRAMES 127
#define PROFD_MAX_OUTCOMES 16  // of a tick; bpf/shared/sample_outcome.def has fewer
#define PROFD_MAX_FOLDS 4      // folded regions in one stack
#define PROFD_COMM_BYTES 16
#define PROFD_LEAF_WORDS 64       // of a Go stack, from the stack pointer on: where the return address may stand
#define PROFD_MAX_LEAF_CALLERS 8  // of them, those that point into Go's text
#define PROFD_MAX_CYCLE 40        // frames in the longest cycle that is sought
#define PROFD_MAX_LABELS 8        // that a Go program has set for a goroutine
#define PROFD_LABEL_KEY_BYTES 32
#define PROFD_LABEL_VALUE_BYTES 64

// One program in one process: exec raises exec_id, a reused pid has another start time.
struct profd_process_id {
  __u64 start_time_ns;  // CLOCK_BOOTTIME, of the thread group leader
  __u32 tgid;
  __u32 exec_id;  // low half of task->self_exec_id
};

// Key of a count. The hashes are of the bodies, seeded with the map generation.
struct profd_count_key {
  struct profd_process_id process;
  __u64 user_hash;    // 0: no user stack
  __u64 kernel_hash;  // 0: the tick hit user mode
  __u64 goroutine;    // its id, where these are asked for; else 0
  __u64 labels;       // hash of its labels, where these are asked for; PROFD_LABELS_OTHER; 0: none
  __u32 tid;
  __u32 pad;
};

// Value of a count, one per CPU.
struct profd_count {
  __u64 ticks;
  __u64 last_seen_ns;              // CLOCK_BOOTTIME
  __u64 stack_bytes;               // largest seen
  __u64 repeats[PROFD_MAX_FOLDS];  // largest seen, for each fold of the user stack
  __u8 comm[PROFD_COMM_BYTES];     // thread name, raw
};

struct profd_fold {
  __u16 first;      // frame index, leaf is 0
  __u16 length;     // frames
  __u32 estimated;  // 1: irregular recursion, repeats is an estimate
};

#define PROFD_LABELS_OTHER 1  // more labels than are kept, or more sets of them than are told apart

enum profd_stack_flags {
  PROFD_STACK_TRUNCATED = 1 << 0,         // more frames than a body holds
  PROFD_STACK_NO_FRAME_POINTER = 1 << 1,  // the chain broke before its root
  PROFD_STACK_READ_FAILED = 1 << 2,       // stack memory could not be read
  PROFD_STACK_G0 = 1 << 3,                // continued from Go's system stack on the goroutine's
  PROFD_STACK_INCOMPLETE = PROFD_STACK_TRUNCATED | PROFD_STACK_READ_FAILED,
};

// Records in the ring buffer begin with this.
enum profd_record_kind {
  PROFD_RECORD_USER_STACK = 1,
  PROFD_RECORD_KERNEL_STACK = 2,
  PROFD_RECORD_EXEC = 3,
  PROFD_RECORD_FORK = 4,
  PROFD_RECORD_EXIT = 5,         // of the last thread
  PROFD_RECORD_THREAD_EXIT = 6,  // of another one, when all of them are ending
  PROFD_RECORD_LABELS = 7,
  PROFD_RECORD_READING = 8,
  PROFD_RECORD_OOM_KILL = 9,  // a profd_process_record: tid is that of a thread of the victim, the process is unknown
  PROFD_RECORD_PROBE_COST = 10,  // a profd_probe_cost_record
  PROFD_RECORD_MAP_HIT = 11,     // a profd_map_hit_record (map_abi.h)
};

struct profd_record_header {
  __u32 kind;
  __u32 generation;
  __u64 time_ns;  // CLOCK_BOOTTIME
};

// A stack body; `frame_count` addresses of 8 bytes follow, leaf first.
struct profd_stack_record {
  struct profd_record_header header;
  struct profd_process_id process;  // zero for a kernel stack
  __u64 hash;
  __u16 frame_count;
  __u16 fold_count;
  __u32 flags;
  struct profd_fold folds[PROFD_MAX_FOLDS];
  // What may be the return address of a Go leaf, or of what a signal interrupted: the frame leaf_index. Which one it
  // is, Go's table of stack pointer deltas says.
  __u32 leaf_frame;  // bytes from the stack pointer to the frame pointer, PROFD_NO_LEAF_FRAME when it is not near
  __u16 leaf_count, leaf_index;
  __u64 leaf_callers[PROFD_MAX_LEAF_CALLERS];
  __u8 leaf_at[PROFD_MAX_LEAF_CALLERS];  // how many words above the stack pointer
};
#define PROFD_NO_LEAF_FRAME 0xffffffffu

// A set of labels, sent once a generation. Texts are cut, and end with zeros if they are shorter.
struct profd_label {
  __u8 key[PROFD_LABEL_KEY_BYTES];
  __u8 value[PROFD_LABEL_VALUE_BYTES];
};
struct profd_labels_record {
  struct profd_record_header header;
  __u64 hash;
  __u64 count;
  struct profd_label labels[PROFD_MAX_LABELS];
};

struct profd_process_record {
  struct profd_record_header header;
  struct profd_process_id process;
  __u32 parent_tgid;  // fork
  __u32 tid;          // exit
  __u32 exit_code;    // exit of the last thread: as wait() has it
  __u32 pad;
  __u64 cpu_ns;                      // exec: user + system time of the whole process so far; exit: of this thread
  __u64 leader_cpu_ns, dead_cpu_ns;  // exit: of the thread group's leader; of the threads that are gone already
  __u8 comm[PROFD_COMM_BYTES];
};

// What the task iterator writes for each thread.
struct profd_task_record {
  struct profd_process_id process;
  __u32 tid;
  __u32 kernel_thread;
  __u64 cpu_ns;  // this thread; the leader's record adds that of threads that have ended
  __u8 comm[PROFD_COMM_BYTES];
};

// Where the goroutine of a Go process is found (byte offsets), and its text (addresses).
struct profd_go_process {
  __u64 text_lo, text_hi;
  __s64 tls_g_offset;  // from the thread pointer
  __u64 tls_slot;      // address of the word that holds this offset; 0: it is the one above
  __u32 g_stack_lo, g_stack_hi, g_m, g_sched_sp, g_sched_pc, g_sched_bp, g_goid;
  __u32 m_g0, m_curg, m_gsignal, m_vdso_sp;  // m_vdso_sp 0: not known
  __u32 g_labels, labels_are_list;           // lib/go_labels.h; g_labels 0: not known
  __u32 pad;
  __u64 max_stack_at;  // address of runtime.maxstacksize; 0: not known
};

// What made someone look at a stack at once.
enum profd_trigger {
  PROFD_TRIGGER_TICK = 0,
  PROFD_TRIGGER_STACK_GROWTH = 1,
  PROFD_TRIGGER_FATAL_ERROR = 2,
  PROFD_TRIGGER_FATAL_SIGNAL = 3,
};

// One look at a stack that may be in a recursion: sent at once, each time. The frames follow the stack.
struct profd_reading_record {
  struct profd_record_header header;
  struct profd_process_id process;
  __u32 tid;
  __u32 trigger;                 // enum profd_trigger
  __u64 goroutine;               // Go's id; 0: none
  __u64 stack_lo, stack_hi;      // of the mapping or the goroutine; 0: not known
  __u64 stack_bytes;             // in use
  __u64 max_stack;               // what runtime.maxstacksize says; 0: no Go, or not known
  __u64 rlimit_stack;            // RLIMIT_STACK, which limits the main thread's
  __u32 main_thread_stack;       // 1: it is that stack
  __u32 fatal;                   // 1: the process will die of what triggered this
  __u32 positions_verified;      // places that the depth was found by
  __u32 sampled_frames;          // that an estimated depth is extrapolated from
  __u32 fault_at_stack_pointer;  // 1: what was touched and could not be is next to it
  __u32 uid;                     // whose process it is, as the host counts users
  __u64 repeats[PROFD_MAX_FOLDS];
  __u8 comm[PROFD_COMM_BYTES];  // thread name, raw
  struct profd_stack_record stack;
};

// Where a probe stands in a Go binary; part of its cookie: (binary << 8) | site.
enum profd_probe_site {
  PROFD_SITE_STACK_GROWTH = 0,  // runtime.(*mheap).allocManual
  PROFD_SITE_FATAL_ERROR = 1,   // runtime.throw
  PROFD_SITE_CALIBRATION = 2,   // profd's own function
  PROFD_SITES = 4,              // a power of two
};
#define PROFD_PROBE_COOKIE_SITE_BITS 8

// A binary with probes. Addresses in `go` count from where its text is loaded.
struct profd_go_binary {
  struct profd_go_process go;
  __u64 probe_at[PROFD_SITES];  // of the probed instruction, from the start of the text
};

// What probes have cost one process; a counter each.
struct profd_probe_meter {
  __u64 hits;
  __u64 program_ns;  // time in BPF; the trap is not in it
  __u64 window_ns;   // since when these looks are counted
  __u64 window_looks;
};

// Sent every PROFD_PROBE_COST_HITS hits of one process.
#define PROFD_PROBE_COST_HITS 4096
struct profd_probe_cost_record {
  struct profd_record_header header;
  struct profd_process_id process;
  __u64 binary;
  __u64 hits, program_ns;  // of the process, so far
};

// Per CPU run statistics of a program, kept by itself.
struct profd_program_stats {
  __u64 runs;
  __u64 total_ns;
  __u64 recorded_runs;  // runs that recorded a user stack
  __u64 recorded_ns;
};

// What the sampler counts on each CPU; `outcomes` by enum sample_outcome.
struct profd_sampler_totals {
  struct profd_program_stats runs;
  __u64 outcomes[PROFD_MAX_OUTCOMES];
};

#include "abi_layout.h"
