// Windows that end by themselves with their last hit.
#include "window_scheduler_fixture.h"

namespace profd {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(ExactWindows, HaveNoOverrunToPayFor) {
  WindowOptions options;
  options.hit_price = 1us;
  options.exact_hit_price = 10us;
  WindowScheduler scheduler(options, 2);
  scheduler.Add(Pid(1), 100 * 8 * 10us - 1us, kStart);
  scheduler.SetSuspects({Pid(1)});
  EXPECT_THAT(scheduler.Open(kStart), IsEmpty());
  scheduler.OnCpuTime(Pid(1), 100 * 8 * 10us + 1us);
  auto plans = scheduler.Open(kStart);
  ASSERT_THAT(plans, SizeIs(1));
  EXPECT_EQ(plans.front().most_hits, 8u);
  scheduler.OnClosed({.process = Pid(1), .attached = true, .hits = 8, .cost = 80us}, kStart);

  scheduler.OnCpuTime(Pid(1), 1h);
  EXPECT_THAT(scheduler.Open(kStart + 1ms), IsEmpty()) << "there is time between two";
  plans = scheduler.Open(kStart + 1s);
  ASSERT_THAT(plans, SizeIs(1));
  EXPECT_EQ(plans.front().most_hits, 48u) << "more say no more";
  scheduler.OnClosed({.process = Pid(1), .attached = true, .hits = 48, .cost = 480us}, kStart + 1s);

  // What looked into the wrong thread does not count.
  plans = scheduler.Open(kStart + 2s);
  ASSERT_THAT(plans, SizeIs(1));
  scheduler.OnClosed({.process = Pid(1), .attached = true, .missed = true}, kStart + 2s);
  EXPECT_THAT(scheduler.Open(kStart + 2s), SizeIs(1));
  scheduler.OnClosed({.process = Pid(1), .attached = true, .hits = 48, .cost = 480us}, kStart + 2s);

  // Others are as before.
  scheduler.SetSuspects({});
  scheduler.OnMapShare(Pid(1), 0.5);
  plans = scheduler.Open(kStart + 100s);
  ASSERT_THAT(plans, SizeIs(1));
  EXPECT_EQ(plans.front().most_hits, 200u);
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
