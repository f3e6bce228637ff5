// SPDX-License-Identifier: (GPL-2.0-only OR Apache-2.0)
// Maps that several BPF objects share: each declares them, user space gives all the same ones.
#pragma once

#include "kernel.h"

#include "../shared/abi.h"

// Where Go's goroutine is found, for the processes that user space has looked at.
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 4096);
  __type(key, struct profd_process_id);
  __type(value, struct profd_go_process);
} go_processes SEC(".maps");

// Processes that configuration leaves alone.
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 4096);
  __type(key, struct profd_process_id);
  __type(value, __u8);
} excluded SEC(".maps");
