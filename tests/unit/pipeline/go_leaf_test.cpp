#include "pipeline/go_leaf.h"

#include <gmock/gmock.h>

namespace profd {
namespace {

using testing::ElementsAre;

// A leaf at 1, whose frame pointer led to 20 and 30. The words 16 and 40 bytes above the stack pointer may be return
// addresses.
ResolvedStack Stack(std::optional<uint32_t> leaf_frame) {
  ResolvedStack resolved;
  resolved.stack.frames = {1, 20, 30};
  resolved.stack.folds = {{.first = 1, .length = 1}, {.first = 2, .length = 1}};
  resolved.stack.leaf_frame = leaf_frame;
  resolved.stack.leaf_callers = {{.above = 16, .address = 10}, {.above = 40, .address = 11}};
  resolved.addresses.resize(3);
  resolved.leaf_callers.resize(2);
  for (size_t i = 0; i < 3; ++i) resolved.addresses[i].address = resolved.stack.frames[i];
  for (size_t i = 0; i < 2; ++i) resolved.leaf_callers[i].address = resolved.stack.leaf_callers[i].address;
  return resolved;
}

TEST(InsertSkippedCaller, TheFrameThatTheWalkSkipped) {
  ResolvedStack resolved = Stack(64);
  InsertSkippedCaller(resolved, 40);
  EXPECT_THAT(resolved.stack.frames, ElementsAre(1, 11, 20, 30));
  EXPECT_EQ(resolved.addresses.size(), 4u);
  EXPECT_EQ(resolved.addresses[1].address, 11u);
  EXPECT_EQ(resolved.stack.folds[0].first, 2u);
  EXPECT_EQ(resolved.stack.folds[1].first, 3u);
}

TEST(InsertSkippedCaller, BehindTheFrameThatASignalInterrupted) {
  ResolvedStack resolved = Stack(64);
  resolved.stack.leaf_index = 1;
  resolved.stack.folds = {{.first = 2, .length = 1}};
  InsertSkippedCaller(resolved, 40);
  EXPECT_THAT(resolved.stack.frames, ElementsAre(1, 20, 11, 30));
  EXPECT_EQ(resolved.addresses[2].address, 11u);
  EXPECT_EQ(resolved.stack.folds[0].first, 3u);
}

TEST(InsertSkippedCaller, AFramePointerFarAwayIsTheCallersTooOrAnything) {
  ResolvedStack resolved = Stack(std::nullopt);
  InsertSkippedCaller(resolved, 16);
  EXPECT_THAT(resolved.stack.frames, ElementsAre(1, 10, 20, 30));
}

TEST(InsertSkippedCaller, NothingWhereTheFrameIsEstablished) {
  ResolvedStack resolved = Stack(32);
  InsertSkippedCaller(resolved, 40);
  EXPECT_THAT(resolved.stack.frames, ElementsAre(1, 20, 30));
}

TEST(InsertSkippedCaller, NothingWhereNoReturnAddressStands) {
  ResolvedStack resolved = Stack(64);
  InsertSkippedCaller(resolved, 24);
  EXPECT_THAT(resolved.stack.frames, ElementsAre(1, 20, 30));
}

}  // namespace
}  // namespace profd
