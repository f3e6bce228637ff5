// The recursions of recurse_c: functions that call each other to a depth and then `bottom`.
#pragma once

#include <stdint.h>

#define NOINLINE __attribute__((noinline, noclone))
/// Keeps a call from becoming a jump, and the frame's padding alive.
#define KEEP(pad) __asm__ volatile("" : : "r"(&(pad)) : "memory")

struct run {
  void (*bottom)(struct run*);  ///< what to do at the depth asked for
  double deadline;              ///< monotonic seconds
  uint64_t second;              ///< mode two: depth of the second recursion
  uint64_t random;              ///< mode irregular: state of the generator
  uint64_t calls_a, calls_b;    ///< mode irregular: frames of either
  uint64_t spins;               ///< mode growing: work per level
  uint64_t report;              ///< mode growing: frames between two reports
  volatile uint64_t work;       ///< what the leaf counts
};

/// Each leaves `depth` frames of its functions above `bottom`.
void direct_recursion(struct run* run, uint64_t depth);
void cycle3_recursion(struct run* run, uint64_t depth);
void cycle40_recursion(struct run* run, uint64_t depth);
/// `depth` frames of two_first, below them `run->second` frames of two_second.
void two_recursions(struct run* run, uint64_t depth);
/// Frames of irregular_a and irregular_b of different size, in random order.
void irregular_recursion(struct run* run, uint64_t depth);
/// One frame after the other, with `run->spins` turns of work at each.
void growing_recursion(struct run* run, uint64_t depth);
/// ordinary_0 to ordinary_99, each once; with depth 20 the last twenty of them.
void ordinary_stack(struct run* run, uint64_t depth);
