// Mappings by events: exec, fork, exit, and their order.
#include "unit/process/process_table_fixture.h"

namespace profd {
namespace {

TEST_F(ProcessTableTest, AMappingIsResolvedToItsFileAndOffset) {
  AddAlive(Id(7));
  table_.OnExecMappings(7, At(200));
  table_.OnMap(7, At(201), Map(kA, "/app"));
  table_.OnExec(Id(7), "app", At(202));
  const auto resolved = table_.Resolve(Id(7), std::vector<uint64_t>{kA + 0x123, kA + 0x1000, 0x10});
  ASSERT_EQ(resolved.size(), 3u);
  ASSERT_NE(resolved[0].file, nullptr);
  EXPECT_EQ(*resolved[0].file, (MappedFile{8, 1, 5, "/app"}));
  EXPECT_EQ(resolved[0].mapping_start, kA);
  EXPECT_EQ(resolved[0].mapping_limit, kA + 0x1000);
  EXPECT_EQ(resolved[0].FileOffset(), 0x3123u);
  EXPECT_EQ(resolved[1].file, nullptr);
  EXPECT_EQ(resolved[2].file, nullptr);
  EXPECT_EQ(resolved[2].address, 0x10u);
}

TEST_F(ProcessTableTest, ExecStartsWithFreshMappingsAndTheFormerProgramKeepsItsOwn) {
  AddAlive(Id(7), MapsLine(kA, "/old"));
  table_.OnSeen(Id(7), "old");
  EXPECT_EQ(PathAt(Id(7), kA), "/old");
  table_.OnExecMappings(7, At(200));
  table_.OnMap(7, At(201), Map(kB, "/new"));
  table_.OnExec(Id(7, 2), "new", At(202));
  table_.OnMap(7, At(203), Map(kC, "/lib"));
  EXPECT_EQ(PathAt(Id(7, 2), kB), "/new");
  EXPECT_EQ(PathAt(Id(7, 2), kC), "/lib");
  EXPECT_EQ(PathAt(Id(7), kA), "/old");
  EXPECT_EQ(PathAt(Id(7), kB), "-");
  EXPECT_EQ(table_.Details(Id(7)).process.command, "old");
  EXPECT_TRUE(table_.Details(Id(7)).exited);
  EXPECT_EQ(table_.Details(Id(7, 2)).process.command, "new");
  EXPECT_FALSE(table_.Details(Id(7, 2)).exited);
}

TEST_F(ProcessTableTest, SameAddressInTwoProgramsOfOneProcessIsTwoFiles) {
  AddAlive(Id(7));
  table_.OnExecMappings(7, At(200));
  table_.OnMap(7, At(201), Map(kA, "/runc"));
  table_.OnExec(Id(7), "runc", At(202));
  table_.OnExecMappings(7, At(300));
  table_.OnMap(7, At(301), Map(kA, "/app"));
  table_.OnExec(Id(7, 2), "app", At(302));
  EXPECT_EQ(PathAt(Id(7), kA), "/runc");
  EXPECT_EQ(PathAt(Id(7, 2), kA), "/app");
}

TEST_F(ProcessTableTest, ASampleBetweenTheNewMappingsAndTheExecEventSeesTheNewProgram) {
  AddAlive(Id(7));
  table_.OnSeen(Id(7), "old");
  table_.OnExecMappings(7, At(200));
  table_.OnMap(7, At(201), Map(kA, "/new"));
  table_.OnSeen(Id(7, 2), "new");
  table_.OnMap(7, At(202), Map(kB, "/ld.so"));
  EXPECT_EQ(PathAt(Id(7, 2), kA), "/new");
  table_.OnExec(Id(7, 2), "newer", At(203));
  EXPECT_EQ(PathAt(Id(7, 2), kA), "/new");
  EXPECT_EQ(PathAt(Id(7, 2), kB), "/ld.so");
  EXPECT_EQ(table_.Details(Id(7, 2)).process.command, "newer");
  EXPECT_EQ(PathAt(Id(7), kA), "-");
}

TEST_F(ProcessTableTest, MappingsThatComeAfterTheirExecAreStillTheNewPrograms) {
  table_.OnSeen(Id(7), "old");
  table_.OnExec(Id(7, 2), "new", At(202));
  table_.OnExecMappings(7, At(200));
  table_.OnMap(7, At(199), Map(kB, "/old"));
  table_.OnMap(7, At(201), Map(kA, "/new"));
  EXPECT_EQ(PathAt(Id(7, 2), kA), "/new");
  EXPECT_EQ(PathAt(Id(7, 2), kB), "-");
  EXPECT_EQ(PathAt(Id(7), kB), "/old");
  // and the next exec is not mistaken for the same one
  table_.OnExecMappings(7, At(300));
  table_.OnMap(7, At(301), Map(kC, "/third"));
  table_.OnExec(Id(7, 3), "third", At(302));
  EXPECT_EQ(PathAt(Id(7, 3), kC), "/third");
  EXPECT_EQ(PathAt(Id(7, 2), kC), "-");
}

TEST_F(ProcessTableTest, ALateMappingOfTheOldProgramIsNotTheNextOnes) {
  table_.OnSeen(Id(7), "old");
  table_.OnExecMappings(7, At(200));
  table_.OnMap(7, At(199), Map(kA, "/old"));
  table_.OnExec(Id(7, 2), "new", At(202));
  EXPECT_EQ(PathAt(Id(7), kA), "/old");
  EXPECT_EQ(PathAt(Id(7, 2), kA), "-");
}

TEST_F(ProcessTableTest, AnExecWithoutAWordAboutItsMappingsIsReadAtOnce) {
  AddAlive(Id(7), MapsLine(kA, "/old"));
  table_.OnSeen(Id(7), "old");
  EXPECT_EQ(PathAt(Id(7), kA), "/old");
  AddAlive(Id(7), MapsLine(kB, "/new"));
  table_.OnExec(Id(7, 2), "new", At(202));
  proc_.RemoveProcess(7);
  EXPECT_EQ(PathAt(Id(7, 2), kB), "/new");
  EXPECT_EQ(PathAt(Id(7, 2), kA), "-");
}

TEST_F(ProcessTableTest, AForkedChildStartsWithItsParentsMappingsAndTheyPartThen) {
  AddAlive(Id(7));
  table_.OnExecMappings(7, At(200));
  table_.OnMap(7, At(201), Map(kA, "/app"));
  table_.OnExec(Id(7), "app", At(202));
  table_.OnFork(Id(8, 1, 300), 7, "app", At(300));
  table_.OnMap(7, At(301), Map(kB, "/parent"));
  table_.OnMap(8, At(302), Map(kA, "/child"));
  EXPECT_EQ(PathAt(Id(8, 1, 300), kA), "/child");
  EXPECT_EQ(PathAt(Id(8, 1, 300), kB), "-");
  EXPECT_EQ(PathAt(Id(7), kA), "/app");
  EXPECT_EQ(PathAt(Id(7), kB), "/parent");
}

TEST_F(ProcessTableTest, AChildOfAParentOlderThanProfdIsKnownEvenAfterItsEnd) {
  AddAlive(Id(7), MapsLine(kA, "/app"));
  proc_.links["7/exe"] = "/app";
  table_.OnSeen(Id(7), "app");
  table_.OnFork(Id(8, 1, 300), 7, "app", At(300));
  table_.OnExit(Id(8, 1, 300), At(301));
  EXPECT_EQ(PathAt(Id(8, 1, 300), kA), "/app");
  EXPECT_EQ(table_.Details(Id(8, 1, 300)).executable, "/app");
}

TEST_F(ProcessTableTest, AReusedNumberIsAnotherProcess) {
  table_.OnSeen(Id(7), "first");
  table_.OnMap(7, At(150), Map(kA, "/first"));
  table_.OnFork(Id(7, 1, 5000), 1, "second", At(5000));
  table_.OnMap(7, At(5001), Map(kA, "/second"));
  EXPECT_EQ(PathAt(Id(7), kA), "/first");
  EXPECT_EQ(PathAt(Id(7, 1, 5000), kA), "/second");
  EXPECT_TRUE(table_.Details(Id(7)).exited);
  EXPECT_FALSE(table_.Details(Id(7)).process == table_.Details(Id(7, 1, 5000)).process);
}

TEST_F(ProcessTableTest, MappingsOfAFailedExecAreNobodys) {
  table_.OnSeen(Id(7), "old");
  table_.OnExecMappings(7, At(200));
  table_.OnMap(7, At(201), Map(kA, "/broken"));
  table_.OnExit(Id(7), At(202));
  table_.OnFork(Id(7, 1, 5000), 1, "next", At(5000));
  EXPECT_EQ(PathAt(Id(7, 1, 5000), kA), "-");
  EXPECT_EQ(PathAt(Id(7), kA), "-");
}

TEST_F(ProcessTableTest, AnExecLeftOpenByALostEventDoesNotReachTheNextOwnerOfTheNumber) {
  table_.OnExecMappings(7, At(200));
  table_.OnMap(7, At(201), Map(kA, "/broken"));
  table_.OnFork(Id(7, 1, 5000), 1, "next", At(5000));
  EXPECT_EQ(PathAt(Id(7, 1, 5000), kA), "-");
}

TEST_F(ProcessTableTest, AnOldSampleDoesNotMakeTheOldProgramCurrent) {
  AddAlive(Id(7));
  table_.OnExecMappings(7, At(200));
  table_.OnExec(Id(7, 5), "new", At(202));
  table_.OnSeen(Id(7, 4), "old");
  EXPECT_TRUE(table_.Details(Id(7, 4)).exited);
  EXPECT_FALSE(table_.Details(Id(7, 5)).exited);
  table_.OnMap(7, At(300), Map(kA, "/new"));
  EXPECT_EQ(PathAt(Id(7, 5), kA), "/new");
  EXPECT_EQ(PathAt(Id(7, 4), kA), "-");
}

TEST_F(ProcessTableTest, MappingsOfUnknownProcessesAndImpossibleOnesAreIgnored) {
  table_.OnMap(7, At(1), Map(kA, "/app"));
  EXPECT_EQ(table_.size(), 0u);
  table_.OnSeen(Id(7), "app");
  MapEvent wrapping = Map(~uint64_t{0} - 10, "/wrap");
  table_.OnMap(7, At(101), wrapping);
  MapEvent empty = Map(kA, "/empty");
  empty.length = 0;
  table_.OnMap(7, At(101), empty);
  EXPECT_EQ(PathAt(Id(7), kA), "-");
  EXPECT_EQ(PathAt(Id(7), ~uint64_t{0} - 5), "-");
}

}  // namespace
}  // namespace profd
