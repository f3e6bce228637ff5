// What may be the return address of a Go leaf: the words at the stack pointer that point into Go's text.
#include <gmock/gmock.h>

#include "unwound.h"

namespace profd::bpf_host {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr uint64_t kSp = 0x7000'0000'0100, kTextLow = 0x40'1000, kTextHigh = 0x50'0000;

class LeafTest : public testing::Test {
 protected:
  // A stack of zeros, with a frame record `bp_above` bytes above the stack pointer.
  Unwound Unwind(uint64_t bp_above) {
    const uint64_t bp = kSp + bp_above;
    memory_.Map(kSp - 0x100, kSp + 0x4000, [](uint64_t) { return 0; });
    memory_.Set(bp + 8, kTextLow + 8);
    host_thread thread{.ip = kTextLow, .sp = kSp, .bp = bp, .stack_lo = kSp - 0x100, .stack_hi = kSp + 0x4000};
    thread.text_lo = kTextLow;
    thread.text_hi = kTextHigh;
    return bpf_host::Unwind(memory_, thread);
  }
  // Bytes above the stack pointer.
  static std::vector<uint64_t> Places(const Unwound& unwound) {
    std::vector<uint64_t> places;
    const auto& record = unwound.state->record;
    for (uint32_t i = 0; i < record.leaf_count; ++i) places.push_back(record.leaf_at[i] * 8);
    return places;
  }

  FakeMemory memory_;
};

TEST_F(LeafTest, WordsInTheTextBelowTheFrameRecord) {
  memory_.Set(kSp, kTextLow + 100);
  memory_.Set(kSp + 24, kTextHigh - 1);
  memory_.Set(kSp + 32, kTextHigh);
  memory_.Set(kSp + 40, kTextLow - 1);
  memory_.Set(kSp + 64, kTextLow + 300);
  const Unwound unwound = Unwind(64);
  EXPECT_THAT(Places(unwound), ElementsAre(0, 24)) << "that at 64 is the saved frame pointer's place";
  EXPECT_EQ(unwound.state->record.leaf_callers[0], kTextLow + 100);
  EXPECT_EQ(unwound.state->record.leaf_callers[1], kTextHigh - 1);
  EXPECT_EQ(unwound.state->record.leaf_frame, 64u);
  EXPECT_THAT(unwound.Frames(), ElementsAre(kTextLow, kTextLow + 8)) << "the walk is as it was";
}

TEST_F(LeafTest, NothingWhereTheFrameRecordIsAtTheStackPointer) {
  const Unwound unwound = Unwind(0);
  EXPECT_THAT(Places(unwound), IsEmpty());
  EXPECT_EQ(unwound.state->record.leaf_frame, 0u);
}

TEST_F(LeafTest, OnlySoManyWordsAreLookedAt) {
  memory_.Set(kSp + 8 * (PROFD_LEAF_WORDS - 1), kTextLow);
  memory_.Set(kSp + 8 * PROFD_LEAF_WORDS, kTextLow);
  const Unwound unwound = Unwind(0x2000);
  EXPECT_THAT(Places(unwound), ElementsAre(8 * (PROFD_LEAF_WORDS - 1)));
  EXPECT_EQ(unwound.state->record.leaf_frame, 0x2000u);
}

TEST_F(LeafTest, NoMoreAreKeptThanThereIsRoomFor) {
  for (uint64_t i = 0; i < 20; ++i) memory_.Set(kSp + 8 * i, kTextLow + i);
  EXPECT_EQ(Unwind(0x2000).state->record.leaf_count, uint32_t{PROFD_MAX_LEAF_CALLERS});
}

TEST_F(LeafTest, AFramePointerThatIsNoneIsNotNear) {
  memory_.Set(kSp, kTextLow);
  EXPECT_EQ(Unwind(0x100'0000).state->record.leaf_frame, PROFD_NO_LEAF_FRAME);
}

TEST_F(LeafTest, AtTheEndOfReadableMemoryAsFarAsItGoes) {
  memory_.Set(kSp + 0x2f00 - 16, kTextLow);
  memory_.Hole(kSp + 0x2f00, kSp + 0x4000);
  memory_.Map(kSp - 0x100, kSp + 0x4000, [](uint64_t) { return 0; });
  host_thread thread{.ip = kTextLow, .sp = kSp + 0x2f00 - 32, .bp = 1, .stack_lo = kSp, .stack_hi = kSp + 0x4000};
  thread.text_lo = kTextLow;
  thread.text_hi = kTextHigh;
  EXPECT_THAT(Places(bpf_host::Unwind(memory_, thread)), ElementsAre(16));
}

// Assembly with a frame of its own, 0x100 bytes, that uses the frame pointer's register for something else.
TEST_F(LeafTest, AChainThatTheRegisterDoesNotLeadToIsFoundOnTheStack) {
  memory_.Map(kSp - 0x100, kSp + 0x4000, [](uint64_t) { return 0; });
  uint64_t at = kSp + 0x100;
  for (const uint64_t next : {kSp + 0x180, kSp + 0x200, kSp + 0x280, uint64_t{0}}) {
    memory_.Set(at, next);
    memory_.Set(at + 8, kTextLow + (at - kSp));
    at = next;
  }
  for (const uint64_t bp : {uint64_t{0x1234}, kSp + 0x20, kSp + 0x8000}) {
    host_thread thread{.ip = kTextLow, .sp = kSp, .bp = bp, .stack_lo = kSp - 0x100, .stack_hi = kSp + 0x4000};
    thread.text_lo = kTextLow;
    thread.text_hi = kTextHigh;
    const Unwound unwound = bpf_host::Unwind(memory_, thread);
    EXPECT_THAT(unwound.Frames(),
                ElementsAre(kTextLow, kTextLow + 0x100, kTextLow + 0x180, kTextLow + 0x200, kTextLow + 0x280))
        << std::hex << bp;
    EXPECT_EQ(unwound.state->record.leaf_frame, 0x100u) << "so that Go's table can tell whether that is right";
  }
}

}  // namespace
}  // namespace profd::bpf_host
