#include "process/proc_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/process/fake_proc_fs.h"

namespace profd {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(ProcStatus, StartTimeIsFoundBehindAnyName) {
  const std::string rest = " R 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 19 20\n";
  EXPECT_EQ(ParseStartTicks("12 (cat)" + rest), 4711u);
  EXPECT_EQ(ParseStartTicks("12 (a b) R 1 1 1) (x)" + rest), 4711u);
  EXPECT_EQ(ParseStartTicks("12 ())" + rest), 4711u);
}

TEST(ProcStatus, StartTimeOfGarbageIsNone) {
  EXPECT_EQ(ParseStartTicks(""), std::nullopt);
  EXPECT_EQ(ParseStartTicks("12 (cat) R 1 2"), std::nullopt);
  EXPECT_EQ(ParseStartTicks("12 (cat) R 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 x"), std::nullopt);
}

TEST(ProcStatus, NamespacesAndFileUserAreRead) {
  const ProcStatus status = ParseStatus("Name:\tUid:\nUid:\t0\t1\t2\t1000\nGid:\t5\t5\t5\t5\nNSpid:\t4711\t12\t1\n");
  EXPECT_THAT(status.ns_pids, ElementsAre(4711, 12, 1));
  EXPECT_EQ(status.file_user_id, 1000u);
}

TEST(ProcStatus, WhatIsMissingStaysEmpty) {
  EXPECT_THAT(ParseStatus("NSpid:\nUid:\t1\t2").ns_pids, IsEmpty());
  EXPECT_EQ(ParseStatus("Uid:\t1\t2\n").file_user_id, std::nullopt);
  EXPECT_EQ(ParseStatus("").file_user_id, std::nullopt);
}

TEST(ProcStatus, StartTimesAreEqualWithinATickOfRounding) {
  EXPECT_TRUE(SameStart(123'456'789'000, 12345));
  EXPECT_TRUE(SameStart(123'459'999'999, 12346));
  EXPECT_TRUE(SameStart(123'450'000'000, 12344));
  EXPECT_FALSE(SameStart(123'456'789'000, 12347));
  EXPECT_FALSE(SameStart(123'456'789'000, 12343));
  EXPECT_TRUE(SameStart(0, 0));
}

TEST(ProcStatus, AnotherProcessUnderTheSameNumberIsNotFound) {
  FakeProcFs proc;
  proc.AddProcess(42, 5'000'000'000);
  EXPECT_TRUE(CheckIdentity(proc, 42, 5'000'000'123).ok());
  EXPECT_TRUE(absl::IsNotFound(CheckIdentity(proc, 42, 6'000'000'000)));
  EXPECT_TRUE(absl::IsNotFound(CheckIdentity(proc, 43, 5'000'000'000)));
}

}  // namespace
}  // namespace profd
