// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
// The contract about map probes, as abi.h has the rest.
#pragma once

#include "abi.h"

#define PROFD_MAP_WINDOWS 16    // open at a time, and profd's own; a power of two
#define PROFD_MAP_KEY_BYTES 64  // of a key that are hashed, or kept

// Keys of the programs' statistics.
enum profd_map_program { PROFD_MAP_PROBE, PROFD_MAP_BREAKPOINT, PROFD_MAP_PROGRAMS };

// What a probed function's registers hold.
enum profd_map_registers {
  PROFD_MAP_KEY_NONE = 0,          // AX map type, BX map: clear, iteration
  PROFD_MAP_KEY_POINTER = 1,       // + CX pointer to the key
  PROFD_MAP_KEY_32 = 2,            // + CX key, its low half
  PROFD_MAP_KEY_64 = 3,            // + CX key
  PROFD_MAP_KEY_STRING = 4,        // + CX text, DI length
  PROFD_MAP_KEY_SYNC = 5,          // sync.Map's trie: AX map, CX type of the key, DI pointer to it
  PROFD_MAP_KEY_NONE_OF_SYNC = 6,  // the same: AX map
};

// The cookie of a probe: window slot, function's number among those of its binary, registers.
#define PROFD_MAP_COOKIE(slot, function, registers) ((__u64)(slot) << 16 | (__u64)(function) << 8 | (registers))

// Of a function that is not Go's: registers by their place among rdi, rsi, rdx, rcx, r8, r9; how it gets the key.
#define PROFD_MAP_KEY_USER 7
#define PROFD_MAP_USER_COOKIE(map, key, key_length, kind) \
  ((__u64)(map) << 40 | (__u64)(key) << 44 | (__u64)(key_length) << 48 | (__u64)(kind) << 52)
enum profd_map_user_key {
  PROFD_MAP_USER_NONE = 0,
  PROFD_MAP_USER_32 = 1,     // its low half
  PROFD_MAP_USER_64 = 2,     // itself
  PROFD_MAP_USER_TEXT = 3,   // points at it, ends with a 0
  PROFD_MAP_USER_BYTES = 4,  // points at it, another register has the length
};

// Of a breakpoint also which of its window's it is.
#define PROFD_MAP_BREAKPOINTS 4  // a power of two
#define PROFD_MAP_BREAKPOINT_COOKIE(number) ((__u64)(number) << 32)
#define PROFD_MAP_BREAKPOINT_OF(cookie) ((cookie) >> 32 & (PROFD_MAP_BREAKPOINTS - 1))

enum profd_map_header {
  PROFD_MAP_HEADER_HMAP = 0,   // Go before 1.24
  PROFD_MAP_HEADER_SWISS = 1,  // internal/runtime/maps.Map
};

// A time in which one process's map functions are probed. User space fills it in before it attaches.
struct profd_map_window {
  struct profd_process_id process;
  __u64 number;     // of all windows ever; goes into each hit
  __u32 most_hits;  // recorded of those that count, by breakpoints of each function; the others only cost
  __u32 header;     // enum profd_map_header
  __u32 g_goid, g_stack_hi;
  __u32 key_text;    // 1: hits have the key itself
  __u32 skip_hits;   // that count, but are not recorded, before those that are
  __u64 hits;        // so far, of this process
  __u64 other_hits;  // of others, where the probe has no filter
  __u64 program_ns;  // in BPF, of all hits
  __u64 armed_hits;  // of `hits`: while the window was armed
  __u64 sent_ns;     // of `program_ns`, of hits that were sent
  __u64 first_ns;    // when the first of armed_hits came, boot time; 0: none has
  __u64 hits_of[PROFD_MAP_BREAKPOINTS];
};

enum profd_map_hit_flags {
  PROFD_MAP_IS_NIL = 1 << 0,
  PROFD_MAP_UNREADABLE = 1 << 1,      // its header: entries are not known
  PROFD_MAP_BEING_WRITTEN = 1 << 2,   // the header says so
  PROFD_MAP_KEY_UNREADABLE = 1 << 3,  // no hash
  PROFD_MAP_LAST_HIT = 1 << 4,        // the window is full
  PROFD_MAP_OVERFLOWS = 1 << 5,       // as many overflow buckets as buckets
};

struct profd_map_hit_record {
  struct profd_record_header header;
  __u64 window;  // its number
  __u32 tid;
  __u32 function;
  __u64 goroutine;  // its id; 0: not known
  __u64 caller;     // return address
  __u64 parent;     // that of the caller, by its frame pointer
  __u64 map, type;  // addresses; type 0: sync.Map, or not Go's
  __u64 entries;
  __u64 room;      // for so many entries, at most; 0: not known
  __u64 key_hash;  // seeded when profd starts; of the type too where that is dynamic
  __u64 stack_bytes;
  __u32 flags;
  __u32 key_size;  // bytes; of a string its length
  __u8 key[PROFD_MAP_KEY_BYTES];
};

PROFD_SIZE(profd_map_window, 128);
PROFD_FIELD(profd_map_window, number, 16, 8);
PROFD_FIELD(profd_map_window, most_hits, 24, 4);
PROFD_FIELD(profd_map_window, skip_hits, 44, 4);
PROFD_FIELD(profd_map_window, hits, 48, 8);
PROFD_FIELD(profd_map_window, armed_hits, 72, 8);
PROFD_FIELD(profd_map_window, sent_ns, 80, 8);
PROFD_FIELD(profd_map_window, first_ns, 88, 8);
PROFD_FIELD(profd_map_window, hits_of, 96, 32);

PROFD_SIZE(profd_map_hit_record, 176);
PROFD_FIELD(profd_map_hit_record, window, 16, 8);
PROFD_FIELD(profd_map_hit_record, goroutine, 32, 8);
PROFD_FIELD(profd_map_hit_record, caller, 40, 8);
PROFD_FIELD(profd_map_hit_record, parent, 48, 8);
PROFD_FIELD(profd_map_hit_record, map, 56, 8);
PROFD_FIELD(profd_map_hit_record, entries, 72, 8);
PROFD_FIELD(profd_map_hit_record, room, 80, 8);
PROFD_FIELD(profd_map_hit_record, key, 112, PROFD_MAP_KEY_BYTES);
