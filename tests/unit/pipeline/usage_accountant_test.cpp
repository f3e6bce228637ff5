#include "pipeline/usage_accountant.h"

#include <gmock/gmock.h>

namespace profd {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr ProcessId kServer{.tgid = 10, .exec_id = 1, .start_time_ns = 100};

TaskUsage Reading(const ProcessId& id, milliseconds cpu) { return {.process = id, .comm = "x", .cpu = cpu}; }

ProcessEvent Event(ProcessEvent::Kind kind, const ProcessId& id, milliseconds cpu = {}) {
  return {.kind = kind, .process = id, .tid = id.tgid, .cpu = cpu, .leader_cpu = cpu};
}

// Of a thread that is not the leader.
ProcessEvent ThreadExit(ProcessEvent::Kind kind, uint32_t tid, milliseconds cpu, milliseconds leader,
                        milliseconds dead = {}) {
  return {.kind = kind, .process = kServer, .tid = tid, .cpu = cpu, .leader_cpu = leader, .dead_cpu = dead};
}

// The interval that starts when profd does; kServer is older.
constexpr BootTime kStart{150}, kEnd{1000};

std::vector<std::pair<uint32_t, int64_t>> Milliseconds(const std::vector<CpuUse>& uses) {
  std::vector<std::pair<uint32_t, int64_t>> all;
  for (const CpuUse& use : uses) all.emplace_back(use.process.tgid, use.cpu.count() / 1'000'000);
  return all;
}

TEST(UsageAccountant, CountsOnlyWhatIsUsedWhileItWatches) {
  UsageAccountant accountant({Reading(kServer, milliseconds(5000))}, kStart);
  EXPECT_THAT(Milliseconds(accountant.Close({Reading(kServer, milliseconds(5030))}, kEnd)),
              ElementsAre(std::pair(10u, 30)));
  EXPECT_THAT(Milliseconds(accountant.Close({Reading(kServer, milliseconds(5030))}, kEnd)), IsEmpty());
}

TEST(UsageAccountant, AProcessBornAndGoneWithinTheIntervalCountsInFull) {
  UsageAccountant accountant({}, kStart);
  const ProcessId child{.tgid = 11, .exec_id = 1, .start_time_ns = 200};
  accountant.OnEvent(Event(ProcessEvent::Kind::kFork, child));
  accountant.OnEvent(Event(ProcessEvent::Kind::kExit, child, milliseconds(7)));
  const auto uses = accountant.Close({}, kEnd);
  EXPECT_THAT(Milliseconds(uses), ElementsAre(std::pair(11u, 7)));
  EXPECT_TRUE(uses[0].exited);
}

TEST(UsageAccountant, ExecDividesTheTimeBetweenTwoPrograms) {
  UsageAccountant accountant({Reading(kServer, milliseconds(100))}, kStart);
  ProcessId next = kServer;
  next.exec_id = 2;
  accountant.OnEvent(Event(ProcessEvent::Kind::kExec, next, milliseconds(140)));
  const auto uses = accountant.Close({Reading(next, milliseconds(200))}, kEnd);
  ASSERT_EQ(uses.size(), 2u);
  EXPECT_EQ(uses[0].process, kServer);
  EXPECT_EQ(uses[0].cpu, milliseconds(40));
  EXPECT_TRUE(uses[0].exited);
  EXPECT_EQ(uses[1].process, next);
  EXPECT_EQ(uses[1].cpu, milliseconds(60));
}

TEST(UsageAccountant, ExitAfterAReadingIsNotCountedTwice) {
  UsageAccountant accountant({Reading(kServer, milliseconds(0))}, kStart);
  accountant.Close({Reading(kServer, milliseconds(50))}, kEnd);
  accountant.OnEvent(Event(ProcessEvent::Kind::kExit, kServer, milliseconds(60)));
  // The iterator may still have listed it, just before it went.
  EXPECT_THAT(Milliseconds(accountant.Close({Reading(kServer, milliseconds(58))}, kEnd)),
              ElementsAre(std::pair(10u, 10)));
}

TEST(UsageAccountant, TimeNeverRunsBackwards) {
  UsageAccountant accountant({Reading(kServer, milliseconds(100))}, kStart);
  EXPECT_THAT(accountant.Close({Reading(kServer, milliseconds(90))}, kEnd), IsEmpty());
  EXPECT_THAT(Milliseconds(accountant.Close({Reading(kServer, milliseconds(105))}, kEnd)),
              ElementsAre(std::pair(10u, 5)));
}

TEST(UsageAccountant, AReusedPidIsAnotherProcess) {
  UsageAccountant accountant({Reading(kServer, milliseconds(1000))}, kStart);
  ProcessId other = kServer;
  other.start_time_ns = 999;
  EXPECT_THAT(Milliseconds(accountant.Close({Reading(other, milliseconds(3))}, kEnd)), ElementsAre(std::pair(10u, 3)));
}

TEST(UsageAccountant, AnOldProcessFirstHeardOfNowStartsWithThisReading) {
  UsageAccountant accountant({}, kStart);
  EXPECT_THAT(accountant.Close({Reading(kServer, milliseconds(3'600'000))}, kEnd), IsEmpty());
  EXPECT_THAT(Milliseconds(accountant.Close({Reading(kServer, milliseconds(3'600'005))}, BootTime(2000))),
              ElementsAre(std::pair(10u, 5)));
}

TEST(UsageAccountant, ASecondExitAfterTheIntervalCountsNothing) {
  UsageAccountant accountant({Reading(kServer, milliseconds(100))}, kStart);
  accountant.OnEvent(Event(ProcessEvent::Kind::kExit, kServer, milliseconds(110)));
  EXPECT_THAT(Milliseconds(accountant.Close({}, kEnd)), ElementsAre(std::pair(10u, 10)));
  accountant.OnEvent(Event(ProcessEvent::Kind::kExit, kServer, milliseconds(110)));
  EXPECT_THAT(accountant.Close({}, BootTime(2000)), IsEmpty());
}

TEST(UsageAccountant, ThreadsThatEndTogetherAllCount) {
  UsageAccountant accountant({Reading(kServer, milliseconds(1000))}, kStart);
  // 400 ms are those of threads gone long ago; the last thread sees one of the three in that sum, and not the others.
  accountant.OnEvent(
      ThreadExit(ProcessEvent::Kind::kThreadExit, 11, milliseconds(300), milliseconds(250), milliseconds(400)));
  accountant.OnEvent(
      ThreadExit(ProcessEvent::Kind::kThreadExit, 10, milliseconds(260), milliseconds(260), milliseconds(400)));
  accountant.OnEvent(
      ThreadExit(ProcessEvent::Kind::kExit, 12, milliseconds(200), milliseconds(260), milliseconds(700)));
  EXPECT_THAT(Milliseconds(accountant.Close({}, kEnd)), ElementsAre(std::pair(10u, 160)));
}

TEST(UsageAccountant, ALeaderThatEndedFirstCounts) {
  UsageAccountant accountant({Reading(kServer, milliseconds(100))}, kStart);
  accountant.OnEvent(ThreadExit(ProcessEvent::Kind::kExit, 11, milliseconds(50), milliseconds(80)));
  EXPECT_THAT(Milliseconds(accountant.Close({}, kEnd)), ElementsAre(std::pair(10u, 30)));
}

}  // namespace
}  // namespace profd
