// Windows that end by themselves with their last hit.
#include "window_scheduler_fixture.h"

namespace profd {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(ExactWindows, CostWhatTheirFunctionsMayCost) {
  WindowOptions options;
  options.hit_price = 1us;
  options.exact_hit_price = 10us;
  WindowScheduler scheduler(options, 2);
  scheduler.Add(Pid(1), 100 * 6 * 4 * 10us - 1us, kStart);
  scheduler.SetSuspects({Pid(1)});
  EXPECT_THAT(scheduler.Open(kStart), IsEmpty());
  scheduler.OnCpuTime(Pid(1), 100 * 6 * 4 * 10us + 1us);
  auto plans = scheduler.Open(kStart);
  ASSERT_THAT(plans, SizeIs(1));
  EXPECT_EQ(plans.front().most_hits, 6u);
  scheduler.OnClosed({.process = Pid(1), .attached = true, .hits = 6, .cost = 60us}, kStart);

  scheduler.OnCpuTime(Pid(1), 1h);
  EXPECT_THAT(scheduler.Open(kStart + 1ms), IsEmpty()) << "there is time between two";
  plans = scheduler.Open(kStart + 1s);
  ASSERT_THAT(plans, SizeIs(1));
  EXPECT_EQ(plans.front().most_hits, 24u) << "more say no more";
  scheduler.OnClosed({.process = Pid(1), .attached = true, .hits = 24, .cost = 240us}, kStart + 1s);

  // What looked into the wrong thread does not count.
  plans = scheduler.Open(kStart + 2s);
  ASSERT_THAT(plans, SizeIs(1));
  scheduler.OnClosed({.process = Pid(1), .attached = true, .missed = true}, kStart + 2s);
  EXPECT_THAT(scheduler.Open(kStart + 2s), SizeIs(1));
  scheduler.OnClosed({.process = Pid(1), .attached = true, .hits = 24, .cost = 240us}, kStart + 2s);

  // Others are as before.
  scheduler.SetSuspects({});
  scheduler.OnMapShare(Pid(1), 0.5);
  plans = scheduler.Open(kStart + 100s);
  ASSERT_THAT(plans, SizeIs(1));
  EXPECT_EQ(plans.front().most_hits, 200u);
}

WindowOptions Exact() {
  WindowOptions options;
  options.hit_price = 1us;
  options.exact_hit_price = 10us;
  return options;
}

TEST(ExactWindows, LeaveTurnsAndQuestionsAsTheyWere) {
  WindowScheduler scheduler(Exact(), 2);
  scheduler.Add(Pid(1), 1h, kStart);
  scheduler.SetSuspects({Pid(1)});
  for (int misses = 0; misses < 10; ++misses) {
    ASSERT_THAT(scheduler.Open(kStart + misses * 10s), SizeIs(1));
    scheduler.OnClosed({.process = Pid(1), .attached = true}, kStart + misses * 10s);
  }
  EXPECT_TRUE(scheduler.Ask(Pid(1), kStart + 1h));
  const auto plans = scheduler.Open(kStart + 90s);
  ASSERT_THAT(plans, SizeIs(1));
  EXPECT_EQ(plans.front().reason, WindowReason::kAsked) << "its first";
}

TEST(ExactWindows, ComeAtOnceAlsoAfterATurn) {
  WindowScheduler scheduler(Exact(), 2);
  scheduler.Add(Pid(1), 1h, kStart);
  scheduler.OnMapShare(Pid(1), 0.5);
  ASSERT_THAT(scheduler.Open(kStart), SizeIs(1));
  scheduler.SetSuspects({Pid(1)});
  EXPECT_THAT(scheduler.Open(kStart), IsEmpty()) << "one at a time";
  scheduler.OnClosed({.process = Pid(1), .attached = true}, kStart);
  EXPECT_THAT(scheduler.Open(kStart), SizeIs(1));
}

TEST(ExactWindows, AreNotSentAfterAGoroutineForEver) {
  WindowScheduler scheduler(Exact(), 2);
  scheduler.Add(Pid(1), 1h, kStart);
  scheduler.SetSuspects({Pid(1)});
  for (int window = 0; window < 7; ++window) {
    ASSERT_THAT(scheduler.Open(kStart), SizeIs(1)) << window;
    scheduler.OnClosed({.process = Pid(1), .attached = true, .missed = true}, kStart);
  }
  EXPECT_THAT(scheduler.Open(kStart), IsEmpty());
}

TEST(ExactWindows, OfFewerFunctionsNeedLess) {
  WindowScheduler scheduler(Exact(), 2);
  scheduler.Add(Pid(1), 100 * 6 * 2 * 10us + 1us, kStart);
  scheduler.SetSuspects({Pid(1)});
  EXPECT_THAT(scheduler.Open(kStart), IsEmpty()) << "four, where nothing is said";
  scheduler.SetExactFunctions(Pid(1), 3);
  EXPECT_THAT(scheduler.Open(kStart), IsEmpty());
  scheduler.SetExactFunctions(Pid(1), 2);
  auto plans = scheduler.Open(kStart);
  ASSERT_THAT(plans, SizeIs(1));
  EXPECT_EQ(plans.front().most_hits, 6u);
  scheduler.OnClosed({.process = Pid(1), .attached = true, .hits = 12, .cost = 120us}, kStart);
  scheduler.SetExactFunctions(Pid(1), 1);
  scheduler.OnCpuTime(Pid(1), 100 * (120us + 12 * 10us) + 1us);
  plans = scheduler.Open(kStart + 1s);
  ASSERT_THAT(plans, SizeIs(1));
  EXPECT_EQ(plans.front().most_hits, 12u) << "as many as it can pay";
}

TEST(ExactWindows, AreAllThereAreOnKernelsWhereOthersHaveNoBound) {
  WindowOptions options;
  options.hit_price = 1us;
  options.exact_hit_price = 10us;
  options.suspects_only = true;
  WindowScheduler scheduler(options, 2);
  scheduler.Add(Pid(1), 1h, kStart);
  scheduler.OnMapShare(Pid(1), 0.5);
  EXPECT_TRUE(scheduler.Ask(Pid(1), kStart + 1h));
  EXPECT_THAT(scheduler.Open(kStart + 100s), IsEmpty());
  EXPECT_EQ(scheduler.NextDue(kStart + 100s), std::nullopt);
  scheduler.SetSuspects({Pid(1)});
  EXPECT_THAT(scheduler.Open(kStart + 100s), SizeIs(1));
}

}  // namespace
}  // namespace profd
