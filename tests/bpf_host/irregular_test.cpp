// Recursion without a period, or with more interruptions than there are folds: estimated, marked, and its root found.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "unwound.h"

namespace profd::bpf_host {
namespace {

constexpr uint64_t kRoot = 0x50'0000, kA = 0x60'0000, kB = 0x60'1000, kTail = 0x80'0000;

std::vector<Frame> RandomMix(const std::vector<Frame>& of, uint64_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<Frame> frames;
  frames.reserve(count);
  for (uint64_t i = 0; i < count; ++i) frames.push_back(of[random() % of.size()]);
  return frames;
}

Stack Irregular(uint64_t depth, uint64_t seed) {
  Stack stack;
  stack.Frames(DistinctFrames(10, kRoot)).Frames(RandomMix({{kA, 48}, {kB, 80}}, depth, seed));
  stack.Frames(DistinctFrames(4, kTail));
  return stack;
}

double Error(const Stack& stack, const Unwound& unwound) {
  return static_cast<double>(unwound.Depth()) / static_cast<double>(stack.Depth()) - 1;
}

/// Expanding what stands in front of the estimate gives the stack's frames: nothing exact is over-counted.
testing::AssertionResult ExactUpToTheEstimate(const Stack& stack, const Unwound& unwound) {
  if (auto formed = WellFormed(unwound); !formed) return formed;
  uint64_t frame = 0;
  uint32_t i = 0;
  for (uint32_t fold = 0; fold < unwound.fold_count(); ++fold) {
    const profd_fold& folded = unwound.state->record.folds[fold];
    for (; i < folded.first; ++i, ++frame) {
      if (unwound.state->frames[i] != stack.Address(frame)) return testing::AssertionFailure() << "frame " << frame;
    }
    if (folded.estimated) return testing::AssertionSuccess();
    for (uint64_t j = 0; j < unwound.state->repeats[fold] * folded.length; ++j, ++frame) {
      if (unwound.state->frames[i + j % folded.length] != stack.Address(frame)) {
        return testing::AssertionFailure() << "frame " << frame << " in fold " << fold;
      }
    }
    i += folded.length;
  }
  return testing::AssertionFailure() << "no estimate";
}

TEST(IrregularRecursion, IsEstimatedWithinThreePercentAndMarked) {
  for (uint64_t depth : {10'000, 100'000, 1'000'000, 3'000'000}) {
    for (uint64_t seed : {1, 2, 3}) {
      const Stack stack = Irregular(depth, seed);
      const Unwound unwound = Unwind(stack, seed == 1 ? Bounds::kKnown : Bounds::kLate, seed * 7919);
      EXPECT_NEAR(Error(stack, unwound), 0, 0.03) << depth;
      EXPECT_TRUE(ExactUpToTheEstimate(stack, unwound));
      EXPECT_TRUE(EndsInRoot(stack, unwound, 10));
      EXPECT_EQ(unwound.flags(), 0u);
    }
  }
}

TEST(IrregularRecursion, TheEstimatesStandardErrorIsAboutOnePercent) {
  const Stack stack = Irregular(200'000, 5);
  FakeMemory memory;
  stack.MapInto(memory);
  double sum = 0, squares = 0;
  constexpr int kRuns = 200;
  for (int run = 0; run < kRuns; ++run) {
    const double error = Error(stack, Unwind(memory, stack.Thread(Bounds::kLate), run * 0x9e3779b97f4a7c15 + 1));
    sum += error;
    squares += error * error;
  }
  EXPECT_NEAR(sum / kRuns, 0, 0.005);
  EXPECT_LE(std::sqrt(squares / kRuns), 0.02);
}

TEST(IrregularRecursion, TheFoldBeginsWhereTheRecursionBegins) {
  for (uint64_t in_front : {0, 30, 100, 300, 420}) {
    Stack stack;
    stack.Frames(DistinctFrames(10, kRoot)).Frames(RandomMix({{kA, 48}, {kB, 80}}, 100'000, 3));
    stack.Frames(DistinctFrames(in_front, kTail));
    const Unwound unwound = Unwind(stack);
    ASSERT_TRUE(ExactUpToTheEstimate(stack, unwound));
    ASSERT_EQ(unwound.fold_count(), 1u);
    EXPECT_EQ(unwound.state->record.folds[0].first, 1 + in_front);
    EXPECT_NEAR(Error(stack, unwound), 0, 0.04);
    EXPECT_TRUE(EndsInRoot(stack, unwound, 10));
  }
}

TEST(IrregularRecursion, RootsThatLieAcrossThePiecesThatAreScannedAreFound) {
  for (uint64_t above = 0; above < 10'000; above += 136) {
    Stack stack;
    stack.Frames(DistinctFrames(2, kRoot)).Frames(RandomMix({{kA, 48}, {kB, 80}}, 20'000, 3)).DataAbove(above);
    const Unwound unwound = Unwind(stack);
    EXPECT_TRUE(EndsInRoot(stack, unwound, 3)) << above;
    EXPECT_EQ(unwound.flags(), 0u);
    EXPECT_NEAR(Error(stack, unwound), 0, 0.04) << above;
  }
}

// Every frame keeps a pointer to an object in the root's frame, and beside it one to the heap: the look of a record.
// The frames next to the leaf are small, so that their density would give more than twice the depth.
TEST(IrregularRecursion, PointersFarUpTheStackDoNotHideTheFrames) {
  for (uint64_t in_root : {1'024, 4'000}) {
    Stack stack;
    stack.Frames(DistinctFrames(3, kRoot)).Frames(RandomMix({{kA, 128}, {kB, 192}}, 100'000, 3)).DataAbove(4'096);
    stack.Frames(RandomMix({{kA, 32}, {kB, 64}}, 600, 4));
    stack.Filler([=](uint64_t address) { return address & 8 ? 0xc0'0001'0000 : Stack::kTop - in_root; });
    const Unwound unwound = Unwind(stack);
    EXPECT_TRUE(ExactUpToTheEstimate(stack, unwound));
    EXPECT_NEAR(Error(stack, unwound), 0, 0.05);
    EXPECT_TRUE(EndsInRoot(stack, unwound, 3));
  }
}

// Arrays of pointers to strings further up: they link like frames, but to return into the stack is no return.
TEST(IrregularRecursion, ArgumentsAndEnvironmentAboveTheRootAreNoFramesAndNoRoomForFrames) {
  constexpr uint64_t kEnvironment = 12'288;
  Stack stack;
  stack.Frames(DistinctFrames(10, kRoot)).Frames(RandomMix({{kA, 48}, {kB, 80}}, 2'000, 3)).DataAbove(kEnvironment);
  stack.Filler(
      [](uint64_t address) { return address < Stack::kTop - kEnvironment ? OrdinaryData(address) : address + 256; });
  const Unwound unwound = Unwind(stack);
  EXPECT_TRUE(ExactUpToTheEstimate(stack, unwound));
  EXPECT_NEAR(Error(stack, unwound), 0, 0.05);
  EXPECT_TRUE(EndsInRoot(stack, unwound, 10));
}

// As alloca makes them. The return address alone has a period.
TEST(IrregularRecursion, OneFunctionWithFramesOfVaryingSizeHasNoPeriod) {
  Stack stack;
  stack.Frames(DistinctFrames(10, kRoot)).Frames(RandomMix({{kA, 48}, {kA, 80}}, 100'000, 3));
  const Unwound unwound = Unwind(stack);
  EXPECT_TRUE(ExactUpToTheEstimate(stack, unwound));
  EXPECT_EQ(unwound.fold_count(), 1u);
  EXPECT_NEAR(Error(stack, unwound), 0, 0.03);
}

TEST(IrregularRecursion, FramesTooLargeForAPageAreEstimatedFromThoseThatWereWalked) {
  Stack stack;
  stack.Frames(DistinctFrames(10, kRoot)).Frames(RandomMix({{kA, 2'000}, {kB, 4'000}}, 50'000, 3));
  const Unwound unwound = Unwind(stack);
  EXPECT_TRUE(ExactUpToTheEstimate(stack, unwound));
  EXPECT_NEAR(Error(stack, unwound), 0, 0.05);
}

TEST(IrregularRecursion, WithoutBoundsIsTruncatedAndSaysSo) {
  const Unwound unwound = Unwind(Irregular(100'000, 1), Bounds::kUnknown);
  EXPECT_TRUE(WellFormed(unwound));
  EXPECT_FALSE(unwound.Estimated());
  EXPECT_EQ(unwound.flags(), uint32_t{PROFD_STACK_TRUNCATED});
}

// All folds but the last are taken late in the body, so that the estimate has little room left.
TEST(IrregularRecursion, ThatBeginsNearTheEndOfTheBodyStaysInsideIt) {
  for (uint64_t in_front = 430; in_front < 512; ++in_front) {
    Stack stack;
    stack.Frames(DistinctFrames(60, kRoot)).Frames(RandomMix({{kA, 48}, {kB, 80}}, 10'000, 3));
    stack.Cycle({{0x90'0000, 64}}, 40).Frames(DistinctFrames(in_front, kTail));
    const Unwound unwound = Unwind(stack);
    EXPECT_TRUE(WellFormed(unwound)) << in_front;
    for (uint64_t i = 0; i <= in_front; ++i) ASSERT_EQ(unwound.state->frames[i], stack.Address(i)) << in_front;
  }
}

TEST(Interloper, OfAnotherSizeSplitsTheRecursionInTwoExactOnes) {
  for (uint64_t below : {200, 5'000, 500'000}) {
    for (uint64_t above : {200, 5'000, 500'000}) {
      Stack stack;
      stack.Frames(DistinctFrames(10, kRoot)).Cycle({{kA, 48}}, above).Frames({{kB, 80}}).Cycle({{kA, 48}}, below);
      for (Bounds bounds : {Bounds::kKnown, Bounds::kUnknown}) {
        const Unwound unwound = Unwind(stack, bounds);
        EXPECT_TRUE(Exact(stack, unwound)) << below << " " << above;
        EXPECT_EQ(unwound.fold_count(), 2u);
      }
    }
  }
}

// The checks see return addresses and distances only, at some places: one frame of the same size in a million may stand
// between them. The depth is right all the same.
TEST(Interloper, OfTheSameSizeMaySlipThroughButTheDepthIsExact) {
  Stack stack;
  stack.Frames(DistinctFrames(10, kRoot)).Cycle({{kA, 48}}, 500'000).Frames({{kB, 48}}).Cycle({{kA, 48}}, 500'000);
  const Unwound unwound = Unwind(stack);
  EXPECT_TRUE(WellFormed(unwound));
  EXPECT_FALSE(unwound.Estimated());
  EXPECT_EQ(unwound.Depth(), stack.Depth());
  EXPECT_TRUE(EndsInRoot(stack, unwound, 10));
}

// One that takes the room of two frames keeps the alignment, and may be counted as two: what the depth says is how many
// frames of the cycle fit into the bytes.
TEST(Interloper, OfAMultipleOfTheSizeIsCountedAsTheFramesThatWouldFit) {
  constexpr uint64_t kInterlopers = 40;
  Stack stack;
  stack.Frames(DistinctFrames(10, kRoot));
  for (uint64_t i = 0; i < kInterlopers; ++i) stack.Cycle({{kA, 48}}, 20'000).Frames({{kB, 96}});
  const Unwound unwound = Unwind(stack);
  EXPECT_TRUE(WellFormed(unwound));
  EXPECT_GE(unwound.Depth(), stack.Depth());
  EXPECT_LE(unwound.Depth(), stack.Depth() + kInterlopers);
  EXPECT_TRUE(EndsInRoot(stack, unwound, 10));
}

TEST(Interloper, MoreOfThemThanFoldsMakeAnEstimateBehindTheExactPart) {
  for (uint64_t every : {150, 1'000, 20'000}) {
    for (uint64_t size : {64, 72, 80, 200}) {
      Stack stack;
      stack.Frames(DistinctFrames(10, kRoot));
      for (int i = 0; i < 40; ++i) stack.Cycle({{kA, 48}}, every).Frames({{kB, size}});
      const Unwound unwound = Unwind(stack);
      EXPECT_TRUE(ExactUpToTheEstimate(stack, unwound)) << every << " " << size;
      EXPECT_NEAR(Error(stack, unwound), 0, 0.03) << every << " " << size;
      EXPECT_TRUE(EndsInRoot(stack, unwound, 10)) << every << " " << size;
      EXPECT_EQ(unwound.flags(), 0u);
    }
  }
}

// Folds that are exact keep that, if what follows them is no recursion.
TEST(Interloper, FourExactFoldsAreKeptWhenTheRootIsTooFar) {
  Stack stack;
  stack.Frames(DistinctFrames(600, kRoot));
  for (uint64_t i = 0; i < PROFD_MAX_FOLDS; ++i) stack.Cycle({{kA + i * 0x1000, 48}}, 10'000 + i);
  const Unwound unwound = Unwind(stack);
  EXPECT_TRUE(WellFormed(unwound));
  EXPECT_EQ(unwound.fold_count(), uint32_t{PROFD_MAX_FOLDS});
  EXPECT_FALSE(unwound.Estimated());
  EXPECT_EQ(unwound.flags(), uint32_t{PROFD_STACK_TRUNCATED});
  for (uint32_t i = 0; i < PROFD_MAX_FOLDS; ++i) EXPECT_EQ(unwound.state->repeats[i], 10'000u + 3 - i);
}

}  // namespace
}  // namespace profd::bpf_host
