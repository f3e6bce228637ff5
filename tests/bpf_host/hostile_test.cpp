// Whoever owns the stack chooses every word of it, and the registers. Whatever they are: the unwinder ends within a
// fixed amount of work, and what comes out is well formed.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "unwound.h"

namespace profd::bpf_host {
namespace {

constexpr uint64_t kLow = 0x7f00'0000'0000, kHigh = kLow + (1ull << 30);
constexpr uint64_t kCode = 0x40'0000;

/// A fixed, random-looking number for each address.
uint64_t Noise(uint64_t address, uint64_t seed) {
  uint64_t x = (address >> 3) * 0x9e3779b97f4a7c15 + seed * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 29)) * 0x94d049bb133111eb;
  return x ^ (x >> 32);
}

class HostileStack : public testing::Test {
 protected:
  Unwound Run(FakeMemory::Words words, bool moving = false, Bounds bounds = Bounds::kKnown, uint64_t random = 7) {
    FakeMemory memory;
    memory.Map(kLow, kHigh, std::move(words));
    host_thread thread{.ip = kCode, .sp = kLow, .bp = kLow};
    if (bounds != Bounds::kUnknown) {
      thread.stack_lo = kLow;
      thread.stack_hi = kHigh;
    }
    thread.bounds_are_late = bounds == Bounds::kLate;
    thread.moving = moving;
    Unwound unwound = Unwind(memory, thread, random);
    EXPECT_TRUE(WellFormed(unwound));
    EXPECT_LE(unwound.reads, profd_host_most_reads());
    EXPECT_LE(unwound.steps, profd_host_most_steps());
    EXPECT_LE(unwound.state->stack_bytes, kHigh + 16 - kLow);
    return unwound;
  }
};

TEST_F(HostileStack, TheBoundOnWorkIsItselfSmall) {
  EXPECT_LE(profd_host_most_reads(), 3'600u);
  EXPECT_LE(profd_host_most_steps(), 54'000u)
      << "of these 24'000 for words on the pages of an estimate, at 1.5 ns each";
}

TEST_F(HostileStack, NoiseEnds) {
  for (uint64_t seed = 0; seed < 200; ++seed) Run([seed](uint64_t address) { return Noise(address, seed); });
}

/// Words as records have them, linked at random distances; some are broken, some return addresses recur.
uint64_t AlmostAStack(uint64_t address, uint64_t seed, uint64_t spread) {
  const uint64_t noise = Noise(address, seed);
  if (noise % 1'000 == 0) return noise;
  if (noise % 3 == 0) return kCode + (noise >> 8) % 3 * 64;
  return address + 16 + (noise >> 8) % spread * 8;
}

TEST_F(HostileStack, AnythingThatLooksLikeAStackEnds) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    for (uint64_t spread : {1, 3, 100, 1'000'000}) {
      Run([=](uint64_t address) { return AlmostAStack(address, seed, spread); }, seed % 2, Bounds{int(seed % 3)}, seed);
    }
  }
}

TEST_F(HostileStack, ARecordOnEachPageEnds) {
  for (uint64_t frame : {4'096, 8'192, 65'536}) {
    const Unwound unwound =
        Run([=](uint64_t address) { return address & 8 ? kCode + Noise(address, 1) % 100'000 : address + frame; });
    EXPECT_LE(unwound.read_bytes, 4'096u + 600 * 256);
  }
}

// Every search for a period nearly succeeds: each candidate agrees for as long as possible.
TEST_F(HostileStack, NearPeriodsEnd) {
  for (uint64_t run : {20, 23, 24, 25, 30, 41, 60, 79, 81, 100, 127}) {
    for (uint64_t other : {0, 64}) {
      Run([=](uint64_t address) -> uint64_t {
        const uint64_t frame = (address - kLow) / 64;
        if (address & 8) return frame % run == run - 1 ? kCode + other + frame * 64 : kCode;
        return address + 64;
      });
    }
  }
}

// A cycle in the window, and above it positions that hold or do not, as the toss of a coin says.
TEST_F(HostileStack, ACycleThatHoldsHereAndThereEnds) {
  uint64_t most_reads = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    for (uint64_t sixteenths : {4, 8, 12, 15}) {
      const Unwound unwound = Run(
          [=](uint64_t address) -> uint64_t {
            if (!(address & 8)) return address + 16;
            const bool holds = (address - kLow) / 16 % 200 < 130 || Noise(address, seed) % 16 < sixteenths;
            return holds ? kCode : kCode + 16;
          },
          false, Bounds{int(seed % 3)}, seed);
      most_reads = std::max(most_reads, unwound.reads);
    }
  }
  EXPECT_GT(most_reads, 200u) << "this test is about restarts";
}

TEST_F(HostileStack, AStackOfFalseRecordsEnds) {
  // Each word is a link to the next but one and, for the record before it, a return address off the stack.
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Run([=](uint64_t address) -> uint64_t {
      if ((address - kLow) < 513 * 64) {
        return address & 8 ? kCode + Noise(address, seed) % 2 * 64 : address + (Noise(address, seed) % 2 ? 48 : 64);
      }
      return Noise(address, seed) % 5 ? kHigh - 64 : kCode;
    });
  }
}

TEST_F(HostileStack, AMoveThatNeverWasEnds) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    Run(
        [=](uint64_t address) -> uint64_t {
          const uint64_t noise = Noise(address, seed);
          if (address & 8) return kCode + noise % 2 * 64;
          return noise % 8 ? address + 16 + noise % 4 * 16 : noise >> 17;
        },
        true, Bounds::kKnown, seed);
  }
}

TEST_F(HostileStack, RegistersAndBoundsMayBeAnything) {
  std::mt19937_64 random(99);
  const uint64_t interesting[] = {0,
                                  1,
                                  8,
                                  4'096,
                                  kLow,
                                  kLow + 8,
                                  kHigh - 16,
                                  kHigh - 8,
                                  kHigh,
                                  UNWIND_ADDRESS_LIMIT - 8,
                                  UNWIND_ADDRESS_LIMIT,
                                  1ull << 63,
                                  UINT64_MAX - 15,
                                  UINT64_MAX - 7,
                                  UINT64_MAX};
  const auto pick = [&] { return interesting[random() % std::size(interesting)]; };
  for (int round = 0; round < 5'000; ++round) {
    FakeMemory memory;
    memory.Map(kLow, kHigh, [&](uint64_t address) { return AlmostAStack(address, round, 10); });
    host_thread thread{.ip = pick(), .sp = pick(), .bp = pick(), .stack_lo = pick(), .stack_hi = pick()};
    thread.bounds_are_late = random() % 2;
    thread.moving = random() % 2;
    const Unwound unwound = Unwind(memory, thread, pick());
    ASSERT_TRUE(WellFormed(unwound));
    ASSERT_LE(unwound.reads, profd_host_most_reads());
    ASSERT_LE(unwound.steps, profd_host_most_steps());
  }
}

}  // namespace
}  // namespace profd::bpf_host
