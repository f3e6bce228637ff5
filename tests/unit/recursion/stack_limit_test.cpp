#include "recursion/stack_limit.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace profd {
namespace {

constexpr uint64_t kMiB = 1 << 20;

TEST(GoStackLimit, IsThePowerOfTwoThatDoublingReaches) {
  EXPECT_EQ(GoStackLimit(0).bytes, 512 * kMiB) << "the runtime's default: 1,000,000,000";
  EXPECT_EQ(GoStackLimit(1'000'000'000).bytes, 512 * kMiB);
  EXPECT_EQ(GoStackLimit(250'000'000).bytes, 128 * kMiB);
  EXPECT_EQ(GoStackLimit(64 * kMiB).bytes, 64 * kMiB);
  EXPECT_EQ(GoStackLimit(64 * kMiB - 1).bytes, 32 * kMiB);
  EXPECT_EQ(GoStackLimit(0).reason, "goroutine stack limit");
}

TEST(GoStackLimit, IsNeverAboveTheRuntimesCeiling) {
  EXPECT_EQ(GoStackLimit(uint64_t{1} << 40).bytes, 1024 * kMiB);
  EXPECT_EQ(GoStackLimit(UINT64_MAX).bytes, 1024 * kMiB);
}

TEST(ThreadStackLimit, TheMainThreadHasThatOfItsResourceLimit) {
  const StackLimit limit = ThreadStackLimit(true, 8 * kMiB, 0x7000'0000, 0x7002'0000);
  EXPECT_EQ(limit.bytes, 8 * kMiB) << "its mapping grows: how large it is now says nothing";
  EXPECT_EQ(limit.reason, "RLIMIT_STACK");
}

TEST(ThreadStackLimit, OthersHaveTheirMapping) {
  const StackLimit limit = ThreadStackLimit(false, 8 * kMiB, 0x7000'0000, 0x7002'0000);
  EXPECT_EQ(limit.bytes, 0x2'0000u);
  EXPECT_EQ(limit.reason, "the thread's stack mapping");
}

TEST(ThreadStackLimit, IsNotKnownWhereNothingLimitsOrNothingWasRead) {
  EXPECT_EQ(ThreadStackLimit(true, RLIM_INFINITY, 0, 0).bytes, 0u);
  EXPECT_EQ(ThreadStackLimit(true, 0, 0x7000'0000, 0x7002'0000).bytes, 0u);
  EXPECT_EQ(ThreadStackLimit(false, 8 * kMiB, 0, 0).bytes, 0u);
  EXPECT_EQ(ThreadStackLimit(false, 8 * kMiB, 0x7002'0000, 0x7000'0000).bytes, 0u);
}

TEST(CutToMemory, WhatIsInUseAndWhatIsLeftIsTheMostThereCanBe) {
  const StackLimit cut = CutToMemory({.bytes = 512 * kMiB, .reason = "goroutine stack limit"}, 100 * kMiB,
                                     MemoryRoom{.left_bytes = 56 * kMiB, .reason = "memory.max of /pod"});
  EXPECT_EQ(cut.bytes, 156 * kMiB);
  EXPECT_EQ(cut.reason, "memory.max of /pod");
}

TEST(CutToMemory, EnoughMemoryLeavesTheStacksOwnLimit) {
  const StackLimit cut = CutToMemory({.bytes = 512 * kMiB, .reason = "own"}, 100 * kMiB,
                                     MemoryRoom{.left_bytes = 412 * kMiB, .reason = "memory"});
  EXPECT_EQ(cut.bytes, 512 * kMiB);
  EXPECT_EQ(cut.reason, "own");
}

TEST(CutToMemory, WhatIsNotKnownLimitsNothing) {
  EXPECT_EQ(CutToMemory({.bytes = 512 * kMiB, .reason = "own"}, 100 * kMiB, std::nullopt).reason, "own");
  EXPECT_EQ(CutToMemory({}, 100 * kMiB, std::nullopt).bytes, 0u);
  const StackLimit by_memory = CutToMemory({}, 100 * kMiB, MemoryRoom{.left_bytes = 0, .reason = "memory"});
  EXPECT_EQ(by_memory.bytes, 100 * kMiB);
  EXPECT_EQ(by_memory.reason, "memory");
}

}  // namespace
}  // namespace profd
