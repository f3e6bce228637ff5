// Uniform recursion: folded, and the depth exact.
#include <gtest/gtest.h>

#include <random>

#include "unwound.h"

namespace profd::bpf_host {
namespace {

constexpr uint64_t kRoot = 0x50'0000, kCycle = 0x60'0000, kSecond = 0x70'0000, kTail = 0x80'0000;
constexpr Bounds kAllBounds[] = {Bounds::kKnown, Bounds::kLate, Bounds::kUnknown};

std::vector<Frame> CycleOf(uint64_t length, uint64_t first = kCycle) { return DistinctFrames(length, first, length); }

TEST(Recursion, DirectRecursionIsExactAtAnyDepth) {
  for (uint64_t depth : {1'000, 10'000, 100'000, 1'000'000, 10'000'000}) {
    Stack stack;
    stack.Frames(DistinctFrames(12, kRoot)).Cycle({{kCycle, 48}}, depth).Frames(DistinctFrames(5, kTail));
    for (Bounds bounds : kAllBounds) {
      const Unwound unwound = Unwind(stack, bounds);
      EXPECT_TRUE(Exact(stack, unwound)) << depth;
      ASSERT_EQ(unwound.fold_count(), 1u);
      EXPECT_EQ(unwound.state->record.folds[0].first, 6);
      EXPECT_EQ(unwound.state->record.folds[0].length, 1);
      EXPECT_EQ(unwound.state->repeats[0], depth);
      EXPECT_EQ(unwound.frame_count(), 1u + 5 + 1 + 12);
    }
  }
}

TEST(Recursion, CyclesOfUpToFortyFramesAreExact) {
  for (uint64_t length : {2, 3, 7, 12, 13, 39, 40}) {
    for (uint64_t depth : {1'000, 1'001, 99'999, 1'000'000, 1'000'019}) {
      Stack stack;
      stack.Frames(DistinctFrames(10, kRoot)).Cycle(CycleOf(length), depth);
      for (Bounds bounds : kAllBounds) {
        const Unwound unwound = Unwind(stack, bounds);
        EXPECT_TRUE(Exact(stack, unwound)) << length << " " << depth;
        ASSERT_EQ(unwound.fold_count(), 1u);
        EXPECT_EQ(unwound.state->record.folds[0].length, length);
        // Whole cycles only: what is left over stands beside the fold.
        EXPECT_LE(depth - unwound.state->repeats[0] * length, 2 * length - 2);
      }
    }
  }
}

TEST(Recursion, ACycleThatCallsOneFunctionFromTwoPlacesIsNotTakenForAShorterOne) {
  Stack stack;
  stack.Frames(DistinctFrames(10, kRoot));
  stack.Cycle({{kCycle, 48}, {kCycle, 48}, {kCycle, 48}, {kCycle + 0x40, 48}}, 100'003);
  EXPECT_TRUE(Exact(stack, Unwind(stack)));
}

TEST(Recursion, ACycleOfFortyOneIsEstimatedNotClaimed) {
  Stack stack;
  stack.Frames(DistinctFrames(10, kRoot)).Cycle(CycleOf(41), 410'000);
  const Unwound unwound = Unwind(stack);
  EXPECT_TRUE(WellFormed(unwound));
  EXPECT_TRUE(unwound.Estimated());
  EXPECT_NEAR(static_cast<double>(unwound.Depth()), stack.Depth(), stack.Depth() * 0.03);
  EXPECT_TRUE(EndsInRoot(stack, unwound, 10));
}

TEST(Recursion, TheLeafIsNeverFoldedEvenIfItLooksLikeTheCycle) {
  Stack stack;
  stack.Frames(DistinctFrames(3, kRoot)).Cycle({{Stack::kLeafAddress, 64}}, 5'000);
  const Unwound unwound = Unwind(stack);
  EXPECT_TRUE(Exact(stack, unwound));
  EXPECT_EQ(unwound.state->record.folds[0].first, 1);
  EXPECT_EQ(unwound.state->repeats[0], 5'000u);
}

TEST(Recursion, IsFoundBehindFramesThatAreNoPartOfIt) {
  for (uint64_t in_front : {0, 1, 10, 100, 104, 120, 128, 129, 200, 300, 400}) {
    for (uint64_t length : {1, 3, 12}) {
      Stack stack;
      stack.Frames(DistinctFrames(10, kRoot)).Cycle(CycleOf(length), 200'001);
      stack.Frames(DistinctFrames(in_front, kTail));
      const Unwound unwound = Unwind(stack);
      EXPECT_TRUE(Exact(stack, unwound)) << in_front << " " << length;
      EXPECT_EQ(unwound.fold_count(), 1u);
    }
  }
}

TEST(Recursion, RootsOfAnyLengthAreReached) {
  for (uint64_t root : {1, 2, 3, 50, 128, 300, 480}) {
    Stack stack;
    stack.Frames(DistinctFrames(root, kRoot)).Cycle(CycleOf(2), 50'000);
    for (Bounds bounds : kAllBounds) EXPECT_TRUE(Exact(stack, Unwind(stack, bounds))) << root;
  }
}

TEST(Recursion, MayItselfBeTheRoot) {
  for (uint64_t length : {1, 2, 5}) {
    Stack stack;
    stack.Cycle(CycleOf(length), 7'777);
    for (Bounds bounds : kAllBounds) EXPECT_TRUE(Exact(stack, Unwind(stack, bounds))) << length;
  }
}

TEST(Recursion, ShallowRecursionStaysAsItIs) {
  for (uint64_t depth : {3, 30, 100, 120}) {
    Stack stack;
    stack.Frames(DistinctFrames(5, kRoot)).Cycle(CycleOf(1), depth);
    const Unwound unwound = Unwind(stack);
    EXPECT_TRUE(Exact(stack, unwound));
    EXPECT_EQ(unwound.fold_count(), 0u);
  }
}

TEST(Recursion, AboveTheRootMayStandTheEnvironment) {
  for (uint64_t environment : {8192, 100'000}) {
    Stack stack;
    stack.Frames(DistinctFrames(4, kRoot)).Cycle(CycleOf(3), 30'000).DataAbove(environment);
    for (Bounds bounds : kAllBounds) EXPECT_TRUE(Exact(stack, Unwind(stack, bounds)));
  }
}

TEST(Recursion, TwoOnTopOfEachOtherAreBothExact) {
  for (uint64_t lower : {1'000, 30'000, 1'000'000}) {
    for (uint64_t upper : {1'000, 30'000, 1'000'000}) {
      Stack stack;
      stack.Frames(DistinctFrames(5, kRoot)).Cycle(CycleOf(2, kSecond), upper).Frames(DistinctFrames(1, kTail));
      stack.Cycle(CycleOf(3), lower);
      for (Bounds bounds : kAllBounds) {
        const Unwound unwound = Unwind(stack, bounds);
        EXPECT_TRUE(Exact(stack, unwound)) << lower << " " << upper;
        EXPECT_EQ(unwound.fold_count(), 2u);
      }
    }
  }
}

TEST(Recursion, TwoThatFollowEachOtherDirectlyAreBothExact) {
  Stack stack;
  stack.Frames(DistinctFrames(5, kRoot)).Cycle(CycleOf(1, kSecond), 123'456).Cycle(CycleOf(1), 654'321);
  const Unwound unwound = Unwind(stack);
  EXPECT_TRUE(Exact(stack, unwound));
  EXPECT_EQ(unwound.fold_count(), 2u);
}

TEST(Recursion, ThreeOnTopOfEachOtherAreAllExact) {
  Stack stack;
  stack.Frames(DistinctFrames(5, kRoot)).Cycle(CycleOf(1, kSecond), 100'000).Frames(DistinctFrames(20, kTail));
  stack.Cycle(CycleOf(7), 300'003).Frames(DistinctFrames(1, kTail + 0x10000)).Cycle(CycleOf(2, 0x90'0000), 99'999);
  for (Bounds bounds : kAllBounds) {
    const Unwound unwound = Unwind(stack, bounds);
    EXPECT_TRUE(Exact(stack, unwound));
    EXPECT_EQ(unwound.fold_count(), 3u);
  }
}

TEST(Recursion, FourWithLongStretchesBetweenThemAreAllExact) {
  Stack stack;
  stack.Frames(DistinctFrames(40, kRoot));
  for (uint64_t region = 0; region < PROFD_MAX_FOLDS; ++region) {
    stack.Cycle({{kCycle + region * 0x1000, 48}}, 50'000 + region);
    stack.Frames(DistinctFrames(region ? 120 : 100, kTail + region * 0x1'0000));
  }
  const Unwound unwound = Unwind(stack);
  EXPECT_TRUE(Exact(stack, unwound));
  EXPECT_EQ(unwound.fold_count(), uint32_t{PROFD_MAX_FOLDS});
}

// Frames are as far apart as those of the cycle, but nothing links them: what earlier calls left behind in a buffer.
TEST(Recursion, ReturnAddressesLeftBehindInALargeFrameAreNotCounted) {
  Stack stack;
  stack.Frames(DistinctFrames(5, kRoot)).Cycle({{kCycle, 48}}, 20'000).Frames({{kTail, 20'000 * 48}});
  stack.Cycle({{kCycle, 48}}, 20'000);
  stack.Filler([](uint64_t address) { return address & 8 ? kCycle : 0; });
  for (Bounds bounds : kAllBounds) EXPECT_TRUE(Exact(stack, Unwind(stack, bounds)));
}

TEST(Recursion, TenMillionFramesTakeFewReadsWhenTheBoundsAreKnown) {
  for (uint64_t length : {1, 2, 3, 40}) {
    Stack stack;
    stack.Frames(DistinctFrames(12, kRoot)).Cycle(CycleOf(length), 10'000'000);
    const Unwound unwound = Unwind(stack, Bounds::kLate);
    EXPECT_TRUE(Exact(stack, unwound));
    EXPECT_LE(unwound.reads, 40u) << length;
    EXPECT_LE(Unwind(stack, Bounds::kUnknown).reads, 120u) << length;
  }
}

/// Any number of recursions, with anything between them, that leaves the body room.
Stack RandomStack(std::mt19937_64& random) {
  Stack stack;
  const uint64_t regions = 1 + random() % PROFD_MAX_FOLDS;
  stack.Frames(DistinctFrames(1 + random() % 40, kRoot, random()));
  for (uint64_t region = 0; region < regions; ++region) {
    const uint64_t longest = regions == 1 ? 40 : 12;
    const uint64_t length = 1 + random() % longest;
    const uint64_t depth = 4 * 128 + random() % (random() % 2 ? 2'000 : 100'000 / regions);
    stack.Cycle(DistinctFrames(length, kCycle + region * 0x10'0000, random()), depth);
    stack.Frames(DistinctFrames(random() % 50, kTail + region * 0x10'0000, random()));
  }
  return stack;
}

TEST(Recursion, ExpandingTheFoldsGivesTheStackFrameByFrame) {
  std::mt19937_64 random(20240601);
  for (int round = 0; round < 300; ++round) {
    const Stack stack = RandomStack(random);
    const Bounds bounds = kAllBounds[random() % 3];
    const Unwound unwound = Unwind(stack, bounds, random());
    ASSERT_TRUE(Exact(stack, unwound)) << "round " << round;
    ASSERT_GE(unwound.fold_count(), 1u);
  }
}

}  // namespace
}  // namespace profd::bpf_host
