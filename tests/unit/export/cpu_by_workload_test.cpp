#include "export/cpu_by_workload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace profd {
namespace {

using namespace std::chrono_literals;

/// Ten seconds in which each command had so many ticks of 100 ms.
Segment SegmentOf(const std::vector<std::pair<std::string, uint64_t>>& ticks) {
  Segment segment{.start = WallTime(0s), .end = WallTime(10s), .period = 100ms};
  for (const auto& [command, count] : ticks) {
    segment.usage.push_back({.process = {.pid = 1, .command = command}, .samples = count});
  }
  return segment;
}

std::vector<std::string> Commands(const CpuByWorkload& cpu) {
  std::vector<std::string> commands;
  for (const auto& series : cpu.Top()) commands.push_back(series.workload.command);
  return commands;
}

TEST(CpuByWorkload, ProcessesOfOneNameAreOneSeries) {
  CpuByWorkload cpu;
  cpu.Add(SegmentOf({{"web", 10}, {"web", 5}, {"idle", 0}}));
  cpu.Add(SegmentOf({{"web", 5}}));
  ASSERT_EQ(cpu.Top().size(), 1u);
  EXPECT_DOUBLE_EQ(cpu.Top()[0].seconds, 2.0);
  EXPECT_DOUBLE_EQ(cpu.OtherSeconds(), 0);
}

TEST(CpuByWorkload, TheRestIsCountedInOther) {
  CpuByWorkload cpu(2);
  cpu.Add(SegmentOf({{"a", 30}, {"b", 20}, {"c", 10}}));
  EXPECT_THAT(Commands(cpu), ::testing::ElementsAre("a", "b"));
  EXPECT_DOUBLE_EQ(cpu.OtherSeconds(), 1.0);
}

TEST(CpuByWorkload, ABusierOneTakesThePlaceAndNothingGoesDown) {
  CpuByWorkload cpu(1);
  cpu.Add(SegmentOf({{"old", 10}}));
  cpu.Add(SegmentOf({{"new", 100}}));
  ASSERT_THAT(Commands(cpu), ::testing::ElementsAre("new"));
  EXPECT_DOUBLE_EQ(cpu.Top()[0].seconds, 10.0);
  EXPECT_DOUBLE_EQ(cpu.OtherSeconds(), 0) << "what had a series is not counted a second time";
  cpu.Add(SegmentOf({{"old", 10}}));
  EXPECT_DOUBLE_EQ(cpu.OtherSeconds(), 1.0);
}

TEST(CpuByWorkload, EqualsDoNotTakeTurns) {
  CpuByWorkload cpu(1);
  cpu.Add(SegmentOf({{"b", 100}}));
  for (int i = 0; i < 5; ++i) {
    cpu.Add(SegmentOf({{"a", 110}}));
    EXPECT_THAT(Commands(cpu), ::testing::ElementsAre("b"));
    cpu.Add(SegmentOf({{"b", 110}}));
  }
}

TEST(CpuByWorkload, OneThatWasBusyLongAgoMakesRoom) {
  CpuByWorkload cpu(1);
  cpu.Add(SegmentOf({{"morning", 1000}}));
  for (int i = 0; i < 6 * 60; ++i) cpu.Add(SegmentOf({{"evening", 1}}));
  EXPECT_THAT(Commands(cpu), ::testing::ElementsAre("evening"));
}

TEST(CpuByWorkload, EndlessNewNamesStayBounded) {
  CpuByWorkload cpu(2);
  for (int i = 0; i < 5000; ++i) cpu.Add(SegmentOf({{"busy", 50}, {"job" + std::to_string(i), 1}}));
  EXPECT_EQ(cpu.Top().size(), 2u);
  EXPECT_NEAR(cpu.Top()[0].seconds, 25000, 1e-6);
}

TEST(CpuByWorkload, LabelsArePrintableUtf8) {
  CpuByWorkload cpu;
  cpu.Add(SegmentOf({{"a\xff\x1b", 1}}));
  EXPECT_EQ(cpu.Top()[0].workload.command, "a\xEF\xBF\xBD?");
}

}  // namespace
}  // namespace profd
