// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
// The tick: what is this CPU doing? One perf event a CPU runs this at the sampling rate. It ends in exactly one
// outcome.
#include "lib/go_labels.h"
#include "lib/kernel.h"
#include "lib/reading.h"
#include "lib/stats.h"
#include "lib/task.h"
#include "lib/user_stack.h"
#include "shared/abi.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define PROFD_OUTCOME(name, label, class, text) name,
enum sample_outcome {
#include "shared/sample_outcome.def"
  OUTCOME_COUNT
};
#undef PROFD_OUTCOME
_Static_assert(OUTCOME_COUNT <= PROFD_MAX_OUTCOMES, "more outcomes than room for their counts");

// Set before loading.
const volatile __u64 hash_seed = 0;  // secret, so that nobody can make two stacks collide on purpose
const volatile bool has_exclusions = false;

// Set while it runs: a recording wants to know goroutines, or their labels, apart.
volatile bool notes_goroutines = false;
volatile bool notes_labels = false;

// In one place: each map that a tick touches is a cache miss or more.
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct profd_sampler_totals);
} totals SEC(".maps");

// Two maps of counts: one is written, the other drained. User space sets max_entries before loading. Entries are made
// when needed: each takes a value for every CPU that there may be, which is much in advance on a large machine.
struct counts_map {
  __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 4096);
  __type(key, struct profd_count_key);
  __type(value, struct profd_count);
} counts_a SEC(".maps"), counts_b SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, 1);
  __type(key, __u32);
  __array(values, struct counts_map);
} active_counts SEC(".maps") = {.values = {(void*)&counts_a}};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} generation SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 512 << 10);
} stacks SEC(".maps");

// Sets of labels that were sent, by their hash. User space empties it; what finds no room is not told apart.
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 512);
  __type(key, __u64);
  __type(value, __u8);
} label_sets SEC(".maps");

// What one function hashes, of user stacks and of kernel stacks; these fill only a part of it.
struct frame_list {
  __u64 frames[PROFD_MAX_FRAMES];
};

struct kernel_stack {
  struct profd_stack_record record;
  struct frame_list list;
};

struct scratch {
  __u32 busy;
  struct unwind_state user;
  struct kernel_stack kernel;
  struct profd_labels_record labels;
  struct profd_reading_record reading;
  struct profd_count_key key;
  struct profd_count new_count;
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct scratch);
} scratch_space SEC(".maps");

static __always_inline __u64 mix(__u64 hash, __u64 word) {
  hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
  return hash ^ (hash >> 29);
}

verified_once __u64 hash_frames(const struct frame_list* list, __u64 hash, __u32 count) {
  if (!list) return 0;
#pragma clang loop unroll(disable)
  for (__u32 i = 0; i < PROFD_MAX_FRAMES && i < count; i++) hash = mix(hash, list->frames[i]);
  return hash ? hash : 1;
}

verified_once __u64 hash_leaf(const struct profd_stack_record* record, __u64 hash) {
  if (!record) return 0;
  hash = mix(hash, ((__u64)record->leaf_frame << 32) | ((__u32)record->leaf_index << 16) | record->leaf_count);
#pragma clang loop unroll(disable)
  for (__u32 i = 0; i < PROFD_MAX_LEAF_CALLERS && i < record->leaf_count; i++) {
    hash = mix(hash, record->leaf_callers[i] ^ ((__u64)record->leaf_at[i] << 56));
  }
  return hash;
}

// The identity of a user stack: frames and the shape of its folds, not how often they repeat.
static __always_inline void hash_user_stack(struct unwind_state* s, __u32 gen) {
  __u64 hash = mix(hash_seed, gen);
  for (int i = 0; i < PROFD_MAX_FOLDS; i++) {
    hash = mix(hash, ((__u64)s->record.folds[i].first << 32) | ((__u64)s->record.folds[i].length << 1) |
                         s->record.folds[i].estimated);
  }
  hash = mix(hash, s->record.flags);
  if (s->record.leaf_frame) hash = hash_leaf(&s->record, hash);
  s->record.hash = hash_frames((const struct frame_list*)s->frames, hash, s->record.frame_count);
}

static __always_inline void hash_kernel_stack(struct kernel_stack* s, __u32 gen) {
  s->record.hash = hash_frames(&s->list, mix(hash_seed, ~(__u64)gen), s->record.frame_count);
}

static __always_inline void read_kernel_stack(struct bpf_perf_event_data* ctx, struct kernel_stack* s) {
  long bytes = bpf_get_stack(ctx, s->list.frames, PROFD_MAX_KERNEL_FRAMES * 8, 0);
  s->record.frame_count = bytes > 0 ? (__u64)bytes / 8 : 0;
  s->record.flags = s->record.frame_count == PROFD_MAX_KERNEL_FRAMES ? PROFD_STACK_TRUNCATED : 0;
}

#define LABEL_WORDS (sizeof(struct profd_label) * PROFD_MAX_LABELS / 8)
struct label_words {
  __u64 words[LABEL_WORDS];
};

verified_once __u64 hash_labels(const struct label_words* labels, __u64 hash) {
  if (!labels) return 0;
#pragma clang loop unroll(disable)
  for (__u32 i = 0; i < LABEL_WORDS; i++) hash = mix(hash, labels->words[i]);
  return hash > PROFD_LABELS_OTHER ? hash : PROFD_LABELS_OTHER + 1;
}

// Reserved room for a body in the ring buffer; `size` is that of the record with its frames.
static __always_inline long reserve_body(__u32 frame_count, struct bpf_dynptr* room) {
  return bpf_ringbuf_reserve_dynptr(&stacks, sizeof(struct profd_stack_record) + frame_count * 8, 0, room);
}

static __always_inline void give_back(struct bpf_dynptr* room, bool send) {
  if (send) {
    bpf_ringbuf_submit_dynptr(room, 0);
  } else {
    bpf_ringbuf_discard_dynptr(room, 0);
  }
}

static __always_inline void fill_header(struct profd_record_header* header, __u32 kind, __u32 gen, __u64 time_ns) {
  header->kind = kind;
  header->generation = gen;
  header->time_ns = time_ns;
}

static __always_inline void count_again(struct profd_count* count, const struct scratch* scratch) {
  count->ticks++;
  count->last_seen_ns = scratch->new_count.last_seen_ns;
  if (scratch->user.stack_bytes > count->stack_bytes) count->stack_bytes = scratch->user.stack_bytes;
  for (int i = 0; i < PROFD_MAX_FOLDS; i++) {
    if (scratch->user.repeats[i] > count->repeats[i]) count->repeats[i] = scratch->user.repeats[i];
  }
}

// The first tick with this key: room for the bodies first, then the count, then the bodies, so that nothing is counted
// whose stack could not be sent.
static __always_inline enum sample_outcome count_first(void* counts, struct scratch* scratch, __u32 gen,
                                                       struct task_struct* task) {
  struct bpf_dynptr user_room, kernel_room;
  enum sample_outcome outcome = OUTCOME_RING_FULL;
  __u32 user_frames = scratch->user.record.frame_count & (2 * PROFD_MAX_FRAMES - 1);
  __u32 kernel_frames = scratch->kernel.record.frame_count & PROFD_MAX_KERNEL_FRAMES;
  bool has_user = scratch->key.user_hash != 0;
  bool has_kernel = scratch->key.kernel_hash != 0;
  if (user_frames > PROFD_MAX_FRAMES) user_frames = PROFD_MAX_FRAMES;

  // A dynptr must be given back whether or not it got its room.
  long user_error = reserve_body(user_frames, &user_room);
  long kernel_error = reserve_body(kernel_frames, &kernel_room);
  if (user_error || kernel_error) goto discard;

  read_comm(task, scratch->new_count.comm);
  scratch->new_count.ticks = 1;
  scratch->new_count.stack_bytes = scratch->user.stack_bytes;
  for (int i = 0; i < PROFD_MAX_FOLDS; i++) scratch->new_count.repeats[i] = scratch->user.repeats[i];
  long error = bpf_map_update_elem(counts, &scratch->key, &scratch->new_count, BPF_NOEXIST);
  if (error == -17 /* EEXIST: another CPU was first */) {
    struct profd_count* count = bpf_map_lookup_elem(counts, &scratch->key);
    outcome = OUTCOME_COUNTS_FULL;
    if (count) {
      count_again(count, scratch);
      outcome = OUTCOME_RECORDED;
    }
    goto discard;
  }
  if (error) {
    outcome = OUTCOME_COUNTS_FULL;
    goto discard;
  }
  fill_header(&scratch->user.record.header, PROFD_RECORD_USER_STACK, gen, scratch->new_count.last_seen_ns);
  fill_header(&scratch->kernel.record.header, PROFD_RECORD_KERNEL_STACK, gen, scratch->new_count.last_seen_ns);
  scratch->user.record.process = scratch->key.process;
  bpf_dynptr_write(&user_room, 0, &scratch->user.record, sizeof(struct profd_stack_record) + user_frames * 8, 0);
  bpf_dynptr_write(&kernel_room, 0, &scratch->kernel.record, sizeof(struct profd_stack_record) + kernel_frames * 8, 0);
  give_back(&user_room, has_user);
  give_back(&kernel_room, has_kernel);
  return OUTCOME_RECORDED;

discard:
  give_back(&user_room, false);
  give_back(&kernel_room, false);
  return outcome;
}

// The labels' place in the key. Sends them when they are new.
static __always_inline __u64 note_labels(struct profd_labels_record* labels, const struct profd_go_process* go, __u64 g,
                                         __u32 gen) {
  const __u8 sent = 1;
  if (!read_labels(go, g, labels)) return 0;
  if (!labels->count) return PROFD_LABELS_OTHER;
  __u64 hash = hash_labels((const struct label_words*)labels->labels, mix(hash_seed, gen));
  if (bpf_map_lookup_elem(&label_sets, &hash)) return hash;
  labels->hash = hash;
  fill_header(&labels->header, PROFD_RECORD_LABELS, gen, bpf_ktime_get_boot_ns());
  if (bpf_map_update_elem(&label_sets, &hash, &sent, BPF_ANY)) return PROFD_LABELS_OTHER;
  if (!bpf_ringbuf_output(&stacks, labels, sizeof(*labels), 0)) return hash;
  bpf_map_delete_elem(&label_sets, &hash);
  return PROFD_LABELS_OTHER;
}

// The tick as a tripwire: a stack that folds may be the beginning of one without end. A suspect has ticks of its own.
static __always_inline void report_recursion(struct scratch* scratch, struct task_struct* task,
                                             const struct profd_go_process* go) {
  if (bpf_map_lookup_elem(&suspects, &scratch->key.process)) return;
  scratch->reading.process = scratch->key.process;
  scratch->reading.fatal = 0;
  describe_reading(&scratch->reading, &scratch->user, task, go, PROFD_TRIGGER_TICK);
  send_reading(&scratch->reading, &scratch->user);
}

static __always_inline enum sample_outcome record_sample(struct bpf_perf_event_data* ctx, struct scratch* scratch,
                                                         struct task_struct* task, __u32 task_flags, __u64 random) {
  struct user_registers registers = {};
  __u32 zero = 0;
  __u32* gen = bpf_map_lookup_elem(&generation, &zero);
  void* counts = bpf_map_lookup_elem(&active_counts, &zero);
  if (!gen || !counts) return OUTCOME_COUNTS_FULL;

  unwind_begin(&scratch->user, random, hash_seed);
  scratch->kernel.record.frame_count = 0;
  scratch->key.goroutine = 0;
  scratch->key.labels = 0;
  if (read_user_registers(ctx, task, task_flags, &registers)) {
    struct profd_go_process* go = bpf_map_lookup_elem(&go_processes, &scratch->key.process);
    unwind_user(&scratch->user, task, go, &registers);
    if (notes_goroutines && go && scratch->user.goroutine) {
      bpf_probe_read_user(&scratch->key.goroutine, sizeof(__u64), (void*)(scratch->user.goroutine + go->g_goid));
    }
    if (notes_labels && go) scratch->key.labels = note_labels(&scratch->labels, go, scratch->user.goroutine, *gen);
    if (scratch->user.record.fold_count) report_recursion(scratch, task, go);
  }
  if ((__s64)ctx->regs.rip < 0) read_kernel_stack(ctx, &scratch->kernel);

  scratch->key.user_hash = 0;
  scratch->key.kernel_hash = 0;
  if (scratch->user.record.frame_count) {
    hash_user_stack(&scratch->user, *gen);
    scratch->key.user_hash = scratch->user.record.hash;
  }
  if (scratch->kernel.record.frame_count) {
    hash_kernel_stack(&scratch->kernel, *gen);
    scratch->key.kernel_hash = scratch->kernel.record.hash;
  }
  scratch->new_count.last_seen_ns = bpf_ktime_get_boot_ns();

  enum sample_outcome outcome = OUTCOME_RECORDED;
  struct profd_count* count = bpf_map_lookup_elem(counts, &scratch->key);
  if (count) {
    count_again(count, scratch);
  } else {
    outcome = count_first(counts, scratch, *gen, task);
  }
  if (outcome == OUTCOME_RECORDED && scratch->user.record.flags & PROFD_STACK_INCOMPLETE) return OUTCOME_TRUNCATED;
  return outcome;
}

static __always_inline enum sample_outcome sample(struct bpf_perf_event_data* ctx, __u64 began_ns) {
  __u32 zero = 0;
  struct task_struct* task = bpf_get_current_task_btf();
  __u32 flags = task->flags;
  if (task->pid == 0) return OUTCOME_IDLE;
  if (flags & PF_KTHREAD) return OUTCOME_KERNEL_THREAD;
  if (task->mm == NULL) return OUTCOME_EXITING;

  struct scratch* scratch = bpf_map_lookup_elem(&scratch_space, &zero);
  if (!scratch || scratch->busy) return OUTCOME_BUSY;
  scratch->busy = 1;
  current_process_id(task, &scratch->key.process);
  scratch->key.tid = task->pid;
  enum sample_outcome outcome = OUTCOME_EXCLUDED;
  if (!has_exclusions || !bpf_map_lookup_elem(&excluded, &scratch->key.process)) {
    outcome = record_sample(ctx, scratch, task, flags, began_ns);
  }
  scratch->busy = 0;
  return outcome;
}

SEC("perf_event")
int cpu_sampler(struct bpf_perf_event_data* ctx) {
  __u64 began_ns = bpf_ktime_get_ns();
  enum sample_outcome outcome = sample(ctx, began_ns);
  __u32 zero = 0;
  struct profd_sampler_totals* total = bpf_map_lookup_elem(&totals, &zero);
  if (!total) return 0;
  total->outcomes[outcome & (PROFD_MAX_OUTCOMES - 1)]++;
  add_run(&total->runs, began_ns, outcome == OUTCOME_RECORDED || outcome == OUTCOME_TRUNCATED);
  return 0;
}
