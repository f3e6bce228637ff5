// Which readings are one story, and what is told of it.
#include "detector_fixture.h"

namespace profd {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kObserved = RecursionGrade::kObserved;
constexpr auto kGrowing = RecursionGrade::kGrowing;
constexpr auto kProjected = RecursionGrade::kProjected;
constexpr auto kActive = RecursionState::kActive;
constexpr auto kEnded = RecursionState::kEnded;
constexpr auto kCrashed = RecursionState::kCrashed;

class Stories : public DetectorFixture {
 public:
  /// One life of the process, from its first look to its overflow.
  void CrashOnce(uint32_t pid) {
    RunAway(Goroutine(7, pid));
    Overflow(Goroutine(7, pid));
    End(pid, Exited(2));
    now += 2s;
  }
  static RecursionReading Unnamed(RecursionReading reading, const std::string& binary = "demo") {
    reading.stack = Runaway().Unnamed(binary);
    return reading;
  }
  /// Looks with places only, and learns the names later.
  void FaultAndName(uint32_t pid, const std::string& binary) {
    RecursionReading before = Unnamed(Thread(11, pid), binary);
    before.trigger = RecursionTrigger::kFatalSignal;
    before.fault_at_stack_pointer = true;
    before.fatal = true;
    before.time = now;
    before.wall = WallOf(now);
    before.stack_bytes = 8 * kMiB - 4096;
    detector.OnReading(before);
    RecursionReading named = before;
    named.stack = Runaway();
    detector.OnNames(before, named);
    now += step;
  }
  void Restore(const std::vector<RecursionEvent>& events, bool lives) {
    detector.Restore(
        events, [lives](const Process&) { return lives; }, WallOf(now));
  }
  /// What profd wrote down in an earlier life.
  static RecursionEvent Remembered(const std::function<void(Stories&)>& life) {
    class Life : public Stories {
      void TestBody() override {}
    } earlier;
    life(earlier);
    return earlier.Story();
  }
};

TEST_F(Stories, AProgramsCycleIsOneHoweverManyGoroutinesAndThreads) {
  for (uint64_t id = 1; id <= 3; ++id) Look(Goroutine(id), 64 * kKiB);
  Look(Thread(11), 64 * kKiB);
  Look(Thread(12), 64 * kKiB);
  EXPECT_EQ(Story().occurrences, 5u);
}

TEST_F(Stories, AnotherCycleCommandOrContainerIsAnother) {
  Look(Goroutine(), 64 * kKiB);
  RecursionReading cycle = Goroutine(8), command = Goroutine(7, 2), container = Goroutine(7, 3), name_space = container;
  cycle.stack = StackOf({"leaf"}).Then({"main.other"}).Repeat(9);
  command.process.command = "other";
  container.process.container.name = "app";
  name_space.process.container = {.name = "app", .id = "", .pod = "", .name_space = "prod"};
  name_space.process.pid = 4;
  for (const RecursionReading& other : {cycle, command, container, name_space}) Look(other, 64 * kKiB);
  EXPECT_EQ(detector.Events().size(), 5u);
}

TEST_F(Stories, APodThatReplacesAnotherGoesOnWithItsStory) {
  RecursionReading first = Goroutine(7, 1), second = Goroutine(7, 2);
  first.process.container = {.name = "app", .id = "aaa", .pod = "app-1", .name_space = "prod"};
  second.process.container = {.name = "app", .id = "bbb", .pod = "app-2", .name_space = "prod"};
  Look(first, 64 * kKiB);
  Look(second, 64 * kKiB);
  EXPECT_EQ(Story().occurrences, 2u);
  EXPECT_EQ(Story().process.container.pod, "app-2");
}

TEST_F(Stories, ACrashLoopIsOneWithACount) {
  CrashOnce(1);
  const RecursionEvent first = Story();
  for (uint32_t pid = 2; pid <= 50; ++pid) CrashOnce(pid);
  EXPECT_EQ(Story().id, first.id);
  EXPECT_EQ(Story().occurrences, 50u);
  EXPECT_EQ(Story().process.pid, 50u);
  EXPECT_EQ(Story().first_seen, first.first_seen);
  EXPECT_GT(Story().last_seen, first.last_seen);
  EXPECT_EQ(State(), kCrashed);
  EXPECT_EQ(Grade(), kProjected);
}

TEST_F(Stories, ItsHistoryIsBoundedAndSaysHowItBegan) {
  CrashOnce(1);
  const std::vector<RecursionStep> first = Story().history;
  ASSERT_GE(first.size(), 3u);
  EXPECT_THAT(first[0].what, HasSubstr("growing: "));
  EXPECT_THAT(first[1].what, HasSubstr("projected: "));
  EXPECT_THAT(first[2].what, HasSubstr("crashed: "));
  for (uint32_t pid = 2; pid <= 50; ++pid) CrashOnce(pid);
  const std::vector<RecursionStep> history = Story().history;
  EXPECT_LE(history.size(), 32u);
  EXPECT_EQ(std::vector(history.begin(), history.begin() + 3), std::vector(first.begin(), first.begin() + 3));
  EXPECT_TRUE(std::ranges::is_sorted(history, {}, &RecursionStep::time));
}

TEST_F(Stories, AnHonestOccurrenceAfterACrashLeavesItsEvidence) {
  CrashOnce(1);
  const RecursionEvent crash = Story();
  // The restarted program recurses as it ought to.
  LookAtEach(Goroutine(7, 2), {64 * kKiB, 64 * kKiB, 65 * kKiB});
  EXPECT_EQ(State(), kActive);
  Pass(11s);
  RecursionEvent after = Story();
  EXPECT_EQ(after.occurrences, 1u);
  after.occurrences = crash.occurrences;
  after.last_seen = crash.last_seen;
  EXPECT_EQ(after, crash);
}

TEST_F(Stories, AnOccurrenceThatOnlyGrowsLeavesTheEvidenceOfACrash) {
  CrashOnce(1);
  Grow(Goroutine(7, 2));
  EXPECT_EQ(Grade(), kGrowing);
  Pass(11s);
  EXPECT_EQ(State(), kCrashed);
  EXPECT_EQ(Story().process.pid, 1u);
}

TEST_F(Stories, AnOccurrenceThatIsProjectedReplacesTheEvidence) {
  CrashOnce(1);
  RunAway(Goroutine(7, 2));
  Pass(11s);
  EXPECT_EQ(State(), kEnded);
  EXPECT_EQ(Grade(), kProjected);
  EXPECT_EQ(Story().process.pid, 2u);
  EXPECT_EQ(std::ranges::count_if(Story().history, [](const auto& one) { return one.what.starts_with("crashed"); }), 1);
}

TEST_F(Stories, EveryObservedOccurrenceCounts) {
  Look(Goroutine(1), 64 * kKiB);
  const WallTime first_seen = Story().first_seen;
  Pass(11s);
  Look(Goroutine(2), 64 * kKiB);
  EXPECT_EQ(Story().occurrences, 2u);
  EXPECT_EQ(Story().first_seen, first_seen);
}

TEST_F(Stories, TheDeepestStackIsShown) {
  Look(Goroutine(1), 64 * kKiB);
  Look(Goroutine(2), 200 * kKiB);
  Look(Goroutine(3), 100 * kKiB);
  EXPECT_EQ(Story().goroutine, 2u);
  EXPECT_EQ(Story().stack_bytes, 200 * kKiB);
  Look(Goroutine(3), 190 * kKiB);
  EXPECT_EQ(Story().goroutine, 2u);
  Look(Goroutine(3), 210 * kKiB);
  EXPECT_EQ(Story().goroutine, 3u);
}

TEST_F(Stories, TheNewestProcessIsShown) {
  Look(Goroutine(7, 1), 200 * kKiB);
  Look(Goroutine(7, 2), 64 * kKiB);
  EXPECT_EQ(Story().process.pid, 2u);
  Look(Goroutine(7, 1), 300 * kKiB);
  EXPECT_EQ(Story().process.pid, 2u) << "the older one goes on";
}

TEST_F(Stories, TransitionsAreToldAtOnceAndNumbersNowAndThen) {
  step = 1ms;
  Look(Goroutine(), 32 * kKiB);
  EXPECT_EQ(Changes(), 1u);
  EXPECT_EQ(Changes(), 0u) << "told already";
  Look(Goroutine(), 33 * kKiB);
  EXPECT_EQ(Changes(), 0u) << "numbers only";
  LookAtEach(Goroutine(), {34 * kKiB, 35 * kKiB, 36 * kKiB});
  const auto changes = detector.TakeChanges(now);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].event.grade, kGrowing);
  EXPECT_TRUE(changes[0].transition);
  Look(Goroutine(), 37 * kKiB);
  now += 200ms;
  const auto later = detector.TakeChanges(now);
  ASSERT_EQ(later.size(), 1u);
  EXPECT_EQ(later[0].event.stack_bytes, 37 * kKiB);
  EXPECT_FALSE(later[0].transition);
}

TEST_F(Stories, NamesThatComeLaterAreToldAtOnce) {
  Look(Unnamed(Goroutine()), 64 * kKiB);
  EXPECT_THAT(NamesOf(Story().cycle), ElementsAre("demo+main.(*Config).Get"));
  const std::string id = Story().id;
  EXPECT_EQ(Changes(), 1u);
  Look(Goroutine(), 65 * kKiB);
  EXPECT_THAT(NamesOf(Story().cycle), ElementsAre("main.(*Config).Get"));
  EXPECT_THAT(Story().advice, HasSubstr("main.(*Config).Get"));
  EXPECT_EQ(Story().id, id);
  EXPECT_EQ(Story().occurrences, 1u);
  EXPECT_EQ(Changes(), 1u);
  EXPECT_THAT(detector.TakeRemoved(), IsEmpty());
}

TEST_F(Stories, ALookWithoutNamesBelongsToTheNamedStoryOfItsStack) {
  Look(Goroutine(), 64 * kKiB);
  Look(Unnamed(Goroutine()), 65 * kKiB);
  EXPECT_THAT(NamesOf(Story().cycle), ElementsAre("main.(*Config).Get"));
  EXPECT_EQ(Story().stack_bytes, 65 * kKiB);
}

TEST_F(Stories, TheNextProcessOfABinaryIsKnownByItsPlaces) {
  Look(Unnamed(Goroutine(7, 1)), 64 * kKiB);
  Look(Goroutine(7, 1), 65 * kKiB);
  Look(Unnamed(Goroutine(7, 2)), 64 * kKiB);
  EXPECT_EQ(Story().occurrences, 2u);
  EXPECT_THAT(NamesOf(Story().cycle), ElementsAre("main.(*Config).Get"));
}

TEST_F(Stories, AProvisionalOneMergesIntoThatOfItsNames) {
  Grow(Goroutine(7, 1));
  const std::string id = Story().id;
  Pass(11s);
  // A new build: other places, the same functions.
  Grow(Unnamed(Goroutine(7, 2), "demo-2"));
  ASSERT_EQ(detector.Events().size(), 2u);
  const std::string provisional = detector.Events().front().id;
  Look(Goroutine(7, 2), 300 * kKiB);
  EXPECT_EQ(Story().id, id);
  EXPECT_EQ(Story().occurrences, 2u);
  EXPECT_EQ(Story().process.pid, 2u);
  EXPECT_EQ(Story().stack_bytes, 300 * kKiB);
  EXPECT_EQ(Grade(), kGrowing);
  EXPECT_EQ(State(), kActive);
  EXPECT_THAT(detector.TakeRemoved(), ElementsAre(provisional));
}

TEST_F(Stories, ACrashThatGetsItsNamesAfterwardsKeepsThem) {
  FaultAndName(1, "demo");
  EXPECT_EQ(State(), kCrashed);
  EXPECT_THAT(NamesOf(Story().cycle), ElementsAre("main.(*Config).Get"));
  EXPECT_THAT(Story().advice, HasSubstr("main.(*Config).Get"));
  EXPECT_THAT(NamesOf(Story().root), ElementsAre("main.handle", "main.main", "runtime.main"));
}

TEST_F(Stories, ACrashThatMergesIsTheNewestEvidence) {
  Look(Thread(11, 1), 64 * kKiB);  // once it was honest
  Pass(11s);
  const BootTime crashed = now;
  FaultAndName(2, "demo-2");
  EXPECT_EQ(Grade(), kProjected);
  EXPECT_EQ(State(), kCrashed);
  EXPECT_EQ(Story().process.pid, 2u);
  EXPECT_EQ(Story().last_seen, WallOf(crashed));
  EXPECT_EQ(Story().occurrences, 2u);
}

TEST_F(Stories, WhatWasOnlyObservedIsForgotten) {
  Look(Goroutine(), 64 * kKiB);
  const std::string id = Story().id;
  Pass(11s);
  EXPECT_EQ(State(), kEnded);
  EXPECT_THAT(detector.TakeRemoved(), IsEmpty());
  Pass(61s);
  EXPECT_THAT(detector.Events(), IsEmpty());
  EXPECT_THAT(detector.TakeRemoved(), ElementsAre(id));
  EXPECT_THAT(detector.TakeRemoved(), IsEmpty());
}

TEST_F(Stories, WhatGrewIsNot) {
  Grow(Goroutine());
  Pass(11s);
  Pass(24h);
  EXPECT_EQ(Grade(), kGrowing);
}

TEST_F(Stories, AWallClockThatGoesBackTurnsNothingAround) {
  Grow(Goroutine());
  RecursionReading late = Goroutine();
  late.time = now;
  late.wall = WallOf(now) - 24h;
  late.stack_bytes = 512 * kKiB;
  const WallTime seen = Story().last_seen;
  detector.OnReading(late);
  EXPECT_EQ(Story().stack_bytes, 512 * kKiB) << "what counts is the boot clock";
  EXPECT_EQ(Story().last_seen, seen);
  detector.OnTime(now, WallOf(now) - 24h);
  EXPECT_EQ(State(), kActive);
  late.stack_bytes = 300 * kMiB;
  detector.OnReading(late);
  ProcessEnd end{.process = ProcessOf(1), .time = now, .wall = WallOf(now) - 24h, .exit_code = kSegv};
  detector.OnProcessEnd(end);
  EXPECT_EQ(State(), kCrashed);
  EXPECT_LE(Story().first_seen, Story().last_seen);
}

TEST_F(Stories, SurviveARestartOfProfd) {
  const RecursionEvent crash = Remembered([](Stories& life) { life.CrashOnce(1); });
  Restore({crash}, false);
  EXPECT_EQ(Story(), crash);
  EXPECT_EQ(Changes(), 0u) << "nothing is new";
  CrashOnce(2);
  EXPECT_EQ(Story().id, crash.id);
  EXPECT_EQ(Story().occurrences, 2u);
  EXPECT_EQ(Story().first_seen, crash.first_seen);
}

TEST_F(Stories, OneThatWasActiveHasEndedWithItsProcess) {
  const RecursionEvent active = Remembered([](Stories& life) { life.Grow(Goroutine()); });
  ASSERT_EQ(active.state, kActive);
  now += 1min;
  Restore({active}, false);
  EXPECT_EQ(State(), kEnded);
  EXPECT_EQ(Grade(), kGrowing);
  EXPECT_EQ(Story().last_seen, active.last_seen) << "nobody has seen it since";
  EXPECT_EQ(Changes(), 1u);
}

TEST_F(Stories, OneThatWasActiveGoesOnWithItsProcess) {
  const RecursionEvent active = Remembered([](Stories& life) { life.Grow(Goroutine()); });
  now += 1min;
  Restore({active}, true);
  EXPECT_EQ(State(), kActive);
  Look(Goroutine(), 512 * kKiB);
  EXPECT_EQ(State(), kActive);
  EXPECT_EQ(Grade(), kGrowing);
  EXPECT_EQ(Story().id, active.id);
}

TEST_F(Stories, OneThatWasActiveEndsWhenItIsNotSeenAgain) {
  Restore({Remembered([](Stories& life) { life.Grow(Goroutine()); })}, true);
  Pass(1s);
  Pass(11s);
  EXPECT_EQ(State(), kEnded);
}

TEST_F(Stories, WhatCannotBeAStoryIsNotRestored) {
  const RecursionEvent good = Remembered([](Stories& life) { life.CrashOnce(1); });
  RecursionEvent no_id = good, wrong_id = good;
  no_id.id.clear();
  wrong_id.id = "not 16 hex digit";
  Restore({no_id, wrong_id, good, good}, false);
  EXPECT_EQ(Story(), good);
}

TEST_F(Stories, AProvisionalOneMergesIntoOneOfAnEarlierLife) {
  const RecursionEvent crash = Remembered([](Stories& life) { life.FaultAndName(1, "demo"); });
  Restore({crash}, false);
  FaultAndName(2, "demo");
  EXPECT_EQ(Story().id, crash.id);
  EXPECT_EQ(Story().occurrences, 2u);
  EXPECT_EQ(Story().process.pid, 2u);
}

TEST_F(Stories, AnotherProcessOfTheKindIsToldInPassingWhileTheFirstIsWorse) {
  RunAway(Goroutine(7, 1));
  Changes();
  Look(Goroutine(7, 2), 32 * kKiB);
  const auto changes = detector.TakeChanges(now);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_TRUE(changes[0].passing);
  EXPECT_EQ(changes[0].event.process.pid, 2u);
  EXPECT_EQ(changes[0].event.grade, kObserved);
  EXPECT_EQ(Story().process.pid, 1u);
  // Another stack of it, once more; and the same again is nothing new.
  Look(Goroutine(7, 2), 33 * kKiB);
  EXPECT_EQ(Changes(), 0u);
}

TEST_F(Stories, TheWorstProcessIsShownThoughANewerOneDoesTheSameHonestly) {
  Look(Goroutine(7, 2), 32 * kKiB);
  RunAway(Goroutine(7, 1));
  EXPECT_EQ(Story().process.pid, 1u);
  EXPECT_EQ(Grade(), kProjected);
  EXPECT_EQ(Story().stack_bytes, 256 * kMiB);
  Look(Goroutine(7, 2), 40 * kKiB);
  EXPECT_EQ(Story().process.pid, 1u);
}

TEST_F(Stories, OfTwoThatAreAsBadTheNewerIsShown) {
  RunAway(Goroutine(7, 1));
  RunAway(Goroutine(7, 2));
  EXPECT_EQ(Story().process.pid, 2u);
}

}  // namespace
}  // namespace profd
