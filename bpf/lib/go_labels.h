// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
// The labels that a Go program has set for a goroutine (runtime/pprof.Do, SetGoroutineLabels). g.labels points to a
// list of {key, value} from Go 1.24 on, to a map of strings before; of that, maps of one bucket are read.
#pragma once

#include "goroutine.h"

#define GO_MAP_BUCKETS_AT 16
#define GO_MAP_BUCKET_BITS_AT 9
#define GO_BUCKET_KEYS_AT 8
#define GO_BUCKET_SLOTS 8
#define GO_LOWEST_HASH_IN_USE 5  // smaller "top hashes" mark empty slots
#define GO_STRING_BYTES 16

_Static_assert(PROFD_MAX_LABELS == GO_BUCKET_SLOTS, "a bucket holds as many as are kept");

struct label_walk {
  struct profd_labels_record* out;
  __u64 at;     // of the list, or of the bucket
  __u64 slots;  // of the list; 0: it is a bucket
  __u8 in_use[GO_BUCKET_SLOTS];
};

// Of the Go string whose header is at `header`; the rest stays zero. `room` is a power of two. False: it could not be
// read, as nobody has touched its page yet.
static __always_inline bool read_text(__u8* out, __u64 room, __u64 header) {
  __u64 text[2] = {};
  if (bpf_probe_read_user(text, sizeof(text), (void*)header)) return false;
  if (!text[1]) return true;
  __u64 size = text[1] < room ? text[1] : room;
  size = masked(size - 1, room - 1) + 1;
  return bpf_probe_read_user(out, size, (void*)text[0]) == 0;
}

static long read_label(__u32 i, void* context) {
  struct label_walk* walk = context;
  __u64 key, value;
  if (walk->slots) {
    if (i >= walk->slots) return 1;
    key = walk->at + i * 2 * GO_STRING_BYTES;
    value = key + GO_STRING_BYTES;
  } else {
    if (walk->in_use[masked(i, GO_BUCKET_SLOTS - 1)] < GO_LOWEST_HASH_IN_USE) return 0;
    key = walk->at + GO_BUCKET_KEYS_AT + i * GO_STRING_BYTES;
    value = key + GO_BUCKET_SLOTS * GO_STRING_BYTES;
  }
  __u64 n = masked(walk->out->count, PROFD_MAX_LABELS - 1);
  if (!read_text(walk->out->labels[n].key, PROFD_LABEL_KEY_BYTES, key) ||
      !read_text(walk->out->labels[n].value, PROFD_LABEL_VALUE_BYTES, value)) {
    walk->out->count = 0;
    return 1;
  }
  walk->out->count++;
  return 0;
}

// False: there are none. `out->count` is 0 if there are more than are kept, or if they cannot be read.
static __always_inline bool read_labels(const struct profd_go_process* go, __u64 g, struct profd_labels_record* out) {
  struct label_walk walk = {.out = out};
  __u64 labels = g && go->g_labels ? read_word(g + go->g_labels) : 0;
  if (!labels) return false;
  __builtin_memset(out, 0, sizeof(*out));
  if (go->labels_are_list) {
    walk.at = read_word(labels);
    walk.slots = read_word(labels + 8);
    if (!walk.slots) return false;
    if (walk.slots > PROFD_MAX_LABELS) return true;
  } else {
    __u64 map = read_word(labels);
    if (!read_word(map)) return false;  // its first word is the number of entries
    __u8 bits = 1;
    bpf_probe_read_user(&bits, sizeof(bits), (void*)(map + GO_MAP_BUCKET_BITS_AT));
    if (bits) return true;
    walk.at = read_word(map + GO_MAP_BUCKETS_AT);
    bpf_probe_read_user(walk.in_use, sizeof(walk.in_use), (void*)walk.at);
  }
  bounded_loop(PROFD_MAX_LABELS, read_label, &walk);
  return true;
}
