// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
// The probes on Go's map functions. They are armed for one process and a few milliseconds at a time, and send each hit:
// user space adds up.
#include "lib/kernel.h"
#include "lib/stats.h"
#include "lib/task.h"
#include "shared/map_abi.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

// Set before loading.
const volatile __u64 hash_seed = 0;

// runtime.hmap, its beginning: 2^B buckets of eight; the number of overflow buckets is a guess from B 16 on.
#define HMAP_WRITING 4
struct hmap {
  __u64 count;
  __u8 flags, b;
  __u16 overflows;
};
// internal/runtime/maps.Map: one group of eight, or a directory of tables of at most 1,024 (some more than once).
struct swiss_map {
  __u64 used, seed, directory, directory_length;
  __u8 depth, shift, writing;
};
#define SLOTS 8
#define TABLE_SLOTS 1024
#define MOST_TABLES (1ull << 38)  // they would take all addresses that there are
#define MOST_B 48

// internal/abi.Type and MapType.
#define TYPE_SIZE 0
#define TYPE_KIND 23
#define KIND_MASK 0x1f
#define KIND_CHAN 18
#define KIND_FUNC 19
#define KIND_INTERFACE 20
#define KIND_MAP 21
#define KIND_POINTER 22
#define KIND_STRING 24
#define KIND_UNSAFE_POINTER 26
#define MAP_TYPE_KEY 48

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, PROFD_MAP_WINDOWS);
  __type(key, __u32);
  __type(value, struct profd_map_window);
} map_windows SEC(".maps");

// Whether a window's hits count: its traps do not come all at once, and functions that have theirs first would seem to
// be used more. Set by user space, which maps it.
volatile __u32 armed[PROFD_MAP_WINDOWS];

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 512 << 10);
} map_hits SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} map_hits_lost SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, PROFD_MAP_PROGRAMS);
  __type(key, __u32);
  __type(value, struct profd_program_stats);
} program_stats SEC(".maps");

// Read one by one: of a context the verifier takes constant offsets only, and LLVM would choose between two.
struct arguments {
  __u64 ax, bx, cx, di, sp, bp, g;
};
static __always_inline struct arguments read_arguments(struct pt_regs* ctx) {
  const volatile struct pt_regs* registers = ctx;
  struct arguments arguments = {registers->rax, registers->rbx, registers->rcx, registers->rdi,
                                registers->rsp, registers->rbp, registers->r14};
  return arguments;
}

static __always_inline __u64 mix(__u64 hash, __u64 word) {
  hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
  return hash ^ hash >> 29;
}

// The key's bytes are in the record, the rest of its room is zero.
static __always_inline __u64 hash_key(const struct profd_map_hit_record* hit, __u64 type) {
  const __u64* words = (const __u64*)hit->key;
  __u64 hash = mix(mix(hash_seed, hit->key_size), type);
  for (int i = 0; i < PROFD_MAP_KEY_BYTES / 8; i++) hash = mix(hash, words[i]);
  return hash ? hash : 1;
}

static __always_inline bool read_key(struct profd_map_hit_record* hit, __u64 at, __u64 size) {
  hit->key_size = size < 0xffffffff ? (__u32)size : 0xffffffff;
  __u64 kept = size < PROFD_MAP_KEY_BYTES ? size : PROFD_MAP_KEY_BYTES;
  if (kept == 0) return true;
  // As the verifier wants its bounds on every kernel: one to all.
  asm volatile("" : "+r"(kept));
  kept = ((kept - 1) & (PROFD_MAP_KEY_BYTES - 1)) + 1;
  return bpf_probe_read_user(hit->key, kept, (const void*)at) == 0;
}

static __always_inline bool read_string_key(struct profd_map_hit_record* hit, __u64 at) {
  __u64 string[2] = {};
  if (bpf_probe_read_user(string, sizeof(string), (const void*)at)) return false;
  return read_key(hit, string[0], string[1]);
}

// A key of the type at `type`, which is no interface.
static __always_inline bool read_typed_key(struct profd_map_hit_record* hit, __u64 type, __u64 at) {
  __u64 size = 0;
  __u8 kind = 0;
  if (bpf_probe_read_user(&size, sizeof(size), (const void*)(type + TYPE_SIZE))) return false;
  if (bpf_probe_read_user(&kind, sizeof(kind), (const void*)(type + TYPE_KIND))) return false;
  if ((kind & KIND_MASK) == KIND_STRING) return read_string_key(hit, at);
  return read_key(hit, at, size);
}

static __always_inline bool read_register_key(struct profd_map_hit_record* hit, __u64 key, __u32 size) {
  *(__u64*)hit->key = size == sizeof(__u32) ? (__u32)key : key;
  hit->key_size = size;
  return true;
}

// A key in an interface: its type, and the word beside it, which is the value itself where that is a pointer.
static __always_inline bool read_dynamic_key(struct profd_map_hit_record* hit, __u64 type, __u64 word) {
  __u8 kind = 0;
  if (bpf_probe_read_user(&kind, sizeof(kind), (const void*)(type + TYPE_KIND))) return false;
  kind &= KIND_MASK;
  if (kind == KIND_CHAN || kind == KIND_FUNC || kind == KIND_MAP || kind == KIND_POINTER ||
      kind == KIND_UNSAFE_POINTER) {
    return read_register_key(hit, word, sizeof(word));
  }
  // 0: no type. An interface with methods has a table there.
  return kind && read_typed_key(hit, type, word);
}

// A key of a map of that type; sets the dynamic type where there is one.
static __always_inline bool read_pointed_key(struct profd_map_hit_record* hit, __u64 map_type, __u64 at,
                                             __u64* dynamic_type) {
  __u64 type = 0, interface[2] = {};
  __u8 kind = 0;
  if (bpf_probe_read_user(&type, sizeof(type), (const void*)(map_type + MAP_TYPE_KEY))) return false;
  if (bpf_probe_read_user(&kind, sizeof(kind), (const void*)(type + TYPE_KIND))) return false;
  if ((kind & KIND_MASK) != KIND_INTERFACE) return read_typed_key(hit, type, at);
  if (bpf_probe_read_user(interface, sizeof(interface), (const void*)at)) return false;
  *dynamic_type = interface[0];
  if (read_dynamic_key(hit, interface[0], interface[1])) return true;
  // Then its two words are all that is compared.
  return read_key(hit, at, sizeof(interface));
}

static __always_inline void describe_key(struct profd_map_hit_record* hit, const struct arguments* in,
                                         __u32 registers) {
  __u64 dynamic_type = 0;
  bool read = true;
  switch (registers) {
    case PROFD_MAP_KEY_POINTER: read = read_pointed_key(hit, in->ax, in->cx, &dynamic_type); break;
    case PROFD_MAP_KEY_32: read = read_register_key(hit, in->cx, sizeof(__u32)); break;
    case PROFD_MAP_KEY_64: read = read_register_key(hit, in->cx, sizeof(__u64)); break;
    case PROFD_MAP_KEY_STRING: read = read_key(hit, in->cx, in->di); break;
    case PROFD_MAP_KEY_SYNC:
      dynamic_type = in->cx;
      read = read_dynamic_key(hit, in->cx, in->di);
      break;
    default: return;
  }
  if (read) {
    hit->key_hash = hash_key(hit, dynamic_type);
  } else {
    hit->flags |= PROFD_MAP_KEY_UNREADABLE;
  }
}

// All are read first: see read_arguments.
static __always_inline __u64 argument_of(struct pt_regs* ctx, __u32 place) {
  const volatile struct pt_regs* registers = ctx;
  const __u64 di = registers->rdi, si = registers->rsi, dx = registers->rdx;
  const __u64 cx = registers->rcx, r8 = registers->r8, r9 = registers->r9;
  switch (place & 0xf) {
    case 0: return di;
    case 1: return si;
    case 2: return dx;
    case 3: return cx;
    case 4: return r8;
    case 5: return r9;
    default: return 0;
  }
}

static __always_inline bool read_text_key(struct profd_map_hit_record* hit, __u64 at) {
  long size = bpf_probe_read_user_str(hit->key, PROFD_MAP_KEY_BYTES, (const void*)at);
  hit->key_size = size > 0 ? size - 1 : 0;
  return size > 0;
}

// A function that is not Go's, at its entry: only the configuration knows what it is called with.
static __always_inline void describe_user(struct profd_map_hit_record* hit, struct pt_regs* ctx, __u64 cookie) {
  const volatile struct pt_regs* registers = ctx;
  bpf_probe_read_user(&hit->caller, sizeof(hit->caller), (const void*)registers->rsp);
  hit->map = argument_of(ctx, cookie >> 40);
  hit->flags |= hit->map ? PROFD_MAP_UNREADABLE : PROFD_MAP_IS_NIL;
  const __u64 key = argument_of(ctx, cookie >> 44);
  bool read = true;
  switch (cookie >> 52 & 0xf) {
    case PROFD_MAP_USER_32: read = read_register_key(hit, key, sizeof(__u32)); break;
    case PROFD_MAP_USER_64: read = read_register_key(hit, key, sizeof(__u64)); break;
    case PROFD_MAP_USER_TEXT: read = read_text_key(hit, key); break;
    case PROFD_MAP_USER_BYTES: read = read_key(hit, key, argument_of(ctx, cookie >> 48)); break;
    default: return;
  }
  if (read) {
    hit->key_hash = hash_key(hit, 0);
  } else {
    hit->flags |= PROFD_MAP_KEY_UNREADABLE;
  }
}

static __always_inline bool read_hmap(struct profd_map_hit_record* hit) {
  struct hmap header = {};
  if (bpf_probe_read_user(&header, sizeof(header), (const void*)hit->map)) return false;
  hit->entries = header.count;
  hit->room = header.b < MOST_B ? (__u64)SLOTS << header.b : 0;
  if (header.flags & HMAP_WRITING) hit->flags |= PROFD_MAP_BEING_WRITTEN;
  // As many as buckets: the runtime calls that too many (tooManyOverflowBuckets), and copies the map when it is next
  // written to.
  const __u8 most = header.b < 15 ? header.b : 15;
  if (header.overflows >> most && header.overflows > SLOTS) hit->flags |= PROFD_MAP_OVERFLOWS;
  return true;
}

static __always_inline bool read_swiss_map(struct profd_map_hit_record* hit) {
  struct swiss_map header = {};
  if (bpf_probe_read_user(&header, sizeof(header), (const void*)hit->map)) return false;
  if (header.directory_length > MOST_TABLES) return false;
  hit->entries = header.used;
  hit->room = header.directory_length ? header.directory_length * TABLE_SLOTS : SLOTS;
  if (header.writing) hit->flags |= PROFD_MAP_BEING_WRITTEN;
  return true;
}

static __always_inline void describe_map(struct profd_map_hit_record* hit, const struct profd_map_window* window,
                                         const struct arguments* in, __u32 registers) {
  const bool sync = registers == PROFD_MAP_KEY_SYNC || registers == PROFD_MAP_KEY_NONE_OF_SYNC;
  hit->map = sync ? in->ax : in->bx;
  hit->type = sync ? 0 : in->ax;
  if (!hit->map) {
    hit->flags |= PROFD_MAP_IS_NIL;
    return;
  }
  if (sync) {
    hit->flags |= PROFD_MAP_UNREADABLE;
    return;
  }
  const bool read = window->header == PROFD_MAP_HEADER_SWISS ? read_swiss_map(hit) : read_hmap(hit);
  if (!read) hit->flags |= PROFD_MAP_UNREADABLE;
}

// At the second instruction of a Go function: the return address is at the stack pointer, g in R14.
static __always_inline void describe_caller(struct profd_map_hit_record* hit, const struct profd_map_window* window,
                                            const struct arguments* in) {
  __u64 stack_hi = 0;
  bpf_probe_read_user(&hit->caller, sizeof(hit->caller), (const void*)in->sp);
  // The frame pointer is still the caller's.
  bpf_probe_read_user(&hit->parent, sizeof(hit->parent), (const void*)(in->bp + 8));
  bpf_probe_read_user(&hit->goroutine, sizeof(hit->goroutine), (const void*)(in->g + window->g_goid));
  bpf_probe_read_user(&stack_hi, sizeof(stack_hi), (const void*)(in->g + window->g_stack_hi));
  if (stack_hi > in->sp) hit->stack_bytes = stack_hi - in->sp;
}

static __always_inline void send_hit(struct profd_map_window* window, struct pt_regs* ctx, __u64 cookie, bool last) {
  struct profd_map_hit_record* hit = bpf_ringbuf_reserve(&map_hits, sizeof(*hit), 0);
  if (!hit) {
    __u32 zero = 0;
    __u64* lost = bpf_map_lookup_elem(&map_hits_lost, &zero);
    if (lost) __sync_fetch_and_add(lost, 1);
    return;
  }
  __builtin_memset(hit, 0, sizeof(*hit));
  hit->header.kind = PROFD_RECORD_MAP_HIT;
  hit->header.time_ns = bpf_ktime_get_boot_ns();
  hit->window = window->number;
  hit->tid = (__u32)bpf_get_current_pid_tgid();
  hit->function = cookie >> 8 & 0xff;
  const __u32 registers = cookie & 0xff;
  if (registers == PROFD_MAP_KEY_USER) {
    describe_user(hit, ctx, cookie);
  } else {
    const struct arguments in = read_arguments(ctx);
    describe_caller(hit, window, &in);
    describe_map(hit, window, &in, registers);
    describe_key(hit, &in, registers);
  }
  if (!window->key_text) __builtin_memset(hit->key, 0, sizeof(hit->key));
  if (last) hit->flags |= PROFD_MAP_LAST_HIT;
  bpf_ringbuf_submit(hit, last ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

// Counts a hit of an armed window, and returns how many came before it.
static __always_inline __u64 count_armed(struct profd_map_window* window, __u64 cookie, __u32 program) {
  const __u64 before = __sync_fetch_and_add(&window->armed_hits, 1);
  if (program != PROFD_MAP_BREAKPOINT) return before;
  return __sync_fetch_and_add(&window->hits_of[PROFD_MAP_BREAKPOINT_OF(cookie)], 1);
}

static __always_inline void on_hit(struct pt_regs* ctx, __u64 cookie, __u32 program) {
  __u64 began_ns = bpf_ktime_get_ns();
  __u32 slot = cookie >> 16 & (PROFD_MAP_WINDOWS - 1);
  struct profd_map_window* window = bpf_map_lookup_elem(&map_windows, &slot);
  if (!window) return;
  struct profd_process_id id;
  current_process_id(bpf_get_current_task_btf(), &id);
  const bool counts = armed[slot & (PROFD_MAP_WINDOWS - 1)];  // the verifier forgets what it knew of what is pointed to
  bool sent = false;
  if (id.tgid == window->process.tgid && id.start_time_ns == window->process.start_time_ns &&
      id.exec_id == window->process.exec_id) {
    __sync_fetch_and_add(&window->hits, 1);
    const __u64 skipped = window->skip_hits, end = skipped + window->most_hits;
    const __u64 before = counts ? count_armed(window, cookie, program) : end;
    if (before == 0) window->first_ns = bpf_ktime_get_boot_ns();
    sent = before >= skipped && before < end;
    if (sent) send_hit(window, ctx, cookie, before + 1 == end);
  } else {
    __sync_fetch_and_add(&window->other_hits, 1);
  }
  __u64 took_ns = bpf_ktime_get_ns() - began_ns;
  __sync_fetch_and_add(&window->program_ns, took_ns);
  if (sent) __sync_fetch_and_add(&window->sent_ns, took_ns);
  struct profd_program_stats* stats = bpf_map_lookup_elem(&program_stats, &program);
  if (stats) add_run(stats, began_ns, sent);
}

// The same for kernels with and without probes of many places in one link; user space loads one of them.
SEC("uprobe.multi")
int map_probe_multi(struct pt_regs* ctx) {
  on_hit(ctx, bpf_get_attach_cookie(ctx), PROFD_MAP_PROBE);
  return 0;
}

SEC("uprobe")
int map_probe(struct pt_regs* ctx) {
  on_hit(ctx, bpf_get_attach_cookie(ctx), PROFD_MAP_PROBE);
  return 0;
}

// A breakpoint of the CPU, in one thread. It goes away by itself when it has been hit often enough; what returns 0 does
// not count.
SEC("perf_event")
int map_breakpoint(struct bpf_perf_event_data* ctx) {
  on_hit((struct pt_regs*)&ctx->regs, bpf_get_attach_cookie(ctx), PROFD_MAP_BREAKPOINT);
  return 1;
}
