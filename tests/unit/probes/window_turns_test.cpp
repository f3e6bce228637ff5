// Whose window is next, and when.
#include "window_scheduler_fixture.h"

namespace profd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;

using WindowTurns = WindowSchedulerTest;

TEST_F(WindowTurns, TurnsAreAsFrequentAsMapSamples) {
  const std::map<double, nanoseconds> expected = {{1, 10s},       {0.05, 10s},    {0.025, 20s}, {0.01, 50s},
                                                  {0.0001, 120s}, {1e-300, 120s}, {0, 900s}};
  AddBusy(1);
  Open();
  Close(1);
  for (const auto& [share, gap] : expected) {
    scheduler.OnMapShare(Pid(1), share);
    ASSERT_TRUE(Wait()) << share;
    EXPECT_NEAR(static_cast<double>(Wait()->count()), static_cast<double>(gap.count()), 10) << share;
  }
}

TEST_F(WindowTurns, AProcessWithMapSamplesIsTriedAtOnceAndOneWithoutLater) {
  scheduler.Add(Pid(1), 1h, now);
  EXPECT_THAT(Open(), IsEmpty());
  EXPECT_THAT(Wait(), Optional(900s));
  now += 1s;
  scheduler.OnMapShare(Pid(1), 0.001);
  EXPECT_THAT(Wait(), Optional(0s));
  EXPECT_THAT(Open(), ElementsAre(1));
}

TEST_F(WindowTurns, WhoHasWaitedLongestIsNext) {
  for (uint32_t pid = 1; pid <= 5; ++pid, now += 1s) AddBusy(6 - pid);
  EXPECT_THAT(Open(), ElementsAre(5, 4, 3));
  Close(3);
  now += 20s;
  EXPECT_THAT(Open(), ElementsAre(2)) << "before the one that has had a window";
  Close(5);
  EXPECT_THAT(Open(), ElementsAre(1));
}

TEST_F(WindowTurns, OneThatFindsNothingIsTriedEverMoreRarely) {
  AddBusy(1);
  for (const nanoseconds gap : {20s, 40s, 80s, 160s, 300s, 300s}) {
    ASSERT_THAT(Open(), ElementsAre(1));
    Close(1, 0);
    ASSERT_THAT(Wait(), Optional(gap));
    now += gap;
  }
  Open();
  Close(1, 1);
  EXPECT_THAT(Wait(), Optional(10s)) << "one hit is an answer";
}

TEST_F(WindowTurns, OneThatFailsIsTriedEverMoreRarely) {
  AddBusy(1);
  for (const nanoseconds gap : {20s, 40s, 80s, 160s, 300s, 300s}) {
    ASSERT_THAT(Open(), ElementsAre(1));
    Fail(1);
    ASSERT_THAT(Wait(), Optional(gap));
    now += gap;
  }
}

TEST_F(WindowTurns, ASuspectIsLookedAtAgainAndAgain) {
  AddBusy(1);
  scheduler.SetSuspects({Pid(1)});
  for (int again = 0; again < 5; ++again) {
    ASSERT_THAT(Open(), ElementsAre(1));
    Close(1);
    ASSERT_THAT(Wait(), Optional(100ms));
    now += 100ms;
  }
  for (const nanoseconds gap : {200ms, 400ms, 800ms, 1000ms, 1000ms}) {
    ASSERT_THAT(Open(), ElementsAre(1));
    Close(1, 0);
    ASSERT_THAT(Wait(), Optional(gap));
    now += gap;
  }
}

TEST_F(WindowTurns, ANewSuspectWaitsForNothing) {
  AddBusy(1);
  for (int again = 0; again < 6; ++again, now += 300s) Open(), Fail(1);
  Open();
  Fail(1);
  scheduler.SetSuspects({Pid(1)});
  EXPECT_THAT(Open(), ElementsAre(1));
  Fail(1);
  scheduler.SetSuspects({Pid(1), Pid(2)});
  EXPECT_THAT(Open(), IsEmpty()) << "it is not new any more";
  EXPECT_THAT(Wait(), Optional(200ms));
}

TEST_F(WindowTurns, AProcessMayBeSuspectedBeforeItIsKnown) {
  scheduler.SetSuspects({Pid(1)});
  EXPECT_THAT(Open(), IsEmpty());
  scheduler.Add(Pid(1), 1s, now);
  EXPECT_THAT(Open(), ElementsAre(1));
  EXPECT_EQ(last.reason, WindowReason::kSuspect);
}

TEST_F(WindowTurns, AskingEnds) {
  AddBusy(1);
  scheduler.Ask(Pid(1), now + 250ms);
  scheduler.Ask(Pid(1), now + 1ms);
  for (int again = 0; again < 3; ++again) {
    ASSERT_THAT(Open(), ElementsAre(1));
    EXPECT_EQ(last.reason, WindowReason::kAsked);
    Close(1);
    now += 100ms;
  }
  EXPECT_THAT(Open(), IsEmpty());
  EXPECT_THAT(Wait(), Optional(9900ms)) << "its next turn";
}

TEST_F(WindowTurns, AskingAgainIsAskingForLonger) {
  AddBusy(1);
  Open();
  Close(1);
  scheduler.Ask(Pid(1), now + 1ms);
  scheduler.Ask(Pid(1), now + 1s);
  now += 100ms;
  EXPECT_THAT(Open(), ElementsAre(1));
}

TEST_F(WindowTurns, WhoAsksDoesNotWaitLong) {
  AddBusy(1);
  for (int again = 0; again < 6; ++again, now += 300s) Open(), Fail(1);
  scheduler.Ask(Pid(1), now + 1h);
  Open();
  Fail(1);
  EXPECT_THAT(Wait(), Optional(1s));
}

TEST_F(WindowTurns, NobodyAsksForTheUnknown) {
  EXPECT_FALSE(scheduler.Ask(Pid(1), now + 10s));
  AddBusy(1);
  scheduler.Ask(Pid(1), now + 10s);
  scheduler.Remove(Pid(1));
  EXPECT_FALSE(scheduler.Ask(Pid(1), now + 10s));
  scheduler.Add(Pid(1), 1h, now);
  EXPECT_THAT(Open(), IsEmpty()) << "it was asked for one that has ended";
}

TEST_F(WindowTurns, WithFullSlotsOnlyAnEndIsWorthAsking) {
  for (uint32_t pid = 1; pid <= 4; ++pid) AddBusy(pid);
  Open();
  EXPECT_EQ(Wait(), std::nullopt);
  Close(1);
  EXPECT_THAT(Wait(), Optional(0s));
}

}  // namespace
}  // namespace profd
