// How a recursion ends: it comes back, nobody sees it any more, or its process dies of it.
#include "detector_fixture.h"

namespace profd {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr auto kObserved = RecursionGrade::kObserved;
constexpr auto kGrowing = RecursionGrade::kGrowing;
constexpr auto kProjected = RecursionGrade::kProjected;
constexpr auto kActive = RecursionState::kActive;
constexpr auto kEnded = RecursionState::kEnded;
constexpr auto kCrashed = RecursionState::kCrashed;

using Ends = DetectorFixture;

TEST_F(Ends, AStackWithoutTheCycleHasComeBack) {
  Grow(Goroutine());
  RecursionReading flat = Goroutine();
  flat.stack = Flat();
  Look(flat, 2 * kKiB);
  EXPECT_EQ(State(), kEnded);
  EXPECT_EQ(Grade(), kGrowing) << "what it was stays known";
  EXPECT_THAT(Story().reason, HasSubstr("came back"));
  EXPECT_EQ(Story().seconds_to_overflow, std::nullopt);
  EXPECT_EQ(Story().growth_bytes_per_second, 0);
}

TEST_F(Ends, OfWhatWasReadInPartOnlyNothingEnds) {
  Grow(Goroutine());
  RecursionReading part = Goroutine();
  part.stack = StackOf({"runtime.memmove"}).Truncated();
  LookAtEach(part, {256 * kKiB, 0});
  EXPECT_EQ(State(), kActive);
}

TEST_F(Ends, LessThanHalfOfItsDeepestHasComeBack) {
  Grow(Goroutine());
  Look(Goroutine(), 128 * kKiB);
  EXPECT_EQ(Story().occurrences, 1u) << "half is not less";
  EXPECT_EQ(Grade(), kGrowing);
  Look(Goroutine(), 127 * kKiB);
  EXPECT_EQ(Story().occurrences, 2u);
  // The next one begins anew.
  LookAtEach(Goroutine(), {254 * kKiB, 300 * kKiB});
  Pass(11s);
  EXPECT_EQ(Story().stack_bytes, 128 * kKiB) << "the one that grew is what is known";
}

TEST_F(Ends, UnseenForTenSecondsItHasEnded) {
  Grow(Goroutine());
  now -= step;
  Pass(10s);
  EXPECT_EQ(State(), kActive);
  Pass(1ms);
  EXPECT_EQ(State(), kEnded);
  EXPECT_THAT(Story().reason, HasSubstr("not seen for 10 s"));
}

TEST_F(Ends, NotToBeSeenIsNoSight) {
  Grow(Goroutine());
  const WallTime seen = WallOf(now - step);
  Pass(11s);
  EXPECT_EQ(Story().last_seen, seen);
}

TEST_F(Ends, OneOfSeveralStacksIsNotTheEnd) {
  Grow(Goroutine(1));
  Grow(Goroutine(2));
  RecursionReading flat = Goroutine(1);
  flat.stack = Flat();
  Look(flat, kKiB);
  EXPECT_EQ(State(), kActive);
  flat.goroutine = 2;
  Look(flat, kKiB);
  EXPECT_EQ(State(), kEnded);
}

TEST_F(Ends, ARunawayThatCameBackIsOverThoughAnHonestStackGoesOn) {
  Look(Goroutine(2), 64 * kKiB);
  RunAway(Goroutine(1));
  RecursionReading flat = Goroutine(1);
  flat.stack = Flat();
  Look(flat, kKiB);
  for (int look = 0; look < 20; ++look) {
    now += 1s;
    Look(Goroutine(2), 64 * kKiB);
    Pass(0s);
  }
  EXPECT_FALSE(Story().state == kActive && Story().grade == kProjected) << Story().reason;
}

TEST_F(Ends, AFatalSignalNearTheLimitIsACrashInOneReading) {
  Fault(Thread(), 8 * kMiB - 4096);
  EXPECT_EQ(Grade(), kProjected);
  EXPECT_EQ(State(), kCrashed);
  EXPECT_EQ(Story().trigger, RecursionTrigger::kFatalSignal);
  EXPECT_EQ(Story().occurrences, 1u);
  EXPECT_THAT(Story().reason, HasSubstr("end of its stack"));
  EXPECT_EQ(Changes(), 1u);
  End(1, kSegv);
  EXPECT_EQ(State(), kCrashed);
  EXPECT_EQ(Grade(), kProjected);
}

TEST_F(Ends, AFaultFarFromTheLimitIsSomethingElse) {
  Fault(Thread(), 2 * kMiB);
  EXPECT_EQ(Grade(), kObserved);
  End(1, kSegv);
  EXPECT_EQ(State(), kEnded);
  EXPECT_EQ(Grade(), kObserved);
}

TEST_F(Ends, AFaultFarFromTheLimitIsSomethingElseThoughTheStackGrew) {
  Grow(Thread());
  Fault(Thread(), 300 * kKiB);
  End(1, kSegv);
  EXPECT_EQ(State(), kEnded) << Story().reason;
}

TEST_F(Ends, AFaultElsewhereProvesNothingHoweverDeepTheStack) {
  RecursionReading reading = Thread();
  reading.limit.bytes = 5 * kMiB;
  Fault(reading, 5 * kMiB);
  EXPECT_EQ(Grade(), kObserved);
  EXPECT_EQ(State(), kActive);
}

TEST_F(Ends, AHandledFaultIsNoCrashYet) {
  Fault(Thread(), 8 * kMiB - 4096, false);
  EXPECT_EQ(State(), kActive);
  EXPECT_LT(Grade(), kProjected);
}

TEST_F(Ends, AHandledFaultIsACrashWhenItsProcessDiesByASignal) {
  Fault(Thread(), 8 * kMiB - 4096, false);
  End(1, kSegv);
  EXPECT_EQ(State(), kCrashed);
  EXPECT_EQ(Grade(), kProjected);
}

TEST_F(Ends, AHandledFaultIsNoneWhenItsProcessExits) {
  // A Java VM throws, and its program ends some time.
  for (const uint32_t status : {0u, 1u, 2u}) {
    const uint32_t pid = 10 + status;
    Fault(Thread(11, pid), 8 * kMiB - 4096, false);
    End(pid, Exited(status));
    EXPECT_EQ(State(), kEnded) << status;
    EXPECT_EQ(Grade(), kObserved) << status;
  }
}

TEST_F(Ends, AFaultThatTheGoRuntimeHandlesIsACrashWhenItGivesUp) {
  RecursionReading reading = Thread();  // C that Go has called
  reading.go_runtime = true;
  Fault(reading, 8 * kMiB - 4096, false);
  EXPECT_EQ(State(), kActive);
  End(1, Exited(2));
  EXPECT_EQ(State(), kCrashed);
  EXPECT_EQ(Grade(), kProjected);
}

TEST_F(Ends, AHandledFaultIsNoneWhenTheStackCameBackBeforeTheSignal) {
  Fault(Thread(), 8 * kMiB - 4096, false);
  Look(Thread(), 100 * kKiB);
  End(1, kSegv);
  EXPECT_NE(State(), kCrashed);
}

TEST_F(Ends, GosOverflowIsACrashInOneReading) {
  Overflow(Goroutine());
  EXPECT_EQ(Grade(), kProjected);
  EXPECT_EQ(State(), kCrashed);
  EXPECT_THAT(Story().reason, HasSubstr("stack overflow"));
  End(1, Exited(2));
  EXPECT_EQ(State(), kCrashed);
}

TEST_F(Ends, AGoRunawayWhoseProgramExitsWithTwoHasOverflown) {
  RunAway(Goroutine());
  Look(Goroutine(), 300 * kMiB);
  End(1, Exited(2));
  EXPECT_EQ(State(), kCrashed);
}

TEST_F(Ends, AnExitIsNoCrash) {
  RunAway(Goroutine());
  Look(Goroutine(), 300 * kMiB);
  End(1, Exited(0));
  EXPECT_EQ(State(), kEnded);
  Grow(Goroutine(7, 2));
  End(2, Exited(2));
  EXPECT_EQ(State(), kEnded) << "with two, but from far below the limit: os.Exit(2)";
}

TEST_F(Ends, AFaultThatWasNotSeenIsACrashOfAStackThatWasNearlyFull) {
  Grow(Thread());
  End(1, kSegv);
  EXPECT_EQ(State(), kEnded) << "256 KiB of 8 MiB: the fault was something else's";
  Grow(Thread(11, 2));
  Look(Thread(11, 2), 5 * kMiB);
  End(2, kSegv);
  EXPECT_EQ(State(), kCrashed);
}

TEST_F(Ends, AFaultAtTheStackPointerIsAnOverflowWhateverTheLimit) {
  RecursionReading reading = Thread();
  reading.limit = {};
  reading.fault_at_stack_pointer = true;
  Fault(reading, 500 * kKiB);
  EXPECT_EQ(State(), kCrashed);
  EXPECT_EQ(Grade(), RecursionGrade::kProjected);
}

TEST_F(Ends, WhatWasSeenLongBeforeTheDeathIsNotItsReason) {
  Grow(Thread());
  Look(Thread(), 5 * kMiB);
  now += 9s;
  End(1, kSegv);
  EXPECT_EQ(State(), kEnded);
}

TEST_F(Ends, OneThatIsToldToStopHasNotCrashed) {
  Grow(Goroutine(7, 1));
  End(1, kTerm);
  EXPECT_EQ(State(), kEnded) << Story().reason;
  Grow(Goroutine(7, 2));
  End(2, kKill);
  EXPECT_EQ(State(), kEnded) << Story().reason;
}

TEST_F(Ends, WhatOnlyStoodThereHasNotKilledItsProcess) {
  LookAtEach(Thread(), {64 * kKiB, 64 * kKiB});
  End(1, kSegv);
  EXPECT_EQ(State(), kEnded);
  EXPECT_EQ(Grade(), kObserved);
}

TEST_F(Ends, AnOomKillOfAProcessWithAGrowingStack) {
  Grow(Goroutine());
  detector.OnOomKill(1, 0, now);
  EXPECT_EQ(State(), kActive) << "chosen, but not dead";
  End(1, kKill);
  EXPECT_EQ(State(), RecursionState::kOomKilled);
  EXPECT_THAT(Story().reason, HasSubstr("OOM killer"));
}

TEST_F(Ends, AnOomKillThatNamesAThread) {
  Grow(Goroutine());
  detector.OnOomKill(0, 101, now);
  End(1, kKill);
  EXPECT_EQ(State(), RecursionState::kOomKilled);
}

TEST_F(Ends, AnOomKillMayBeToldBeforeTheLooksAreThatItFollowed) {
  detector.OnOomKill(1, 0, now + 1s);
  Grow(Goroutine());
  now += 1s;
  End(1, kKill);
  EXPECT_EQ(State(), RecursionState::kOomKilled);
}

TEST_F(Ends, AnOomKillOfAnotherProcessIsNotThisOnes) {
  Grow(Goroutine());
  detector.OnOomKill(2, 0, now);
  detector.OnOomKill(0, 999, now);
  End(1, kKill);
  EXPECT_EQ(State(), kEnded);
}

TEST_F(Ends, AnHonestStackIsNotToBlameForAnOomKill) {
  LookAtEach(Goroutine(), {64 * kKiB, 64 * kKiB});
  detector.OnOomKill(1, 0, now);
  End(1, kKill);
  EXPECT_EQ(State(), kEnded);
}

TEST_F(Ends, TheEndOfAnotherProgramIsNotThisOnes) {
  RunAway(Goroutine());
  Look(Goroutine(), 300 * kMiB);
  End(2, kSegv);
  ProcessEnd before_exec{.process = ProcessOf(1), .time = now, .wall = WallOf(now), .exit_code = 0};
  before_exec.process.exec_id = 0;
  detector.OnProcessEnd(before_exec);
  ProcessEnd pid_was_reused = before_exec;
  pid_was_reused.process = ProcessOf(1);
  pid_was_reused.process.start_time_ns = 3;
  detector.OnProcessEnd(pid_was_reused);
  EXPECT_EQ(State(), kActive);
  End(1, kSegv);
  EXPECT_EQ(State(), kCrashed);
}

TEST_F(Ends, ADeathIsThatOfAllStacksOfTheProcess) {
  for (uint64_t id = 1; id <= 3; ++id) RunAway(Goroutine(id));
  Grow(Goroutine(1, 2));
  RecursionReading other = Goroutine(9);
  other.stack = StackOf({"leaf"}).Then({"main.other"}).Repeat(500).Then({"main.main"});
  RunAway(other);
  Look(other, 300 * kMiB);
  End(1, kSegv);
  for (const RecursionEvent& event : detector.Events()) {
    EXPECT_TRUE(event.state == kCrashed || event.cycle[0].name != "main.other");
  }
  EXPECT_EQ(detector.Events().size(), 2u);
}

TEST_F(Ends, LooksThatComeOutOfOrderEndNothing) {
  Grow(Goroutine());
  const BootTime last = now;
  now -= 500ms;
  Look(Goroutine(), 32 * kKiB);
  RecursionReading flat = Goroutine();
  flat.stack = Flat();
  Look(flat, kKiB);
  now = last;
  EXPECT_EQ(State(), kActive);
  EXPECT_EQ(Story().stack_bytes, 256 * kKiB);
  EXPECT_EQ(Story().occurrences, 1u);
}

TEST_F(Ends, ALookFromBeforeTheCrashChangesNothing) {
  RunAway(Goroutine());
  Overflow(Goroutine());
  End(1, Exited(2));
  const RecursionEvent crash = Story();
  now -= 100ms;
  Look(Goroutine(), 64 * kMiB);
  EXPECT_EQ(Story(), crash);
}

TEST_F(Ends, WhatOtherStacksDoMeanwhileIsNotTheCrash) {
  RunAway(Goroutine(1));
  Grow(Goroutine(2));
  Overflow(Goroutine(1));
  // The runtime prints, and others go on until it is done.
  LookAtEach(Goroutine(2), {260 * kKiB, 270 * kKiB});
  EXPECT_EQ(State(), kCrashed);
  EXPECT_EQ(Story().goroutine, 1u);
  EXPECT_EQ(Story().stack_bytes, 511 * kMiB);
  EXPECT_EQ(Story().seconds_to_overflow, std::nullopt);
}

TEST_F(Ends, WhatIsSaidToHaveCrashedIsTheProcessThatDid) {
  Grow(Goroutine(7, 1));
  Grow(Goroutine(7, 2));
  Overflow(Goroutine(7, 1));
  End(1, Exited(2));
  LookAtEach(Goroutine(7, 2), {260 * kKiB, 270 * kKiB});
  EXPECT_FALSE(Story().state == kCrashed && Story().process.pid == 2) << Story().reason;
}

TEST_F(Ends, ADeathIsNotForgottenForAnotherProcessThatGrewMeanwhile) {
  Grow(Goroutine(7, 1));
  RunAway(Goroutine(7, 2));
  Overflow(Goroutine(7, 2));
  End(2, Exited(2));
  EXPECT_EQ(State(), kCrashed);
  Grow(Goroutine(7, 1));
  End(1, kKill);
  EXPECT_EQ(State(), kCrashed);
  EXPECT_EQ(Story().process.pid, 2u);
}

TEST_F(Ends, OfTwoProcessesOfAStoryTheDeadOneIsNamed) {
  RunAway(Goroutine(7, 2));  // newer, and as bad: it is shown
  Grow(Goroutine(7, 1));
  detector.OnOomKill(1, 0, now);
  End(1, kKill);
  EXPECT_EQ(State(), RecursionState::kOomKilled);
  EXPECT_EQ(Story().process.pid, 1u);
  EXPECT_EQ(Story().stack_bytes, 256 * kKiB);
}

TEST_F(Ends, OfTheStacksOfADeadProcessTheWorstIsShown) {
  RunAway(Goroutine(7));
  Grow(Goroutine(8));
  Grow(Goroutine(6));
  detector.OnOomKill(1, 0, now);
  End(1, kKill);
  EXPECT_EQ(State(), RecursionState::kOomKilled);
  EXPECT_EQ(Story().goroutine, 7u);
  EXPECT_EQ(Story().stack_bytes, 256 * kMiB);
}

}  // namespace
}  // namespace profd
