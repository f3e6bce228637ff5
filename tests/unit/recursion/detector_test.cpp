// How sure it is that a recursion kills its process.
#include "recursion/detector.h"

#include "detector_fixture.h"

namespace profd {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Optional;

constexpr auto kObserved = RecursionGrade::kObserved;
constexpr auto kGrowing = RecursionGrade::kGrowing;
constexpr auto kProjected = RecursionGrade::kProjected;

using Grades = DetectorFixture;

TEST_F(Grades, AStackWithoutACycleIsNoStory) {
  RecursionReading reading = Goroutine();
  reading.stack = Flat();
  LookAtEach(reading, {32 * kKiB, 64 * kKiB, 128 * kKiB, 256 * kKiB, 300 * kMiB});
  EXPECT_TRUE(detector.Events().empty());
}

TEST_F(Grades, ACycleIsObservedAtItsFirstSight) {
  Look(Goroutine(), 32 * kKiB);
  EXPECT_EQ(Grade(), kObserved);
  EXPECT_EQ(State(), RecursionState::kActive);
  EXPECT_EQ(Changes(), 1u);
}

TEST_F(Grades, ThreeDoublingsAreGrowing) {
  LookAtEach(Goroutine(), {32 * kKiB, 64 * kKiB, 128 * kKiB});
  EXPECT_EQ(Grade(), kObserved);
  Look(Goroutine(), 256 * kKiB);
  EXPECT_EQ(Grade(), kGrowing);
  EXPECT_THAT(Story().reason, HasSubstr("doubled 3 times"));
}

TEST_F(Grades, FourRisesAreGrowing) {
  LookAtEach(Goroutine(), {100 * kKiB, 101 * kKiB, 102 * kKiB, 103 * kKiB});
  EXPECT_EQ(Grade(), kObserved);
  Look(Goroutine(), 104 * kKiB);
  EXPECT_EQ(Grade(), kGrowing);
  EXPECT_THAT(Story().reason, HasSubstr("deeper at each of 5 looks"));
}

TEST_F(Grades, ALookThatIsNoDeeperEndsARowOfRises) {
  LookAtEach(Goroutine(), {100 * kKiB, 101 * kKiB, 102 * kKiB, 103 * kKiB, 103 * kKiB});
  LookAtEach(Goroutine(), {104 * kKiB, 105 * kKiB, 106 * kKiB, 105 * kKiB, 107 * kKiB});
  EXPECT_EQ(Grade(), kObserved);
}

TEST_F(Grades, OneLookIsOneDoublingHoweverDeep) {
  LookAtEach(Goroutine(), {32 * kKiB, 200 * kMiB});
  EXPECT_EQ(Grade(), kObserved);
}

TEST_F(Grades, RisesOfDifferentStacksAreNotGrowing) {
  for (uint64_t id = 1; id <= 20; ++id) Look(Goroutine(id), id * 32 * kKiB);
  EXPECT_EQ(Grade(), kObserved);
}

TEST_F(Grades, AGoroutineIsTheSameOnAnotherThread) {
  RecursionReading reading = Goroutine();
  for (uint64_t bytes = 32 * kKiB; bytes <= 256 * kKiB; bytes *= 2) {
    ++reading.tid;
    Look(reading, bytes);
  }
  EXPECT_EQ(Grade(), kGrowing);
  EXPECT_EQ(Story().occurrences, 1u);
}

TEST_F(Grades, AnotherCycleOnTheStackBeginsAnew) {
  LookAtEach(Goroutine(), {100 * kKiB, 101 * kKiB, 102 * kKiB});
  RecursionReading other = Goroutine();
  other.stack = StackOf({"leaf"}).Then({"main.other"}).Repeat(500).Then({"main.main"});
  LookAtEach(other, {103 * kKiB, 104 * kKiB, 105 * kKiB});
  for (const RecursionEvent& event : detector.Events()) EXPECT_EQ(event.grade, kObserved) << event.cycle[0].name;
  EXPECT_EQ(detector.Events().size(), 2u);
}

TEST_F(Grades, ACycleThatSharesAFunctionIsTheSameRecursion) {
  // A parser's rules: which of them repeat differs from look to look.
  for (uint64_t look = 0; look < 5; ++look) {
    RecursionReading reading = Goroutine();
    reading.stack = StackOf({"leaf"}).Then({"main.expr", look % 2 ? "main.term" : "main.list"}).Repeat(500);
    Look(reading, (100 + look) * kKiB);
  }
  EXPECT_EQ(Grade(), kGrowing);
}

TEST_F(Grades, OverAQuarterOfTheLimitAndRisingIsProjected) {
  for (uint64_t bytes = 32 * kKiB; bytes <= 128 * kMiB; bytes *= 2) Look(Goroutine(), bytes);
  EXPECT_EQ(Grade(), kGrowing) << "a quarter, not over it";
  Look(Goroutine(), 129 * kMiB);
  EXPECT_EQ(Grade(), kProjected);
  EXPECT_THAT(Story().reason, HasSubstr("129.0 MiB of 512.0 MiB (goroutine stack limit)"));
}

TEST_F(Grades, AStackThatRisesNoMoreIsNotProjected) {
  for (uint64_t bytes = 32 * kKiB; bytes <= 128 * kMiB; bytes *= 2) Look(Goroutine(), bytes);
  step = 100ms;
  for (int look = 0; look < 40; ++look) Look(Goroutine(), 128 * kMiB);
  RecursionReading tight = Goroutine();
  tight.limit.bytes = 200 * kMiB;  // memory gets scarce
  for (int look = 0; look < 40; ++look) Look(tight, 128 * kMiB);
  EXPECT_EQ(Grade(), kGrowing);
  Look(tight, 129 * kMiB);
  EXPECT_EQ(Grade(), kProjected);
}

TEST_F(Grades, AFallingStackIsNotProjected) {
  for (uint64_t bytes = 32 * kKiB; bytes <= 64 * kMiB; bytes *= 2) Look(Goroutine(), bytes);
  RecursionReading tight = Goroutine();
  tight.limit.bytes = 100 * kMiB;
  LookAtEach(tight, {60 * kMiB, 50 * kMiB, 40 * kMiB});
  EXPECT_EQ(Grade(), kGrowing);
}

TEST_F(Grades, AnOverflowBeyondTheHorizonIsNotProjected) {
  // Over a quarter of the limit within minutes, and then 10 KiB a second: hours are left.
  for (uint64_t bytes = 32 * kKiB; bytes <= 128 * kMiB; bytes *= 2) Look(Goroutine(), bytes);
  step = 100ms;
  now += 3s;
  for (uint64_t look = 1; look <= 50; ++look) Look(Goroutine(), 128 * kMiB + look * kKiB);
  EXPECT_EQ(Grade(), kGrowing);
  for (uint64_t look = 1; look <= 50; ++look) Look(Goroutine(), (129 + look) * kMiB);
  EXPECT_EQ(Grade(), kProjected) << "10 MiB a second: 40 s are left";
}

TEST_F(Grades, ARunawayThatIsSeldomOnACpuIsProjectedToo) {
  // It waits for the network at each level: a look every 3 s, full in 5 minutes.
  step = 3s;
  for (uint64_t bytes = 4 * kMiB; bytes <= 400 * kMiB; bytes += 4 * kMiB) Look(Goroutine(), bytes);
  EXPECT_EQ(Grade(), kProjected);
}

TEST_F(Grades, AnUnknownLimitProjectsNothing) {
  RecursionReading reading = Goroutine();
  reading.limit = {};
  RunAway(reading);
  EXPECT_EQ(Grade(), kGrowing);
  EXPECT_EQ(Story().seconds_to_overflow, std::nullopt);
}

TEST_F(Grades, HonestTreeWalksAreNeverMoreThanGrowingBelowAQuarter) {
  // Down and up again, at several depths and speeds.
  step = 1ms;
  for (const uint64_t deepest : {3, 17, 60, 127}) {
    for (const uint64_t stride : {1, 2, 5, 13}) {
      for (int walk = 0; walk < 20; ++walk) {
        for (uint64_t level = 1; level <= deepest; level += stride) Look(Goroutine(), level * kMiB);
        ASSERT_LE(Grade(), kGrowing) << deepest << " " << stride;
        for (uint64_t level = deepest; level > 1; level -= std::min(level - 1, stride)) Look(Goroutine(), level * kMiB);
        ASSERT_LE(Grade(), kGrowing) << deepest << " " << stride;
      }
    }
  }
}

TEST_F(Grades, SeveralGrowingStacksTogetherUseUpTheMemory) {
  // Of 130 MiB that the container leaves, each has too little to be dangerous alone.
  RecursionReading reading = Goroutine();
  for (uint64_t mib = 1; mib <= 8; ++mib) {
    for (uint64_t id = 1; id <= 4; ++id) {
      reading.goroutine = id;
      reading.room = MemoryRoom{.left_bytes = (130 - 4 * mib) * kMiB, .reason = "memory.max of /pod"};
      reading.limit = CutToMemory(GoStackLimit(0), mib * kMiB, reading.room);
      Look(reading, mib * kMiB);
      ASSERT_LT(mib * kMiB, reading.limit.bytes / 4);
      ASSERT_LE(Grade(), kGrowing) << mib;
    }
  }
  for (uint64_t id = 1; id <= 4; ++id) {
    reading.goroutine = id;
    Look(reading, 9 * kMiB);
  }
  EXPECT_EQ(Grade(), kProjected);
  EXPECT_THAT(Story().reason, HasSubstr("4 growing stacks"));
  EXPECT_THAT(Story().reason, HasSubstr("memory.max of /pod"));
}

TEST_F(Grades, StacksThatDoNotGrowAreNotCountedAgainstTheMemory) {
  RecursionReading reading = Goroutine();
  reading.room = MemoryRoom{.left_bytes = 100 * kMiB, .reason = "memory.max of /pod"};
  reading.limit = CutToMemory(GoStackLimit(0), 8 * kMiB, reading.room);
  for (uint64_t id = 2; id <= 9; ++id) {
    reading.goroutine = id;
    Look(reading, 16 * kMiB);
  }
  reading.goroutine = 1;
  for (uint64_t mib = 1; mib <= 8; ++mib) Look(reading, mib * kMiB);
  EXPECT_EQ(Grade(), kGrowing);
}

TEST_F(Grades, AnEventHasAllThatTheReadingTold) {
  for (uint64_t bytes = 32 * kKiB; bytes < 16 * kMiB; bytes *= 2) Look(Goroutine(), bytes);
  RecursionReading reading = Goroutine();
  reading.trigger = RecursionTrigger::kStackGrowth;
  reading.positions_verified = 47;
  const BootTime seen = now;
  Look(reading, 16 * kMiB);
  const RecursionEvent event = Story();
  EXPECT_EQ(event.process, ProcessOf(1));
  EXPECT_EQ(event.tid, 101u);
  EXPECT_EQ(event.goroutine, 7u);
  EXPECT_EQ(NamesOf(event.cycle), std::vector<std::string>{"main.(*Config).Get"});
  EXPECT_EQ(event.entry.front().name, "main.handle");
  EXPECT_EQ(event.root.back().name, "runtime.main");
  EXPECT_EQ(event.depth, 1004u);
  EXPECT_TRUE(event.depth_exact);
  EXPECT_EQ(event.depth_error, std::nullopt);
  EXPECT_EQ(event.stack_bytes, 16 * kMiB);
  EXPECT_EQ(event.stack_limit_bytes, 512 * kMiB);
  EXPECT_EQ(event.limit_reason, "goroutine stack limit");
  EXPECT_EQ(event.trigger, RecursionTrigger::kStackGrowth);
  EXPECT_EQ(event.positions_verified, 47u);
  EXPECT_EQ(event.first_seen, WallOf(1000s));
  EXPECT_EQ(event.last_seen, WallOf(seen));
  EXPECT_THAT(event.advice, HasSubstr("main.(*Config).Get"));
  // 16 MiB in 90 ms.
  EXPECT_NEAR(event.growth_bytes_per_second, 16 * kMiB / 0.09, kMiB);
  EXPECT_THAT(event.seconds_to_overflow, Optional(::testing::DoubleNear(496.0 / 16 * 0.09, 0.01)));
}

TEST_F(Grades, AnEstimatedDepthSaysHowWrongItMayBe) {
  RecursionReading reading = Goroutine();
  reading.stack = StackOf({"leaf"}).Then({"a", "b", "a", "a", "b", "b"}).About(100'000).Then({"main"});
  reading.sampled_frames = 400;
  Look(reading, 32 * kMiB);
  EXPECT_FALSE(Story().depth_exact);
  EXPECT_EQ(Story().depth, 600'002u);
  EXPECT_THAT(Story().depth_error, Optional(60'000u)) << "two parts in the root of 400";
}

TEST_F(Grades, ADepthWithoutTheRootIsNotExact) {
  RecursionReading reading = Goroutine();
  reading.stack = Runaway().Truncated();
  Look(reading, 33 * kMiB);
  EXPECT_FALSE(Story().depth_exact);
}

TEST_F(Grades, NothingIsProven) {
  RunAway(Goroutine());
  Overflow(Goroutine());
  EXPECT_EQ(Grade(), kProjected);
}

}  // namespace
}  // namespace profd
