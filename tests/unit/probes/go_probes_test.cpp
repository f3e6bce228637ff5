#include "probes/go_probes.h"

#include <gmock/gmock.h>

#include "fake_probes.h"

namespace profd {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::SizeIs;
using ::testing::StartsWith;

TEST(SitesOf, AreBehindTheStackChecks) {
  const auto sites = SitesOf(BinaryFile::Facts());
  ASSERT_TRUE(sites.ok()) << sites.status();
  EXPECT_EQ(sites->fatal_error, BinaryFile::kErrorAt + 4);
  EXPECT_TRUE(sites->with_growth);
  EXPECT_EQ(sites->stack_growth, BinaryFile::kGrowthAt + 4);
}

TEST(SitesOf, AFrequentProbeIsNeverSingleStepped) {
  GoFacts facts = BinaryFile::Facts();
  facts.stack_growth.code = facts.fatal_error.code = "\x48\x83\xec\x18\x48\x89";
  const auto sites = SitesOf(facts);
  ASSERT_TRUE(sites.ok()) << sites.status();
  EXPECT_FALSE(sites->with_growth);
  EXPECT_EQ(sites->fatal_error, BinaryFile::kErrorAt) << "that one is cold";
}

TEST(SitesOf, WithoutTheGrowthFunctionTheErrorsRemain) {
  GoFacts facts = BinaryFile::Facts();
  facts.stack_growth = {};
  ASSERT_TRUE(SitesOf(facts).ok());
  EXPECT_FALSE(SitesOf(facts)->with_growth);
}

TEST(SitesOf, RefusesWhereItsGoroutineOrItsErrorsAreNotKnown) {
  GoFacts no_tls = BinaryFile::Facts(), no_error = BinaryFile::Facts();
  no_tls.tls_g_known = false;
  no_error.fatal_error = {};
  EXPECT_TRUE(absl::IsFailedPrecondition(SitesOf(no_tls).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(SitesOf(no_error).status()));
}

class GoProbesTest : public ::testing::Test {
 protected:
  static ProcessId ProcessOf(uint32_t pid) { return {.tgid = pid, .exec_id = 1, .start_time_ns = 5}; }
  /// A process has paid so much; a hit's trap is 1 us.
  void Cost(uint32_t pid, uint64_t hits, std::chrono::nanoseconds program = {}, uint32_t binary = 0) {
    probes.OnCost({.process = ProcessOf(pid), .binary = binary, .hits = hits, .program = program});
  }
  std::string State(size_t at = 0) const { return probes.List().at(at).state; }
  GoBinary RunBy(uint64_t number) {
    GoBinary binary = file.Binary(number);
    binary.process.tgid = static_cast<uint32_t>(number);
    return binary;
  }
  bool HasGrowthProbe(uint32_t binary = 0) const { return attacher.attached().at(binary).with_growth; }

  FakeAttacher attacher;
  BinaryFile file;
  std::map<uint32_t, std::chrono::nanoseconds> cpu;  // of the living, by pid
  GoProbes probes{&attacher,
                  [this](const ProcessId& process) -> std::optional<std::chrono::nanoseconds> {
                    const auto found = cpu.find(process.tgid);
                    if (found == cpu.end()) return std::nullopt;
                    return found->second;
                  },
                  0.01};
};

TEST_F(GoProbesTest, ANewBinaryGetsBothProbes) {
  EXPECT_TRUE(probes.Consider(file.Binary()));
  ASSERT_THAT(attacher.attached(), SizeIs(1));
  EXPECT_EQ(attacher.attached().at(0).fatal_error, BinaryFile::kErrorAt + 4);
  EXPECT_TRUE(HasGrowthProbe());
  const ProbedBinary listed = probes.List().at(0);
  EXPECT_EQ(listed.path, "/bin/go1");
  EXPECT_EQ(listed.version, "go1.24.4");
  EXPECT_EQ(listed.state, "armed");
  EXPECT_TRUE(listed.armed);
}

TEST_F(GoProbesTest, ABinaryIsConsideredOnce) {
  probes.Consider(file.Binary());
  EXPECT_FALSE(probes.Consider(file.Binary()));
  EXPECT_THAT(attacher.log(), ElementsAre("attach 0"));
}

TEST_F(GoProbesTest, OneWithoutAPlaceIsRefusedAndSaysWhy) {
  GoBinary binary = file.Binary();
  binary.facts.tls_g_known = false;
  EXPECT_TRUE(probes.Consider(std::move(binary)));
  EXPECT_THAT(attacher.log(), IsEmpty());
  EXPECT_THAT(State(), StartsWith("refused: "));
  EXPECT_FALSE(probes.List()[0].armed);
}

TEST_F(GoProbesTest, OneWhoseCodeHasChangedIsRefused) {
  file.Change(BinaryFile::kGrowthAt + 1);
  probes.Consider(file.Binary());
  EXPECT_THAT(attacher.attached(), IsEmpty());
  EXPECT_THAT(State(), HasSubstr("changed"));
}

TEST_F(GoProbesTest, OneThatTheKernelRefusesSaysWhy) {
  attacher.Fail("no uprobes here");
  probes.Consider(file.Binary());
  EXPECT_EQ(State(), "failed: no uprobes here");
  EXPECT_FALSE(probes.List()[0].armed);
}

TEST_F(GoProbesTest, OneWithoutAGrowthPlaceIsArmedAtErrorsOnly) {
  GoBinary binary = file.Binary();
  binary.facts.stack_growth = {};
  probes.Consider(std::move(binary));
  EXPECT_FALSE(HasGrowthProbe());
  EXPECT_THAT(State(), HasSubstr("fatal errors only"));
}

TEST_F(GoProbesTest, WithinItsBudgetAProcessKeepsItsProbes) {
  probes.Consider(file.Binary());
  cpu[1] = 10s;
  Cost(1, 50'000, 30ms);  // 120 ms: 1 % and the first second's overdraft
  EXPECT_TRUE(HasGrowthProbe());
  EXPECT_FALSE(probes.IsOpen());
  EXPECT_EQ(probes.List()[0].hits, 50'000u);
  EXPECT_EQ(probes.List()[0].cost, 120ms);
}

TEST_F(GoProbesTest, DebtTakesTheGrowthProbeAndLeavesTheOther) {
  probes.Consider(file.Binary());
  cpu[1] = 10s;
  Cost(1, 50'000, 30ms + 1us);
  EXPECT_FALSE(HasGrowthProbe());
  EXPECT_EQ(attacher.attached().at(0).fatal_error, BinaryFile::kErrorAt + 4);
  EXPECT_TRUE(probes.IsOpen());
  EXPECT_THAT(State(), StartsWith("metered: pid 1 paid 120 ms for 50000 hits"));
  EXPECT_TRUE(probes.List()[0].armed);
}

TEST_F(GoProbesTest, TheTrapIsPartOfThePrice) {
  probes.Consider(file.Binary());
  cpu[1] = 0s;
  Cost(1, 13'333);
  EXPECT_TRUE(HasGrowthProbe());
  Cost(1, 13'334);
  EXPECT_FALSE(HasGrowthProbe());
}

TEST_F(GoProbesTest, OtherBinariesKeepTheirs) {
  probes.Consider(file.Binary(1));
  probes.Consider(file.Binary(2));
  cpu[1] = 0s;
  Cost(1, 100'000, {}, 1);
  EXPECT_TRUE(HasGrowthProbe(0));
  EXPECT_FALSE(HasGrowthProbe(1));
}

TEST_F(GoProbesTest, APaidDebtBringsTheProbeBack) {
  probes.Consider(file.Binary());
  cpu[1] = 1s;
  Cost(1, 100'000);
  cpu[1] = 14s + 900ms;
  probes.Settle(1000s);
  EXPECT_FALSE(HasGrowthProbe()) << "there is no overdraft for what is in debt";
  cpu[1] = 15s;
  probes.Settle(1000s);
  EXPECT_TRUE(HasGrowthProbe());
  EXPECT_EQ(State(), "armed");
  EXPECT_FALSE(probes.IsOpen());
}

TEST_F(GoProbesTest, OneThatRunsIntoDebtAgainLosesItAgain) {
  probes.Consider(file.Binary());
  cpu[1] = 1s;
  Cost(1, 100'000);
  cpu[1] = 15s;
  probes.Settle(1000s);
  Cost(1, 300'000);
  EXPECT_FALSE(HasGrowthProbe());
}

TEST_F(GoProbesTest, TheDebtOfTheDeadIsForgotten) {
  probes.Consider(file.Binary());
  cpu[1] = 0s;
  Cost(1, 100'000);
  cpu.erase(1);
  probes.Settle(1000s);
  EXPECT_TRUE(HasGrowthProbe());
  Cost(1, 200'000);
  EXPECT_TRUE(HasGrowthProbe()) << "what it still had to tell";
}

TEST_F(GoProbesTest, AllDebtorsMustHavePaid) {
  probes.Consider(file.Binary());
  cpu = {{1, 0s}, {2, 0s}};
  Cost(1, 100'000);
  Cost(2, 200'000);
  cpu[1] = 15s;
  probes.Settle(1000s);
  EXPECT_FALSE(HasGrowthProbe());
  cpu[2] = 30s;
  probes.Settle(1000s);
  EXPECT_TRUE(HasGrowthProbe());
}

TEST_F(GoProbesTest, NothingIsArmedWhileOff) {
  probes.Consider(file.Binary(1));
  probes.SetEnabled(false);
  EXPECT_THAT(attacher.attached(), IsEmpty());
  EXPECT_EQ(State(), "off");
  probes.Consider(file.Binary(2));
  cpu[1] = 0s;
  Cost(1, 100'000);
  cpu[1] = 100s;
  probes.Settle(1000s);
  EXPECT_THAT(attacher.attached(), IsEmpty());
  probes.SetEnabled(true);
  EXPECT_THAT(attacher.attached(), SizeIs(2));
  EXPECT_TRUE(HasGrowthProbe(0));
  EXPECT_TRUE(HasGrowthProbe(1));
}

TEST_F(GoProbesTest, ADebtOutlivesOffAndOn) {
  probes.Consider(file.Binary());
  cpu[1] = 0s;
  Cost(1, 100'000);
  probes.SetEnabled(false);
  probes.SetEnabled(true);
  EXPECT_FALSE(HasGrowthProbe());
}

TEST_F(GoProbesTest, WhatIsOffIsDetachedOnce) {
  probes.Consider(file.Binary());
  probes.SetEnabled(false);
  probes.SetEnabled(false);
  EXPECT_THAT(attacher.log(), ElementsAre("attach 0", "detach 0"));
}

TEST_F(GoProbesTest, WhatCannotBeArmedAnewIsDetached) {
  probes.Consider(file.Binary());
  file.Change(BinaryFile::kErrorAt + 1);
  cpu[1] = 0s;
  Cost(1, 100'000);
  EXPECT_THAT(State(), StartsWith("refused: "));
  EXPECT_THAT(attacher.attached(), IsEmpty()) << "or nobody ever takes it away";
}

TEST_F(GoProbesTest, OneThatNobodyRunsGivesWayAndNoOther) {
  for (uint64_t number = 1; number <= 256; ++number) probes.Consider(RunBy(number));
  EXPECT_FALSE(probes.Consider(RunBy(257))) << "all are in use";
  EXPECT_THAT(attacher.attached(), SizeIs(256));
  probes.OnEnd(RunBy(5).process, 100s);
  EXPECT_TRUE(probes.Consider(RunBy(257)));
  EXPECT_THAT(attacher.attached(), SizeIs(256));
  EXPECT_FALSE(attacher.attached().contains(4)) << "the fifth, counted from 0";
}

TEST_F(GoProbesTest, OneThatNobodyRunsIsLetGoAfterAWhile) {
  probes.Consider(RunBy(1));
  probes.OnEnd(RunBy(1).process, 100s);
  EXPECT_TRUE(probes.IsOpen());
  probes.Settle(160s);
  EXPECT_THAT(attacher.attached(), SizeIs(1));
  probes.Settle(800s);
  EXPECT_THAT(attacher.attached(), IsEmpty());
  EXPECT_THAT(probes.List(), IsEmpty());
}

TEST_F(GoProbesTest, OneThatIsRunAgainStays) {
  probes.Consider(RunBy(1));
  probes.OnEnd(RunBy(1).process, 100s);
  probes.Consider(RunBy(1));
  probes.Settle(800s);
  EXPECT_THAT(attacher.attached(), SizeIs(1));
}

TEST_F(GoProbesTest, NumbersStayBelow1024AndAreNeverShared) {
  for (uint64_t number = 1; number <= 2500; ++number) {
    probes.Consider(RunBy(number));
    if (number >= 256) probes.OnEnd(RunBy(number).process, 100s);
  }
  const auto attached = attacher.attached();
  EXPECT_THAT(attached, SizeIs(256));
  EXPECT_LT(attached.rbegin()->first, 1024u);
}

TEST_F(GoProbesTest, ACostOfAnUnknownBinaryIsNobodys) {
  probes.Consider(file.Binary());
  cpu[1] = 0s;
  Cost(1, 100'000, {}, 77);
  EXPECT_TRUE(HasGrowthProbe());
  EXPECT_EQ(probes.List()[0].hits, 0u);
}

TEST_F(GoProbesTest, ItsEndDetachesEverything) {
  {
    GoProbes others(
        &attacher, [](const ProcessId&) { return std::nullopt; }, 0.01);
    others.Consider(file.Binary(1));
    others.Consider(file.Binary(2));
    EXPECT_THAT(attacher.attached(), SizeIs(2));
  }
  EXPECT_THAT(attacher.attached(), IsEmpty());
}

}  // namespace
}  // namespace profd
