// The detector under more stacks, stories and suspects than it keeps.
#include <fmt/format.h>

#include "detector_fixture.h"

namespace profd {
namespace {

using namespace std::chrono_literals;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr auto kGrowing = RecursionGrade::kGrowing;

class Bounds : public DetectorFixture {
 protected:
  static RecursionReading In(const std::string& function, uint64_t id = 7) {
    RecursionReading reading = Goroutine(id);
    reading.stack = StackOf({"leaf"}).Then({function}).Repeat(100).Then({"main.main"});
    return reading;
  }
  static const RecursionEvent* Find(const std::vector<RecursionEvent>& events, const std::string& function) {
    const auto found =
        std::ranges::find_if(events, [&](const auto& event) { return event.cycle.front().name == function; });
    return found == events.end() ? nullptr : &*found;
  }
};

/// With room for little.
class Crowded : public Bounds {
 protected:
  Crowded() : tight({.max_stories = 2, .max_runs = 1}) {}
  void LookTight(RecursionReading reading, uint64_t stack_bytes) {
    reading.time = now;
    reading.wall = WallOf(now);
    reading.stack_bytes = stack_bytes;
    tight.OnReading(reading);
    now += step;
  }
  void GrowTight(const RecursionReading& reading) {
    for (uint64_t bytes = 32 * kKiB; bytes <= 256 * kKiB; bytes *= 2) LookTight(reading, bytes);
  }
  void CrashTight(RecursionReading reading) {
    reading.trigger = RecursionTrigger::kFatalError;
    reading.fatal = true;
    LookTight(reading, 511 * kMiB);
  }

  Detector tight;
};

TEST_F(Bounds, TenThousandGoroutinesAreOneStoryAndFewEvents) {
  step = 100us;
  size_t events = 0;
  for (uint64_t id = 1; id <= 10'000; ++id) {
    for (const uint64_t bytes : {64 * kKiB, 128 * kKiB, 256 * kKiB, 512 * kKiB, 1024 * kKiB}) {
      Look(Goroutine(id), bytes);
      events += Changes();
    }
  }
  EXPECT_EQ(Story().occurrences, 10'000u);
  EXPECT_EQ(Story().grade, kGrowing);
  EXPECT_LE(events, 5 * 5 + 2u) << "5 s, 5 events a second";
}

TEST_F(Bounds, MoreGoroutinesThanAreKeptAreFoundThoughTheyTakeTurns) {
  step = 10us;
  for (uint64_t bytes = 64 * kKiB; bytes <= 1024 * kKiB; bytes *= 2) {
    for (uint64_t id = 1; id <= 4500; ++id) Look(Goroutine(id), bytes);
  }
  EXPECT_EQ(Story().grade, kGrowing);
}

TEST_F(Bounds, TenThousandGoroutinesEndTogether) {
  for (uint64_t id = 1; id <= 10'000; ++id) Look(Goroutine(id), 64 * kKiB);
  End(1, Exited(0));
  EXPECT_EQ(State(), RecursionState::kEnded);
}

TEST_F(Bounds, StoriesAreBounded) {
  for (uint64_t i = 0; i < 1500; ++i) Look(In(fmt::format("main.f{}", i), i + 1), 64 * kKiB);
  EXPECT_THAT(detector.Events(), SizeIs(1000));
  EXPECT_THAT(detector.TakeRemoved(), SizeIs(500));
  EXPECT_EQ(detector.Events().front().cycle.front().name, "main.f1499");
}

TEST_F(Bounds, AFloodOfOneUsersCrashesLeavesThoseOfOthers) {
  RecursionReading service = In("main.service", 1);
  service.uid = 33;
  Overflow(service);
  for (uint64_t i = 0; i < 1500; ++i) {
    RecursionReading flood = In(fmt::format("main.f{}", i));
    flood.process = ProcessOf(static_cast<uint32_t>(10 + i));
    flood.uid = 1000;
    Overflow(flood);
  }
  EXPECT_THAT(detector.Events(), SizeIs(1000));
  EXPECT_NE(Find(detector.Events(), "main.service"), nullptr);
}

TEST_F(Bounds, AContainerIsOnePartyWhateverUsersItHas) {
  RecursionReading service = In("main.service", 1);
  service.uid = 33;
  Overflow(service);
  for (uint64_t i = 0; i < 1500; ++i) {
    RecursionReading flood = In(fmt::format("main.f{}", i));
    flood.process = ProcessOf(static_cast<uint32_t>(10 + i));
    flood.process.container.id = "0123456789ab";
    flood.uid = static_cast<uint32_t>(i);
    Overflow(flood);
  }
  EXPECT_NE(Find(detector.Events(), "main.service"), nullptr);
}

TEST_F(Bounds, TheLastSeenStoryComesFirst) {
  for (const char* function : {"main.a", "main.b", "main.c"}) Look(In(function, function[5]), 64 * kKiB);
  Look(In("main.a", 'a'), 64 * kKiB);
  EXPECT_EQ(detector.Events()[0].cycle.front().name, "main.a");
  EXPECT_EQ(detector.Events()[1].cycle.front().name, "main.c");
  EXPECT_EQ(detector.Events()[2].cycle.front().name, "main.b");
}

TEST_F(Crowded, TheEvidenceOfACrashGoesAfterWhatIsOnlyObserved) {
  CrashTight(In("main.crash", 1));
  for (const auto& [name, pid] : {std::pair("main.b", 2), std::pair("main.c", 3), std::pair("main.d", 4)}) {
    now += 2s;  // a stack that was seen just now would not give way
    RecursionReading reading = In(name);
    reading.process = ProcessOf(pid);  // the one that has crashed does nothing any more
    LookTight(reading, 64 * kKiB);
  }
  EXPECT_THAT(tight.Events(), SizeIs(2));
  EXPECT_NE(Find(tight.Events(), "main.crash"), nullptr);
}

TEST_F(Crowded, AStackThatGaveWayToAnotherHasEnded) {
  GrowTight(In("main.a", 1));
  for (int second = 0; second < 20; ++second) {
    LookTight(In("main.b", 2), 64 * kKiB);
    now += 1s;
    tight.OnTime(now, WallOf(now));
  }
  const auto events = tight.Events();
  const RecursionEvent* story = Find(events, "main.a");
  ASSERT_NE(story, nullptr);
  EXPECT_NE(story->state, RecursionState::kActive);
}

TEST_F(Crowded, AnHonestStackThatGaveWayLeavesTheEvidenceOfACrash) {
  CrashTight(In("main.a", 1));
  for (uint64_t turn = 1; turn <= 3; ++turn) {
    LookTight(In("main.a", 10 + turn), 64 * kKiB);
    LookTight(In("main.b", 20 + turn), 64 * kKiB);
  }
  now += 11s;
  tight.OnTime(now, WallOf(now));
  const auto events = tight.Events();
  const RecursionEvent* story = Find(events, "main.a");
  ASSERT_NE(story, nullptr);
  EXPECT_EQ(story->state, RecursionState::kCrashed);
  EXPECT_EQ(story->stack_bytes, 511 * kMiB);
}

using Suspects = Bounds;

TEST_F(Suspects, AreThoseThatBeganJustNow) {
  Look(Goroutine(), 64 * kKiB);
  ASSERT_THAT(detector.Suspects(now), SizeIs(1));
  EXPECT_EQ(detector.Suspects(now)[0].pid, 1u);
  EXPECT_THAT(detector.Suspects(now + 1s), IsEmpty());
}

TEST_F(Suspects, HonestOnesThatGetLittleDeeperAreNotLookedAtForLong) {
  step = 100ms;
  for (int look = 0; look < 20; ++look) Look(Goroutine(), look % 2 ? 64 * kKiB : 70 * kKiB);
  EXPECT_THAT(detector.Suspects(now), IsEmpty());
  Look(Goroutine(), 90 * kKiB);
  EXPECT_THAT(detector.Suspects(now), SizeIs(1));
}

TEST_F(Suspects, AGrowingOneIsForFiveSecondsBehindItsLastRise) {
  Grow(Goroutine());
  EXPECT_THAT(detector.Suspects(now + 4s), SizeIs(1));
  EXPECT_THAT(detector.Suspects(now + 6s), IsEmpty());
}

TEST_F(Suspects, AProcessIsOneHoweverManyStacks) {
  for (uint64_t id = 1; id <= 10; ++id) Look(Goroutine(id), 64 * kKiB);
  EXPECT_THAT(detector.Suspects(now), SizeIs(1));
}

TEST_F(Suspects, AreBounded) {
  step = 1ms;
  for (uint32_t pid = 1; pid <= 200; ++pid) Look(Goroutine(7, pid), 64 * kKiB);
  EXPECT_THAT(detector.Suspects(now), SizeIs(64));
}

TEST_F(Suspects, TheDeadAreNone) {
  Look(Goroutine(), 64 * kKiB);
  End(1, Exited(0));
  EXPECT_THAT(detector.Suspects(now), IsEmpty());
}

}  // namespace
}  // namespace profd
