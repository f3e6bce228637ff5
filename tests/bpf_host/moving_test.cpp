// Goroutines' stacks that Go is moving: copied, and their frame pointers corrected from the leaf upwards only so far.
#include <gtest/gtest.h>

#include <random>

#include "unwound.h"

namespace profd::bpf_host {
namespace {

constexpr uint64_t kRoot = 0x50'0000, kCycle = 0x60'0000, kSecond = 0x70'0000;
// From the old place, below or above, beside the new one or far away. Stacks are at most 4 GiB here.
constexpr uint64_t kMoves[] = {1ull << 32, 1ull << 37, 0 - (1ull << 32), 0 - (1ull << 33) - 8192};

TEST(MovingStack, RecursionIsExactWhereverTheMoveStands) {
  for (uint64_t depth : {1'000, 100'000, 10'000'000}) {
    for (uint64_t length : {1, 3, 40}) {
      for (uint64_t missing : kMoves) {
        for (uint64_t percent : {30, 50, 99}) {
          Stack stack;
          stack.Frames(DistinctFrames(12, kRoot)).Cycle(DistinctFrames(length, kCycle), depth);
          stack.MovedFrom(depth * percent / 100, missing);
          EXPECT_TRUE(Exact(stack, Unwind(stack, Bounds::kKnown))) << depth << " " << length << " " << percent;
        }
      }
    }
  }
}

TEST(MovingStack, IsExactWhenTheMoveStandsAtTheEndsOfTheRecursion) {
  constexpr uint64_t kDepth = 5'000;
  for (uint64_t length : {1, 2, 7}) {
    for (uint64_t from :
         {1, 2, 3, 60, 127, 128, 129, 130, 4'990, 4'997, 4'998, 4'999, 5'000, 5'001, 5'002, 5'003, 5'011}) {
      for (uint64_t missing : kMoves) {
        Stack stack;
        stack.Frames(DistinctFrames(12, kRoot)).Cycle(DistinctFrames(length, kCycle), kDepth).MovedFrom(from, missing);
        EXPECT_TRUE(Exact(stack, Unwind(stack, Bounds::kKnown))) << length << " " << from << " " << missing;
      }
    }
  }
}

// How far it was moved shows in a record only if the next is less than a page away; in a cycle it shows anyway.
TEST(MovingStack, RecursionWithFramesLargerThanAPageIsExact) {
  for (uint64_t missing : kMoves) {
    Stack stack;
    stack.Frames(DistinctFrames(12, kRoot))
        .Cycle({{kCycle, 9'000}, {kSecond, 5'000}}, 40'001)
        .MovedFrom(30'000, missing);
    EXPECT_TRUE(Exact(stack, Unwind(stack, Bounds::kKnown)));
  }
}

TEST(MovingStack, TwoRecursionsAreBothExact) {
  for (uint64_t from : {5'000, 15'000, 30'000, 59'000}) {
    Stack stack;
    stack.Frames(DistinctFrames(12, kRoot)).Cycle(DistinctFrames(2, kSecond), 40'000);
    stack.Frames(DistinctFrames(9, 0x90'0000)).Cycle(DistinctFrames(3, kCycle), 20'000).MovedFrom(from, kMoves[0]);
    EXPECT_TRUE(Exact(stack, Unwind(stack, Bounds::kKnown))) << from;
  }
}

TEST(MovingStack, OrdinaryStacksReachTheirRoot) {
  std::vector<Frame> frames = DistinctFrames(60, kRoot);
  for (size_t i = 0; i < frames.size(); i += 7) frames[i].bytes = 3'000 + i / 7 * 120;
  for (uint64_t from = 1; from < 60; ++from) {
    for (uint64_t missing : kMoves) {
      Stack stack;
      stack.Frames(frames).MovedFrom(from, missing);
      EXPECT_TRUE(Exact(stack, Unwind(stack, Bounds::kKnown))) << from;
    }
  }
}

TEST(MovingStack, IrregularRecursionIsEstimatedAndItsRootFound) {
  std::mt19937_64 random(11);
  std::vector<Frame> mix;
  for (int i = 0; i < 200'000; ++i) mix.push_back(random() % 2 ? Frame{kCycle, 48} : Frame{kSecond, 80});
  for (uint64_t missing : kMoves) {
    for (uint64_t from : {100, 5'000, 100'000, 199'000}) {
      Stack stack;
      stack.Frames(DistinctFrames(12, kRoot)).Frames(mix).MovedFrom(from, missing);
      const Unwound unwound = Unwind(stack, Bounds::kKnown);
      EXPECT_TRUE(WellFormed(unwound));
      EXPECT_TRUE(unwound.Estimated());
      EXPECT_NEAR(static_cast<double>(unwound.Depth()) / stack.Depth(), 1, 0.04) << from;
      EXPECT_TRUE(EndsInRoot(stack, unwound, 12)) << from;
      EXPECT_EQ(unwound.flags(), 0u);
    }
  }
}

// Pairs of heap pointers look like old frame pointers with return addresses; they do not agree on how far they moved.
TEST(MovingStack, HeapPointersInTheFramesAreNotTakenForOldFramePointers) {
  std::mt19937_64 random(12);
  std::vector<Frame> mix;
  for (int i = 0; i < 100'000; ++i) mix.push_back(random() % 2 ? Frame{kCycle, 480} : Frame{kSecond, 960});
  Stack stack;
  stack.Frames(DistinctFrames(12, kRoot)).Frames(mix).MovedFrom(2'000, kMoves[0]);
  stack.Filler([](uint64_t address) { return 0xc0'0000'0000 + (address * 0x9e3779b97f4a7c15 >> 40) * 8; });
  const Unwound unwound = Unwind(stack, Bounds::kKnown);
  EXPECT_TRUE(WellFormed(unwound));
  // Six pages hold some forty of these frames, so the estimate is rough.
  EXPECT_NEAR(static_cast<double>(unwound.Depth()) / stack.Depth(), 1, 0.15);
  EXPECT_TRUE(EndsInRoot(stack, unwound, 6));
}

}  // namespace
}  // namespace profd::bpf_host
