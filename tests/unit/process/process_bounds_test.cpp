// What is forgotten, and when.
#include "unit/process/process_table_fixture.h"

namespace profd {
namespace {

using testing::UnorderedElementsAre;

TEST_F(ProcessTableTest, ExitedProcessesStayUntilTheyAreForgotten) {
  table_.OnSeen(Id(7), "app");
  table_.OnSeen(Id(8), "other");
  table_.OnExit(Id(7), At(500));
  table_.ForgetExitedBefore(At(500));
  EXPECT_EQ(table_.Details(Id(7)).process.command, "app");
  table_.ForgetExitedBefore(At(501));
  EXPECT_EQ(table_.Details(Id(7)).process.command, "");
  EXPECT_EQ(table_.size(), 1u);
  EXPECT_EQ(table_.evicted(), 0u);
}

TEST_F(ProcessTableTest, OnlyTheLivingAreVisitedAndTheVisitorMayAsk) {
  for (uint32_t pid = 1; pid <= 5; ++pid) table_.OnSeen(Id(pid), "p");
  table_.OnExit(Id(3), At(500));
  AddAlive(Id(4));
  table_.OnExec(Id(4, 2), "q", At(600));
  std::vector<ProcessId> visited;
  table_.ForEach([&](const ProcessId& id, const ProcessDetails&) {
    visited.push_back(id);
    table_.OnSeen(id, "p");
  });
  EXPECT_THAT(visited, UnorderedElementsAre(Id(1), Id(2), Id(4, 2), Id(5)));
}

TEST_F(ProcessTableTest, BeyondTheLimitTheExitedGoFirstThenTheLeastRecentlySeen) {
  ProcessTable table(&proc_, &clock_, 3);
  table.OnSeen(Id(1), "a");
  table.OnSeen(Id(2), "b");
  table.OnSeen(Id(3), "c");
  table.OnExit(Id(2), At(500));
  table.OnSeen(Id(4), "d");
  EXPECT_EQ(table.Details(Id(2)).process.command, "");
  table.OnSeen(Id(1), "a");
  table.OnSeen(Id(5), "e");
  EXPECT_EQ(table.Details(Id(3)).process.command, "");
  EXPECT_EQ(table.Details(Id(1)).process.command, "a");
  EXPECT_EQ(table.size(), 3u);
  EXPECT_EQ(table.evicted(), 2u);
}

TEST_F(ProcessTableTest, ALoopOfExecsDoesNotPushOutOthers) {
  table_.OnSeen(Id(1), "innocent");
  table_.OnExit(Id(1), At(150));
  for (uint32_t exec = 1; exec < 5000; ++exec) table_.OnExec(Id(7, exec), "loop", At(200 + exec));
  EXPECT_EQ(table_.Details(Id(1)).process.command, "innocent");
  EXPECT_EQ(table_.Details(Id(7, 4999)).process.command, "loop");
  EXPECT_LE(table_.size(), 20u);
}

TEST_F(ProcessTableTest, ForkedChildrenDoNotCostMappingsOfTheirOwn) {
  table_.OnSeen(Id(1), "parent");
  std::string maps;
  for (uint64_t i = 1; i <= 3000; ++i)
    maps += fmt::format("{:x}-{:x} r-xp 00000000 08:01 {} /f\n", i << 16, (i << 16) + 4096, i);
  AddAlive(Id(1), maps);
  for (uint32_t pid = 2; pid < 90; ++pid) table_.OnFork(Id(pid), 1, "child", At(300));
  for (uint32_t pid = 1; pid < 90; ++pid) EXPECT_EQ(PathAt(Id(pid), 3000 << 16), "/f");
  EXPECT_EQ(table_.dropped_mappings(), 0u);
}

TEST_F(ProcessTableTest, MappingsTogetherAreBoundedAndTheLossCounted) {
  for (uint32_t pid = 1; pid <= 20; ++pid) {
    AddAlive(Id(pid));
    table_.OnExecMappings(pid, At(200));
    for (uint64_t i = 1; i <= 4096; ++i) table_.OnMap(pid, At(201), Map(i << 16, "/f", i));
    table_.OnExec(Id(pid), "hostile", At(202));
  }
  EXPECT_GE(table_.dropped_mappings(), 20 * 4096u - 100 * 64u);
}

TEST_F(ProcessTableTest, AListThatIsFullIsReadAfreshWithoutWhatIsNoLongerMapped) {
  AddAlive(Id(7));
  table_.OnExecMappings(7, At(200));
  for (uint64_t i = 1; i <= 4097; ++i) table_.OnMap(7, At(201), Map(i << 16, "/f", i));
  table_.OnExec(Id(7), "app", At(202));
  table_.OnMap(7, At(203), Map(0x700000000, "/late"));
  AddAlive(Id(7), MapsLine(0x700000000, "/late"));
  EXPECT_EQ(PathAt(Id(7), 0x700000000), "/late");
  EXPECT_EQ(PathAt(Id(7), 5 << 16), "-");
}

TEST_F(ProcessTableTest, ExecsOfProcessesNobodyKnowsAreForgotten) {
  for (uint32_t pid = 1; pid < 10'000; ++pid) table_.OnExecMappings(pid, At(200));
  table_.ForgetExitedBefore(At(300));
  EXPECT_EQ(table_.size(), 0u);
  AddAlive(Id(5));
  table_.OnExec(Id(5), "late", At(400));
  EXPECT_EQ(MapsReads(5), 1) << "what was pending is gone, so it must be read";
}

}  // namespace
}  // namespace profd
