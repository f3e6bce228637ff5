// Chains that do not reach a root: what was found is kept, and why there is no more of it is said.
#include <gtest/gtest.h>

#include "unwound.h"

namespace profd::bpf_host {
namespace {

constexpr uint64_t kCode = 0x50'0000, kCycle = 0x60'0000;
constexpr Bounds kAllBounds[] = {Bounds::kKnown, Bounds::kLate, Bounds::kUnknown};

void ExpectCutAtFrame50(const Stack& stack, uint64_t saved_fp) {
  for (Bounds bounds : kAllBounds) {
    FakeMemory memory;
    stack.MapInto(memory);
    memory.Map(0x10'0000, 0x20'0000, OrdinaryData);
    memory.Set(stack.RecordAt(50), saved_fp);
    const Unwound unwound = Unwind(memory, stack.Thread(bounds));
    EXPECT_TRUE(WellFormed(unwound));
    ASSERT_EQ(unwound.frame_count(), 51u) << saved_fp;
    EXPECT_EQ(unwound.flags(), uint32_t{PROFD_STACK_NO_FRAME_POINTER}) << saved_fp;
    for (uint32_t i = 0; i < unwound.frame_count(); ++i) ASSERT_EQ(unwound.state->frames[i], stack.Address(i));
  }
}

TEST(BrokenChain, ALinkThatIsNoAddressOnTheStackKeepsTheFramesBelowIt) {
  Stack stack;
  stack.Frames(DistinctFrames(100, kCode));
  for (uint64_t link :
       std::initializer_list<uint64_t>{1, 12, 0x10'0008, 0x5a5a'5a5a'5a5a'5a50, 1ull << 63, UINT64_MAX}) {
    ExpectCutAtFrame50(stack, link);
  }
}

TEST(BrokenChain, ALinkDownwardsToItselfMisalignedOrFarAwayKeepsTheFramesBelowIt) {
  Stack stack;
  stack.Frames(DistinctFrames(100, kCode));
  for (int64_t distance :
       std::initializer_list<int64_t>{0, -8, -16, -100'000, 1, 52, UNWIND_LARGEST_FRAME + 8, 1ll << 40}) {
    ExpectCutAtFrame50(stack, stack.RecordAt(50) + distance);
  }
}

TEST(BrokenChain, ARecordWithoutACodeAddressEndsIt) {
  Stack stack;
  stack.Frames(DistinctFrames(100, kCode));
  for (uint64_t word : std::initializer_list<uint64_t>{0, 1, 4095, UNWIND_ADDRESS_LIMIT, UINT64_MAX}) {
    FakeMemory memory;
    stack.MapInto(memory);
    memory.Set(stack.RecordAt(50) + 8, word);
    const Unwound unwound = Unwind(memory, stack.Thread(Bounds::kKnown));
    EXPECT_EQ(unwound.frame_count(), 50u);
    EXPECT_EQ(unwound.flags(), uint32_t{PROFD_STACK_NO_FRAME_POINTER});
  }
}

TEST(BrokenChain, LeavingTheStackEndsIt) {
  Stack stack;
  stack.Frames(DistinctFrames(30, kCode)).RootLink(Stack::kTop + 64);
  FakeMemory memory;
  stack.MapInto(memory);
  memory.Map(Stack::kTop, Stack::kTop + 4096, [](uint64_t address) { return address & 8 ? kCode : address + 16; });
  const Unwound unwound = Unwind(memory, stack.Thread(Bounds::kKnown));
  EXPECT_EQ(unwound.frame_count(), 31u);
  EXPECT_EQ(unwound.flags(), uint32_t{PROFD_STACK_NO_FRAME_POINTER});
  EXPECT_EQ(unwound.state->end, UNWIND_LEFT_STACK);
}

// Code without frame pointers uses the register for anything.
TEST(BrokenChain, AFramePointerThatIsNoneLeavesTheLeaf) {
  Stack stack;
  stack.Frames(DistinctFrames(30, kCode));
  FakeMemory memory;
  stack.MapInto(memory);
  memory.Map(0x55'0000'0000, 0x55'0001'0000,
             [](uint64_t address) { return address & 8 ? 0x55'0000'0000 : address + 32; });
  const uint64_t sp = stack.Thread(Bounds::kKnown).sp;
  for (uint64_t bp :
       std::initializer_list<uint64_t>{0, 1, 4096, 0x55'0000'0040, UINT64_MAX, UINT64_MAX - 7, 0x8000'0000'0000'0008,
                                       0x7fff'ffff'fff8, sp - 8, sp + 9 * (1 << 20), sp + 1}) {
    for (Bounds bounds : kAllBounds) {
      host_thread thread = stack.Thread(bounds);
      thread.bp = bp;
      const Unwound unwound = Unwind(memory, thread);
      EXPECT_EQ(unwound.Frames(), std::vector<uint64_t>{Stack::kLeafAddress}) << bp;
      EXPECT_EQ(unwound.flags(), uint32_t{PROFD_STACK_NO_FRAME_POINTER}) << bp;
      EXPECT_LE(unwound.state->stack_bytes, uint64_t{1} << 20);
    }
  }
}

TEST(BrokenChain, AnUnreadablePageIsAFailedReadNotAMissingFramePointer) {
  Stack stack;
  stack.Frames(DistinctFrames(100, kCode));
  for (Bounds bounds : kAllBounds) {
    FakeMemory memory;
    stack.MapInto(memory);
    const uint64_t page = stack.RecordAt(50) & ~4095ull;
    memory.Hole(page, page + 4096);
    const Unwound unwound = Unwind(memory, stack.Thread(bounds));
    EXPECT_GT(unwound.frame_count(), 10u);
    EXPECT_LT(unwound.frame_count(), 51u);
    EXPECT_GE(stack.RecordAt(unwound.frame_count()) + 16, page) << "frames below the hole are missing";
    EXPECT_EQ(unwound.flags(), uint32_t{PROFD_STACK_READ_FAILED});
  }
}

TEST(BrokenChain, ARecordThatCrossesIntoAnUnreadablePageIsNotReadByHalf) {
  std::vector<Frame> frames = DistinctFrames(200, kCode);
  for (Frame& frame : frames) frame.bytes = 64;
  Stack stack;
  stack.Frames(frames).DataAbove(8);
  uint32_t crossing = 100;
  while ((stack.RecordAt(crossing) & 4095) != 4088) ++crossing;
  FakeMemory memory;
  stack.MapInto(memory);
  memory.Hole(stack.RecordAt(crossing) + 8, Stack::kTop);
  const Unwound unwound = Unwind(memory, stack.Thread(Bounds::kKnown));
  EXPECT_EQ(unwound.frame_count(), crossing);
  EXPECT_EQ(unwound.flags(), uint32_t{PROFD_STACK_READ_FAILED});
}

TEST(BrokenChain, AnUnreadableFirstRecordIsAFailedRead) {
  Stack stack;
  stack.Frames(DistinctFrames(100, kCode));
  FakeMemory memory;
  stack.MapInto(memory);
  memory.Hole(stack.FirstRecord() & ~4095ull, Stack::kTop);
  const Unwound unwound = Unwind(memory, stack.Thread(Bounds::kUnknown));
  EXPECT_EQ(unwound.frame_count(), 1u);
  EXPECT_EQ(unwound.flags(), uint32_t{PROFD_STACK_READ_FAILED});
}

TEST(BrokenChain, AboveARecursionKeepsTheRecursion) {
  Stack stack;
  stack.Frames(DistinctFrames(20, kCode)).Cycle(DistinctFrames(3, kCycle), 90'000);
  for (Bounds bounds : kAllBounds) {
    FakeMemory memory;
    stack.MapInto(memory);
    memory.Set(stack.RecordAt(90'010), 0x1234);
    const Unwound unwound = Unwind(memory, stack.Thread(bounds));
    EXPECT_TRUE(WellFormed(unwound));
    EXPECT_EQ(unwound.Depth(), 90'011u);
    EXPECT_EQ(unwound.flags(), uint32_t{PROFD_STACK_NO_FRAME_POINTER});
  }
}

TEST(BrokenChain, RecursionIntoAnUnreadableHalfCountsTheReadableOne) {
  Stack stack;
  stack.Frames(DistinctFrames(20, kCode)).Cycle({{kCycle, 64}}, 100'000);
  for (Bounds bounds : kAllBounds) {
    FakeMemory memory;
    stack.MapInto(memory);
    const uint64_t from = stack.RecordAt(50'000) & ~4095ull;
    memory.Hole(from, Stack::kTop);
    const Unwound unwound = Unwind(memory, stack.Thread(bounds));
    EXPECT_TRUE(WellFormed(unwound));
    EXPECT_EQ(unwound.Depth(), (from - stack.FirstRecord()) / 64 + 2);
    EXPECT_EQ(unwound.flags(), uint32_t{PROFD_STACK_READ_FAILED});
  }
}

// One page that is not there, of thousands: the depth is found past it.
TEST(BrokenChain, AnUnreadablePageInsideTheRecursionDoesNotHideItsDepth) {
  Stack stack;
  stack.Frames(DistinctFrames(20, kCode)).Cycle({{kCycle, 64}}, 1'000'000);
  FakeMemory memory;
  stack.MapInto(memory);
  const uint64_t page = stack.RecordAt(500'000) & ~4095ull;
  memory.Hole(page, page + 4096);
  EXPECT_TRUE(Exact(stack, Unwind(memory, stack.Thread(Bounds::kLate))));
}

TEST(BrokenChain, ALoopOfFramePointersEnds) {
  FakeMemory memory;
  memory.Map(0x7000'0000, 0x7001'0000, [](uint64_t address) -> uint64_t {
    if (address & 8) return kCode;
    return address + 64 < 0x7000'1000 ? address + 64 : 0x7000'0000;
  });
  const host_thread thread{.ip = kCode, .sp = 0x7000'0000, .bp = 0x7000'0000};
  const Unwound unwound = Unwind(memory, thread);
  EXPECT_EQ(unwound.frame_count(), 1u + 64);
  EXPECT_EQ(unwound.flags(), uint32_t{PROFD_STACK_NO_FRAME_POINTER});
}

}  // namespace
}  // namespace profd::bpf_host
