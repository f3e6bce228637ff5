// Who pays for windows and how many are open.
#include "window_scheduler_fixture.h"

namespace profd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::SizeIs;

TEST_F(WindowSchedulerTest, AWindowHasTwoEnds) {
  AddBusy(1);
  EXPECT_THAT(Open(), ElementsAre(1));
  EXPECT_EQ(last.reason, WindowReason::kRound);
  EXPECT_EQ(last.most_hits, 200u);
  EXPECT_EQ(last.longest, 10ms);
}

TEST_F(WindowSchedulerTest, ATurnIsTakenWhenAThousandthOfTheCpuTimePaysIt) {
  AddBusy(1, 1000 * kExpected - 1us);
  EXPECT_THAT(Open(), IsEmpty());
  EXPECT_EQ(Wait(), std::nullopt) << "it has to run first";
  scheduler.OnCpuTime(Pid(1), 1000 * kExpected + 1us);
  EXPECT_THAT(Open(), ElementsAre(1));
}

TEST_F(WindowSchedulerTest, ASuspectPaysWithAHundredth) {
  // As few hits as say something, and the overrun that is expected at first.
  const std::chrono::nanoseconds least = kExpected / 274 * (24 + 74);
  scheduler.Add(Pid(1), 100 * least - 1us, now);
  scheduler.SetSuspects({Pid(1)});
  EXPECT_THAT(Open(), IsEmpty());
  scheduler.OnCpuTime(Pid(1), 100 * least + 1us);
  EXPECT_THAT(Open(), ElementsAre(1));
  EXPECT_EQ(last.reason, WindowReason::kSuspect);
  EXPECT_EQ(last.most_hits, 24u);
}

TEST_F(WindowSchedulerTest, ASuspectThatCanPayMoreIsLookedAtForLonger) {
  scheduler.SetSuspects({Pid(1), Pid(2)});
  scheduler.Add(Pid(1), 100 * (kExpected / 274) * (60 + 74) + 1us, now);
  EXPECT_THAT(Open(), ElementsAre(1));
  EXPECT_EQ(last.most_hits, 60u);
  AddBusy(2, 10s);
  EXPECT_THAT(Open(), ElementsAre(2));
  EXPECT_EQ(last.most_hits, 200u);
}

TEST_F(WindowSchedulerTest, OneThatIsAskedForPaysWithAHundredth) {
  const auto least = kExpected - 176us;  // of 24 hits
  scheduler.Add(Pid(1), 100 * least - 1us, now);
  EXPECT_TRUE(scheduler.Ask(Pid(1), now + 10s));
  EXPECT_THAT(Open(), IsEmpty());
  scheduler.OnCpuTime(Pid(1), 100 * least + 1us);
  EXPECT_THAT(Open(), ElementsAre(1));
  EXPECT_EQ(last.reason, WindowReason::kAsked);
  EXPECT_EQ(last.most_hits, 24u) << "what it can pay";
}

TEST_F(WindowSchedulerTest, HitsThatPassArePaidToo) {
  scheduler.Add(Pid(1), 1000 * (kExpected + 300us) - 1us, now);
  scheduler.OnMapShare(Pid(1), 0.5);
  scheduler.SetPassedHits(Pid(1), 300);
  EXPECT_THAT(Open(), IsEmpty());
  scheduler.OnCpuTime(Pid(1), 1000 * (kExpected + 300us) + 1us);
  EXPECT_THAT(Open(), ElementsAre(1));
  EXPECT_EQ(last.passed_hits, 300u);
  EXPECT_EQ(last.most_hits, 200u);
}

TEST_F(WindowSchedulerTest, OnlyTurnsUseUpTheStandingShare) {
  AddBusy(1, 1s);
  scheduler.SetSuspects({Pid(1)});
  Open();
  scheduler.OnClosed({.process = Pid(1), .attached = true, .hits = 200, .cost = 5ms}, now);
  scheduler.SetSuspects({});
  now += 10s;
  EXPECT_THAT(Open(), ElementsAre(1));
}

TEST_F(WindowSchedulerTest, WhatElseItPaidCounts) {
  AddBusy(1, 1s);
  scheduler.OnOtherCost(Pid(1), 10ms - kExpected + 1us);
  EXPECT_THAT(Open(), IsEmpty());
  scheduler.OnCpuTime(Pid(1), 1s + 100us + 1us);
  EXPECT_THAT(Open(), ElementsAre(1));
}

TEST_F(WindowSchedulerTest, OtherCostsAreTotals) {
  AddBusy(1, 1s);
  for (int again = 0; again < 100; ++again) scheduler.OnOtherCost(Pid(1), 1ms);
  EXPECT_THAT(Open(), ElementsAre(1));
}

TEST_F(WindowSchedulerTest, TheMeasuredCostIsCharged) {
  AddBusy(1, 2000 * kExpected);
  Open();
  scheduler.OnClosed({.process = Pid(1), .attached = true, .hits = 10, .cost = 20us}, now);
  now += 10s;
  EXPECT_THAT(Open(), ElementsAre(1)) << "less than was expected";
  scheduler.OnClosed({.process = Pid(1), .attached = true, .hits = 200, .cost = 2 * kExpected}, now);
  EXPECT_EQ(Debt(), 20us);
  now += 1h;
  EXPECT_THAT(Open(), IsEmpty());
  scheduler.OnCpuTime(Pid(1), 3000 * kExpected + 19ms);
  EXPECT_THAT(Open(), IsEmpty()) << "no credit";
  scheduler.OnCpuTime(Pid(1), 3000 * kExpected + 21ms);
  EXPECT_EQ(Debt(), 0us);
  EXPECT_THAT(Open(), ElementsAre(1));
}

TEST_F(WindowSchedulerTest, CpuTimeThatGoesBackEarnsOnce) {
  AddBusy(1, 100ms);
  for (int again = 0; again < 100; ++again) {
    scheduler.OnCpuTime(Pid(1), 10ms);
    scheduler.OnCpuTime(Pid(1), 100ms);
    scheduler.Add(Pid(1), 100ms, now);
  }
  EXPECT_THAT(Open(), IsEmpty());
}

TEST_F(WindowSchedulerTest, ADayOfRestEarnsNoBurst) {
  AddBusy(1, 24h);
  scheduler.SetSuspects({Pid(1)});
  const nanoseconds cost = SpendAll(1);
  EXPECT_LE(cost, 100ms) << "a hundredth of ten seconds";
  EXPECT_GT(cost, 90ms);
}

TEST_F(WindowSchedulerTest, SuspectsGoFirstThenThoseAskedFor) {
  for (uint32_t pid = 1; pid <= 6; ++pid) AddBusy(pid);
  scheduler.Ask(Pid(5), now + 10s);
  scheduler.SetSuspects({Pid(6)});
  EXPECT_THAT(Open(), ElementsAre(6, 5, 1, 2));
}

TEST_F(WindowSchedulerTest, ASuspectFindsASlot) {
  for (uint32_t pid = 1; pid <= 6; ++pid) AddBusy(pid);
  EXPECT_THAT(Open(), ElementsAre(1, 2, 3)) << "of four";
  EXPECT_THAT(Open(), IsEmpty());
  scheduler.SetSuspects({Pid(1), Pid(6)});
  EXPECT_THAT(Open(), ElementsAre(6)) << "the first one is being looked at";
}

TEST_F(WindowSchedulerTest, SuspectsLeaveASlot) {
  for (uint32_t pid = 1; pid <= 8; ++pid) AddBusy(pid);
  scheduler.SetSuspects({Pid(1), Pid(2), Pid(3), Pid(4), Pid(5)});
  EXPECT_THAT(Open(), ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(last.reason, WindowReason::kRound);
  Close(2);
  EXPECT_THAT(Open(), ElementsAre(5)) << "one that has not been looked at";
}

TEST_F(WindowSchedulerTest, TheOnlySlotIsForAll) {
  WindowOptions options = Options();
  options.most_open = 1;
  WindowScheduler narrow(options, 2);
  for (const uint32_t pid : {1, 2}) narrow.Add(Pid(pid), 1h, now), narrow.OnMapShare(Pid(pid), 1);
  narrow.SetSuspects({Pid(2)});
  ASSERT_THAT(narrow.Open(now), SizeIs(1));
  EXPECT_THAT(narrow.Open(now), IsEmpty());
  narrow.OnClosed({.process = Pid(2)}, now);
  const auto plans = narrow.Open(now);
  ASSERT_THAT(plans, SizeIs(1));
  EXPECT_EQ(plans[0].process, Pid(1));
}

TEST_F(WindowSchedulerTest, SuspectsHaveAPartOfTheNodesBudget) {
  AddBusy(1);
  scheduler.Ask(Pid(1), now + 1h);
  Open();
  scheduler.OnClosed({.process = Pid(1), .attached = true, .hits = 200, .cost = 71ms}, now);
  now += 100ms;
  AddBusy(2);
  EXPECT_THAT(Open(), IsEmpty()) << "0.35 % of two CPUs for ten seconds are spent";
  scheduler.SetSuspects({Pid(2)});
  EXPECT_THAT(Open(), ElementsAre(2));
}

TEST_F(WindowSchedulerTest, SuspectsPartIsNotAllOfIt) {
  AddBusy(1);
  scheduler.SetSuspects({Pid(1)});
  Open();
  scheduler.OnClosed({.process = Pid(1), .attached = true, .hits = 200, .cost = 31ms}, now);
  AddBusy(2);
  AddBusy(3);
  scheduler.SetSuspects({Pid(1), Pid(2)});
  EXPECT_THAT(Open(), ElementsAre(2, 3)) << "two also has its turn";
  EXPECT_EQ(last.reason, WindowReason::kRound);
}

TEST_F(WindowSchedulerTest, TheNodesBudgetGrowsWithTime) {
  AddBusy(1);
  AddBusy(2);
  Open();
  scheduler.OnClosed({.process = Pid(1), .attached = true, .hits = 200, .cost = 70ms}, now);
  Fail(2);
  AddBusy(3);
  EXPECT_THAT(Open(), IsEmpty());
  ASSERT_TRUE(Wait());
  EXPECT_EQ(std::chrono::round<std::chrono::microseconds>(*Wait()), 39'143us) << "to earn 274 us of 7 ms a second";
  now += *Wait() - 1us;
  EXPECT_THAT(Open(), IsEmpty());
  now += 1us;
  EXPECT_THAT(Open(), ElementsAre(3));
}

TEST_F(WindowSchedulerTest, TimeBeforeAWindowsEndDoesNotPayForIt) {
  AddBusy(1);
  Open();
  now += 1h;
  scheduler.OnClosed({.process = Pid(1), .attached = true, .hits = 200, .cost = 70ms}, now);
  AddBusy(2);
  EXPECT_THAT(Open(), IsEmpty());
}

TEST_F(WindowSchedulerTest, TimeThatGoesBackEarnsOnce) {
  AddBusy(1);
  Open();
  scheduler.OnClosed({.process = Pid(1), .attached = true, .hits = 200, .cost = 70ms}, now);
  AddBusy(2);
  for (int again = 0; again < 100; ++again) {
    now -= 30ms;
    EXPECT_THAT(Open(), IsEmpty());
    now += 30ms;
    EXPECT_THAT(Open(), IsEmpty());
  }
}

TEST_F(WindowSchedulerTest, OpenWindowsHoldTheirCost) {
  for (uint32_t pid = 1; pid <= 3; ++pid) AddBusy(pid);
  Open();
  scheduler.OnClosed({.process = Pid(1), .attached = true, .hits = 200, .cost = 70ms - kExpected - 4us}, now);
  Fail(2);
  Fail(3);
  AddBusy(4);
  AddBusy(5);
  EXPECT_THAT(Open(), ElementsAre(4)) << "the budget has one";
}

TEST_F(WindowSchedulerTest, AnOverrunIsExpectedAgain) {
  AddBusy(1, 900ms);
  AddBusy(2);
  scheduler.SetSuspects({Pid(2)});
  Open();
  Fail(1);
  Close(2, 1000);
  now += 1min;
  scheduler.SetSuspects({});
  EXPECT_THAT(Open(), ElementsAre(2)) << "a thousand hits";
  scheduler.OnCpuTime(Pid(1), 1001ms);
  EXPECT_THAT(Open(), ElementsAre(1));
}

TEST_F(WindowSchedulerTest, AnOverrunIsForgottenAfter64) {
  AddBusy(1);
  scheduler.Add(Pid(2), 201ms, now);
  scheduler.OnMapShare(Pid(2), 1);
  for (int windows = 0; windows < 64; ++windows) {
    scheduler.OnCpuTime(Pid(1), 1h + 1s * windows);
    ASSERT_THAT(Open(), ElementsAre(1)) << windows;
    Close(1);
    now += 10s;
  }
  EXPECT_THAT(Open(), ElementsAre(1)) << "two waits for more CPU time, as ever";
  scheduler.OnCpuTime(Pid(2), 201ms);
  EXPECT_THAT(Open(), ElementsAre(2)) << "no overrun is expected";
}

TEST_F(WindowSchedulerTest, WindowsThatEndByTimeTellNothingOfOverruns) {
  AddBusy(1);
  scheduler.Add(Pid(2), 201ms, now);
  scheduler.OnMapShare(Pid(2), 1);
  for (int windows = 0; windows < 64; ++windows, now += 10s) {
    scheduler.OnCpuTime(Pid(1), 1h + 1s * windows);
    Open();
    Close(1, 199);
  }
  scheduler.OnCpuTime(Pid(2), 201ms);
  EXPECT_THAT(Open(), ElementsAre(1));
}

TEST_F(WindowSchedulerTest, AnAccidentIsNotExpectedAgain) {
  AddBusy(1);
  Open();
  scheduler.OnClosed({.process = Pid(1), .attached = true, .hits = 1'000'000'000, .cost = 1ms}, now);
  AddBusy(2);
  EXPECT_THAT(Open(), ElementsAre(2)) << "or there was never another window";
}

TEST_F(WindowSchedulerTest, TheDearestWindowCanBeSavedFor) {
  WindowOptions options = Options();
  options.hit_price = 16us;
  WindowScheduler dear(options, 2);
  for (const uint32_t pid : {1, 2}) {
    dear.Add(Pid(pid), 1h, now);
    dear.OnMapShare(Pid(pid), 1);
    ASSERT_THAT(dear.Open(now), SizeIs(1)) << pid;
    dear.OnClosed({.process = Pid(pid), .attached = true, .hits = 2200, .cost = 1ms}, now);
  }
}

TEST_F(WindowSchedulerTest, AnEndedProcessIsForgotten) {
  AddBusy(1);
  scheduler.SetSuspects({Pid(1)});
  scheduler.Ask(Pid(1), now + 1h);
  scheduler.Remove(Pid(1));
  EXPECT_THAT(Open(), IsEmpty());
  EXPECT_EQ(Wait(), std::nullopt);
  EXPECT_THAT(scheduler.List(), IsEmpty());
}

TEST_F(WindowSchedulerTest, AWindowOutlivesItsProcess) {
  for (uint32_t pid = 1; pid <= 4; ++pid) AddBusy(pid);
  Open();
  scheduler.Remove(Pid(1));
  EXPECT_THAT(Open(), IsEmpty()) << "its traps are still there";
  EXPECT_EQ(scheduler.node().open, 3u);
  Close(1);
  EXPECT_EQ(scheduler.node().tally.cost, 200us);
  EXPECT_THAT(Open(), ElementsAre(4));
}

TEST_F(WindowSchedulerTest, OneThatIsBackPaysForTheWindowThatItLeft) {
  AddBusy(1);
  Open();
  scheduler.Remove(Pid(1));
  AddBusy(1, 1s);
  EXPECT_THAT(Open(), IsEmpty()) << "it has a window";
  scheduler.OnClosed({.process = Pid(1), .attached = true, .hits = 200, .cost = 3ms}, now);
  EXPECT_EQ(Debt(), 2ms);
  scheduler.OnCpuTime(Pid(1), 3s + 1000 * kExpected + 1us);
  now += 10s;
  EXPECT_THAT(Open(), ElementsAre(1));
}

TEST_F(WindowSchedulerTest, AWindowIsClosedOnce) {
  AddBusy(1);
  Close(1);
  EXPECT_EQ(scheduler.node().tally.cost, 0us) << "it was not open";
  Open();
  Close(1);
  Close(1);
  EXPECT_EQ(scheduler.node().tally.cost, 200us);
}

TEST_F(WindowSchedulerTest, WithoutABudgetNothingOpens) {
  WindowOptions options = Options();
  options.node_share = 0;
  options.process_share = 0;
  WindowScheduler none(options, 2);
  none.Add(Pid(1), 1h, now);
  none.SetSuspects({Pid(1)});
  none.OnMapShare(Pid(1), 1);
  EXPECT_THAT(none.Open(now), IsEmpty());
  EXPECT_EQ(none.NextDue(now), std::nullopt);
}

TEST_F(WindowSchedulerTest, TellsWhatItSpent) {
  AddBusy(1);
  AddBusy(2);
  scheduler.SetSuspects({Pid(2)});
  Open();
  now += 10s;
  Close(1, 250);
  Fail(2);
  scheduler.SetSuspects({});
  ASSERT_THAT(Open(), IsEmpty());
  scheduler.Ask(Pid(1), now + 1h);
  now += 100ms;
  Open();
  Close(1, 100);
  const auto processes = scheduler.List();
  ASSERT_THAT(processes, SizeIs(2));
  EXPECT_EQ(processes[0].process, Pid(1));
  EXPECT_THAT(processes[0].tally.windows, ElementsAre(0, 1, 1));
  EXPECT_EQ(processes[0].tally.hits, 350u);
  EXPECT_EQ(processes[0].tally.cost, 350us);
  EXPECT_EQ(processes[0].tally.worst, 250us);
  EXPECT_EQ(processes[1].tally.failed, 1u);
  const NodeWindows node = scheduler.node();
  EXPECT_THAT(node.tally.windows, ElementsAre(1, 1, 1));
  EXPECT_EQ(node.tally.cost, 350us);
  EXPECT_NEAR(static_cast<double>(node.budget.count()), 101e6, 10) << "half a hundredth of two CPUs";
  EXPECT_EQ(node.debt, 0s);
  EXPECT_EQ(node.open, 0u);
}

}  // namespace
}  // namespace profd
