// Stacks without recursion: they come out as they are.
#include <gtest/gtest.h>

#include "unwound.h"

namespace profd::bpf_host {
namespace {

constexpr uint64_t kCode = 0x50'0000;
constexpr Bounds kAllBounds[] = {Bounds::kKnown, Bounds::kLate, Bounds::kUnknown};

class OrdinaryStack : public testing::TestWithParam<uint64_t> {};

TEST_P(OrdinaryStack, StaysAsItIs) {
  Stack stack;
  stack.Frames(DistinctFrames(GetParam(), kCode));
  for (Bounds bounds : kAllBounds) {
    const Unwound unwound = Unwind(stack, bounds);
    EXPECT_TRUE(Exact(stack, unwound));
    EXPECT_EQ(unwound.fold_count(), 0u);
    EXPECT_EQ(unwound.state->end, UNWIND_ROOT);
  }
}
INSTANTIATE_TEST_SUITE_P(Depths, OrdinaryStack,
                         testing::Values(1, 2, 20, 100, 127, 128, 129, 130, 200, 256, 257, 300, 384, 385, 510, 511));

TEST(OrdinaryStackCost, IsAReadForEveryFewKilobytesOfStack) {
  Stack shallow, deep;
  shallow.Frames(DistinctFrames(20, kCode));
  deep.Frames(DistinctFrames(100, kCode));
  EXPECT_LE(Unwind(shallow).reads, 3u);
  EXPECT_LE(Unwind(shallow).read_bytes, 4096u);
  EXPECT_LE(Unwind(deep).reads, 6u);
}

TEST(OrdinaryStackCost, LargeFramesAreReadInSmallPieces) {
  Stack stack;
  std::vector<Frame> frames = DistinctFrames(60, kCode);
  for (Frame& frame : frames) frame.bytes = 6000;
  stack.Frames(frames);
  const Unwound unwound = Unwind(stack);
  EXPECT_TRUE(Exact(stack, unwound));
  EXPECT_LE(unwound.read_bytes, 4096u + 59 * 256);
}

TEST(OrdinaryStackCost, FramesOfMiddleSizeAfterALargeOneAreReadInLargePiecesAgain) {
  Stack stack;
  std::vector<Frame> frames = DistinctFrames(100, kCode);
  for (Frame& frame : frames) frame.bytes = 128;
  frames[98].bytes = 6000;  // next to the leaf
  stack.Frames(frames);
  const Unwound unwound = Unwind(stack);
  EXPECT_TRUE(Exact(stack, unwound));
  EXPECT_LE(unwound.reads, 8u);
}

TEST(OrdinaryStack, DataAboveTheRootIsNotTakenForFrames) {
  Stack stack;
  stack.Frames(DistinctFrames(50, kCode)).DataAbove(8192);
  for (Bounds bounds : kAllBounds) EXPECT_TRUE(Exact(stack, Unwind(stack, bounds)));
}

TEST(OrdinaryStack, ARecordOfTwoZerosIsARootToo) {
  Stack stack;
  stack.Frames(DistinctFrames(30, kCode));
  FakeMemory memory;
  stack.MapInto(memory);
  memory.Set(stack.RecordAt(25), 0);
  memory.Set(stack.RecordAt(25) + 8, 0);
  const Unwound unwound = Unwind(memory, stack.Thread(Bounds::kKnown));
  EXPECT_EQ(unwound.frame_count(), 25u);
  EXPECT_EQ(unwound.flags(), 0u);
  EXPECT_EQ(unwound.state->end, UNWIND_ROOT);
}

TEST(OrdinaryStack, StackBytesGoUpToTheBoundOrElseToTheRoot) {
  Stack stack;
  stack.Frames(DistinctFrames(50, kCode)).DataAbove(8192);
  const uint64_t sp = stack.Thread(Bounds::kKnown).sp;
  EXPECT_EQ(Unwind(stack, Bounds::kKnown).state->stack_bytes, Stack::kTop - sp);
  EXPECT_EQ(Unwind(stack, Bounds::kUnknown).state->stack_bytes, stack.RecordAt(50) + 16 - sp);
}

// A stack of 600 frames that are all different is no recursion, however deep: it is cut, and says so.
TEST(OrdinaryStack, DeeperThanTheBodyIsTruncatedAndNotCalledRecursion) {
  Stack stack;
  stack.Frames(DistinctFrames(600, kCode));
  const Unwound unwound = Unwind(stack);
  EXPECT_TRUE(WellFormed(unwound));
  EXPECT_EQ(unwound.fold_count(), 0u);
  EXPECT_EQ(unwound.frame_count(), uint32_t{PROFD_MAX_FRAMES});
  EXPECT_EQ(unwound.flags(), uint32_t{PROFD_STACK_TRUNCATED});
  for (uint32_t i = 0; i < unwound.frame_count(); ++i) ASSERT_EQ(unwound.state->frames[i], stack.Address(i));
}

}  // namespace
}  // namespace profd::bpf_host
