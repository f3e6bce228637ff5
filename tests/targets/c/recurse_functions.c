#include "c/recurse.h"

#include "c/truth.h"

NOINLINE void direct_recursion(struct run* run, uint64_t depth) {
  uint64_t pad = depth;
  if (depth > 1) {
    direct_recursion(run, depth - 1);
  } else {
    run->bottom(run);
  }
  KEEP(pad);
}

// MEMBER(f, this, next, words): function f_this with that many words of its own, which calls f_next. The sizes differ
// within a cycle, as they do in real programs.
#define MEMBER(family, this, next, words)                                  \
  static void family##_##next(struct run*, uint64_t);                      \
  NOINLINE static void family##_##this(struct run * run, uint64_t depth) { \
    uint64_t pad[words];                                                   \
    pad[0] = depth;                                                        \
    if (depth > 1) {                                                       \
      family##_##next(run, depth - 1);                                     \
    } else {                                                               \
      run->bottom(run);                                                    \
    }                                                                      \
    KEEP(pad);                                                             \
  }

MEMBER(cycle3, 0, 1, 1)
MEMBER(cycle3, 1, 2, 4)
MEMBER(cycle3, 2, 0, 2)

NOINLINE void cycle3_recursion(struct run* run, uint64_t depth) {
  cycle3_0(run, depth);
  KEEP(depth);
}

MEMBER(cycle40, 0, 1, 1)
MEMBER(cycle40, 1, 2, 2)
MEMBER(cycle40, 2, 3, 3)
MEMBER(cycle40, 3, 4, 4)
MEMBER(cycle40, 4, 5, 1)
MEMBER(cycle40, 5, 6, 2)
MEMBER(cycle40, 6, 7, 3)
MEMBER(cycle40, 7, 8, 4)
MEMBER(cycle40, 8, 9, 1)
MEMBER(cycle40, 9, 10, 2)
MEMBER(cycle40, 10, 11, 3)
MEMBER(cycle40, 11, 12, 4)
MEMBER(cycle40, 12, 13, 1)
MEMBER(cycle40, 13, 14, 2)
MEMBER(cycle40, 14, 15, 3)
MEMBER(cycle40, 15, 16, 4)
MEMBER(cycle40, 16, 17, 1)
MEMBER(cycle40, 17, 18, 2)
MEMBER(cycle40, 18, 19, 3)
MEMBER(cycle40, 19, 20, 4)
MEMBER(cycle40, 20, 21, 1)
MEMBER(cycle40, 21, 22, 2)
MEMBER(cycle40, 22, 23, 3)
MEMBER(cycle40, 23, 24, 4)
MEMBER(cycle40, 24, 25, 1)
MEMBER(cycle40, 25, 26, 2)
MEMBER(cycle40, 26, 27, 3)
MEMBER(cycle40, 27, 28, 4)
MEMBER(cycle40, 28, 29, 1)
MEMBER(cycle40, 29, 30, 2)
MEMBER(cycle40, 30, 31, 3)
MEMBER(cycle40, 31, 32, 4)
MEMBER(cycle40, 32, 33, 1)
MEMBER(cycle40, 33, 34, 2)
MEMBER(cycle40, 34, 35, 3)
MEMBER(cycle40, 35, 36, 4)
MEMBER(cycle40, 36, 37, 1)
MEMBER(cycle40, 37, 38, 2)
MEMBER(cycle40, 38, 39, 3)
MEMBER(cycle40, 39, 0, 4)

NOINLINE void cycle40_recursion(struct run* run, uint64_t depth) {
  cycle40_0(run, depth);
  KEEP(depth);
}

NOINLINE static void two_second(struct run* run, uint64_t depth) {
  uint64_t pad[3] = {depth};
  if (depth > 1) {
    two_second(run, depth - 1);
  } else {
    run->bottom(run);
  }
  KEEP(pad);
}

NOINLINE static void two_first(struct run* run, uint64_t depth) {
  uint64_t pad = depth;
  if (depth > 1) {
    two_first(run, depth - 1);
  } else {
    two_second(run, run->second);
  }
  KEEP(pad);
}

NOINLINE void two_recursions(struct run* run, uint64_t depth) {
  two_first(run, depth);
  KEEP(depth);
}

static uint64_t next_random(struct run* run) {
  run->random ^= run->random << 13;
  run->random ^= run->random >> 7;
  run->random ^= run->random << 17;
  return run->random;
}

static void irregular_step(struct run* run, uint64_t depth);

NOINLINE static void irregular_a(struct run* run, uint64_t depth) {
  uint64_t pad = depth;
  ++run->calls_a;
  irregular_step(run, depth - 1);
  KEEP(pad);
}

NOINLINE static void irregular_b(struct run* run, uint64_t depth) {
  uint64_t pad[9] = {depth};
  ++run->calls_b;
  irregular_step(run, depth - 1);
  KEEP(pad);
}

__attribute__((always_inline)) static inline void irregular_step(struct run* run, uint64_t depth) {
  if (depth == 0) {
    run->bottom(run);
  } else if (next_random(run) & (1 << 9)) {
    irregular_a(run, depth);
  } else {
    irregular_b(run, depth);
  }
}

NOINLINE void irregular_recursion(struct run* run, uint64_t depth) {
  irregular_step(run, depth);
  KEEP(depth);
}

NOINLINE static void growing_level(struct run* run, uint64_t depth, uint64_t left) {
  uint64_t pad = depth;
  for (uint64_t i = 0; i < run->spins; ++i) run->work = run->work + 1;
  if (depth % run->report == 0) truth("{\"event\":\"depth\",\"depth\":%lu,\"time\":%.6f}", depth, monotonic_seconds());
  if (left > 1) {
    growing_level(run, depth + 1, left - 1);
  } else {
    run->bottom(run);
  }
  KEEP(pad);
}

NOINLINE void growing_recursion(struct run* run, uint64_t depth) {
  growing_level(run, 1, depth);
  KEEP(depth);
}

// ordinary_N calls ordinary_N+1, each once, down to the leaf.
#define ORDINARY(this, next)                               \
  NOINLINE static void ordinary_##this(struct run * run) { \
    uint64_t pad[1 + this % 4];                            \
    pad[0] = this;                                         \
    ordinary_##next(run);                                  \
    KEEP(pad);                                             \
  }
#define ORDINARY_LAST(this)                                \
  NOINLINE static void ordinary_##this(struct run * run) { \
    uint64_t pad = this;                                   \
    run->bottom(run);                                      \
    KEEP(pad);                                             \
  }

ORDINARY_LAST(99)
ORDINARY(98, 99)
ORDINARY(97, 98)
ORDINARY(96, 97)
ORDINARY(95, 96)
ORDINARY(94, 95)
ORDINARY(93, 94)
ORDINARY(92, 93)
ORDINARY(91, 92)
ORDINARY(90, 91)
ORDINARY(89, 90)
ORDINARY(88, 89)
ORDINARY(87, 88)
ORDINARY(86, 87)
ORDINARY(85, 86)
ORDINARY(84, 85)
ORDINARY(83, 84)
ORDINARY(82, 83)
ORDINARY(81, 82)
ORDINARY(80, 81)
ORDINARY(79, 80)
ORDINARY(78, 79)
ORDINARY(77, 78)
ORDINARY(76, 77)
ORDINARY(75, 76)
ORDINARY(74, 75)
ORDINARY(73, 74)
ORDINARY(72, 73)
ORDINARY(71, 72)
ORDINARY(70, 71)
ORDINARY(69, 70)
ORDINARY(68, 69)
ORDINARY(67, 68)
ORDINARY(66, 67)
ORDINARY(65, 66)
ORDINARY(64, 65)
ORDINARY(63, 64)
ORDINARY(62, 63)
ORDINARY(61, 62)
ORDINARY(60, 61)
ORDINARY(59, 60)
ORDINARY(58, 59)
ORDINARY(57, 58)
ORDINARY(56, 57)
ORDINARY(55, 56)
ORDINARY(54, 55)
ORDINARY(53, 54)
ORDINARY(52, 53)
ORDINARY(51, 52)
ORDINARY(50, 51)
ORDINARY(49, 50)
ORDINARY(48, 49)
ORDINARY(47, 48)
ORDINARY(46, 47)
ORDINARY(45, 46)
ORDINARY(44, 45)
ORDINARY(43, 44)
ORDINARY(42, 43)
ORDINARY(41, 42)
ORDINARY(40, 41)
ORDINARY(39, 40)
ORDINARY(38, 39)
ORDINARY(37, 38)
ORDINARY(36, 37)
ORDINARY(35, 36)
ORDINARY(34, 35)
ORDINARY(33, 34)
ORDINARY(32, 33)
ORDINARY(31, 32)
ORDINARY(30, 31)
ORDINARY(29, 30)
ORDINARY(28, 29)
ORDINARY(27, 28)
ORDINARY(26, 27)
ORDINARY(25, 26)
ORDINARY(24, 25)
ORDINARY(23, 24)
ORDINARY(22, 23)
ORDINARY(21, 22)
ORDINARY(20, 21)
ORDINARY(19, 20)
ORDINARY(18, 19)
ORDINARY(17, 18)
ORDINARY(16, 17)
ORDINARY(15, 16)
ORDINARY(14, 15)
ORDINARY(13, 14)
ORDINARY(12, 13)
ORDINARY(11, 12)
ORDINARY(10, 11)
ORDINARY(9, 10)
ORDINARY(8, 9)
ORDINARY(7, 8)
ORDINARY(6, 7)
ORDINARY(5, 6)
ORDINARY(4, 5)
ORDINARY(3, 4)
ORDINARY(2, 3)
ORDINARY(1, 2)
ORDINARY(0, 1)

NOINLINE void ordinary_stack(struct run* run, uint64_t depth) {
  if (depth == 20) {
    ordinary_80(run);
  } else {
    ordinary_0(run);
  }
  KEEP(run);
}
