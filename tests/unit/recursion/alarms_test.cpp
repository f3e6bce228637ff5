// When an alarm is given, and when it is over.
#include "detector_fixture.h"

namespace profd {
namespace {

using namespace std::chrono_literals;

constexpr auto kGrowing = RecursionGrade::kGrowing;
constexpr auto kProjected = RecursionGrade::kProjected;
constexpr auto kActive = RecursionState::kActive;
constexpr auto kEnded = RecursionState::kEnded;
constexpr auto kCrashed = RecursionState::kCrashed;

using Alarms = DetectorFixture;

TEST_F(Alarms, AnHonestOccurrenceAfterACrashIsPassingAndNoNewAlarm) {
  RunAway(Goroutine(7, 1));
  Overflow(Goroutine(7, 1));
  End(1, Exited(2));
  detector.TakeChanges(now);
  const RecursionEvent crash = Story();
  Look(Goroutine(7, 2), 32 * kKiB);
  for (const RecursionChange& change : detector.TakeChanges(now)) EXPECT_TRUE(change.passing);
  RecursionReading back = Goroutine(7, 2);
  back.stack = Flat();
  Look(back, kKiB);
  size_t told = 0;
  for (const RecursionChange& change : detector.TakeChanges(now)) {
    EXPECT_TRUE(change.passing);
    EXPECT_NE(change.event.state, kActive);
    EXPECT_NE(change.event.state, kCrashed) << "it has not crashed again";
    ++told;
  }
  EXPECT_EQ(told, 1u) << "who watches learns that it is over";
  EXPECT_EQ(Story(), crash);
}

TEST_F(Alarms, ARunawayIsToldThoughAnEarlierOneOfItsProcessCameBackAndAnotherStackIsHonest) {
  Look(Goroutine(2), 64 * kKiB);
  RunAway(Goroutine(1));
  RecursionReading back = Goroutine(1);
  back.stack = Flat();
  Look(back, kKiB);
  Look(Goroutine(2), 64 * kKiB);
  EXPECT_EQ(State(), kEnded);
  RunAway(Goroutine(3));
  EXPECT_EQ(State(), kActive);
  EXPECT_EQ(Grade(), kProjected);
  EXPECT_EQ(Story().goroutine, 3u);
}

TEST_F(Alarms, OneThatStandsStillIsNoLongerProjected) {
  RunAway(Goroutine());
  EXPECT_EQ(Grade(), kProjected);
  for (int second = 0; second < 8; ++second) {
    now += 1s;
    Look(Goroutine(), 256 * kMiB);
  }
  EXPECT_EQ(Grade(), kGrowing) << Story().reason;
}

}  // namespace
}  // namespace profd
