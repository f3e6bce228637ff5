// When /proc is read, and whom it is believed about.
#include "unit/process/process_table_fixture.h"

namespace profd {
namespace {

using testing::ElementsAre;

TEST_F(ProcessTableTest, MapsOfAnOlderProcessAreReadOnce) {
  AddAlive(Id(7), MapsLine(kA, "/app"));
  table_.OnSeen(Id(7), "app");
  EXPECT_EQ(MapsReads(7), 0);
  EXPECT_EQ(PathAt(Id(7), kA), "/app");
  EXPECT_EQ(PathAt(Id(7), kA + 1), "/app");
  Pass(std::chrono::seconds(100));
  EXPECT_EQ(PathAt(Id(7), kA + 2), "/app");
  EXPECT_EQ(MapsReads(7), 1);
}

TEST_F(ProcessTableTest, AnUnknownAddressIsReasonToReadAgainOnceASecond) {
  AddAlive(Id(7), MapsLine(kA, "/app"));
  table_.OnSeen(Id(7), "app");
  EXPECT_EQ(PathAt(Id(7), kB), "-");
  AddAlive(Id(7), MapsLine(kB, "/lib"));
  EXPECT_EQ(PathAt(Id(7), kB), "-");
  Pass(At(999));
  EXPECT_EQ(PathAt(Id(7), kB), "-");
  EXPECT_EQ(MapsReads(7), 1);
  Pass(At(1));
  EXPECT_EQ(PathAt(Id(7), kB), "/lib");
  EXPECT_EQ(MapsReads(7), 2);
  EXPECT_EQ(PathAt(Id(7), kA), "/app") << "samples taken before the unmapping still need it";
}

TEST_F(ProcessTableTest, ReadingThatNeverHelpsBecomesRare) {
  AddAlive(Id(7), MapsLine(kA, "/app"));
  table_.OnSeen(Id(7), "app");
  for (int second = 0; second < 1000; ++second) {
    PathAt(Id(7), 0xdeadbeef000);
    Pass(std::chrono::seconds(1));
  }
  EXPECT_LT(MapsReads(7), 15);
  EXPECT_GT(MapsReads(7), 5);
}

TEST_F(ProcessTableTest, SmallNumbersAndKernelAddressesAreNoReasonToRead) {
  AddAlive(Id(7), MapsLine(kA, "/app"));
  table_.OnSeen(Id(7), "app");
  PathAt(Id(7), kA);
  Pass(std::chrono::seconds(10));
  PathAt(Id(7), 1);
  PathAt(Id(7), 0xffffffff81000000);
  EXPECT_EQ(MapsReads(7), 1);
}

TEST_F(ProcessTableTest, AnotherProcessUnderTheSameNumberIsNotBelieved) {
  AddAlive(Id(7, 1, 9000), MapsLine(kA, "/somebody-else"));
  proc_.links["7/exe"] = "/somebody-else";
  proc_.texts["7/cgroup"] = "0::/docker/" + std::string(64, 'a');
  table_.OnSeen(Id(7), "app");
  EXPECT_EQ(PathAt(Id(7), kA), "-");
  EXPECT_EQ(table_.Details(Id(7)).executable, "");
  EXPECT_EQ(table_.Details(Id(7)).process.container, ContainerLabels{});
  EXPECT_TRUE(table_.Details(Id(7)).exited);
}

TEST_F(ProcessTableTest, DetailsAreReadOnceAndStayAfterTheEnd) {
  AddAlive(Id(7));
  proc_.links["7/exe"] = "/usr/bin/app (deleted)";
  proc_.texts["7/status"] = "Uid:\t5\t5\t5\t5\nNSpid:\t7\t1\n";
  proc_.texts["7/cgroup"] = "0::/docker/" + std::string(64, 'a') + "\n";
  table_.OnSeen(Id(7), "app");
  table_.Resolve(Id(7), std::vector<uint64_t>{kA});
  proc_.RemoveProcess(7);
  table_.OnExit(Id(7), At(500));
  const ProcessDetails& details = table_.Details(Id(7));
  EXPECT_EQ(details.executable, "/usr/bin/app");
  EXPECT_THAT(details.ns_pids, ElementsAre(7, 1));
  EXPECT_EQ(details.process.container.id, std::string(64, 'a'));
  EXPECT_TRUE(details.exited);
  EXPECT_EQ(proc_.reads["7/cgroup"], 1);
}

TEST_F(ProcessTableTest, AProgramThatWasNeverAskedIsInTheContainerOfItsOrigin) {
  AddAlive(Id(7));
  proc_.links["7/exe"] = "/bin/sh";
  proc_.texts["7/cgroup"] = "0::/docker/" + std::string(64, 'a') + "\n";
  table_.OnSeen(Id(7), "sh");
  table_.OnFork(Id(8, 1, 300), 7, "sh", At(300));
  table_.OnExecMappings(8, At(310));
  table_.OnExec(Id(8, 2, 300), "ls", At(311));
  table_.OnExit(Id(8, 2, 300), At(312));
  const ProcessDetails& details = table_.Details(Id(8, 2, 300));
  EXPECT_EQ(details.process.container.id, std::string(64, 'a'));
  EXPECT_EQ(details.process.command, "ls");
  EXPECT_EQ(details.executable, "") << "exec made it another program";
}

TEST_F(ProcessTableTest, AProcessNeverSeenHasItsIdAndNoName) {
  const ProcessDetails& details = table_.Details(Id(9, 3));
  EXPECT_EQ(details.process.pid, 9u);
  EXPECT_EQ(details.process.exec_id, 3u);
  EXPECT_EQ(details.process.start_time_ns, 100'000'000u);
  EXPECT_EQ(details.process.command, "");
  EXPECT_EQ(table_.size(), 0u);
  EXPECT_EQ(PathAt(Id(9), kA), "-");
}

TEST_F(ProcessTableTest, NamesAreCutAndEndAtTheFirstNul) {
  table_.OnSeen(Id(7), std::string(1000, 'x'));
  EXPECT_LE(table_.Details(Id(7)).process.command.size(), 64u);
  table_.OnSeen(Id(7), std::string_view("app\0\0\0junk", 10));
  EXPECT_EQ(table_.Details(Id(7)).process.command, "app");
  table_.OnSeen(Id(7), std::string_view("\0", 1));
  EXPECT_EQ(table_.Details(Id(7)).process.command, "app");
}

TEST_F(ProcessTableTest, TheExecutableIsFoundAmongTheMappings) {
  AddAlive(Id(7), MapsLine(kA, "/lib.so") + MapsLine(kB, "/app (deleted)"));
  proc_.links["7/exe"] = "/app (deleted)";
  table_.OnSeen(Id(7), "app");
  ASSERT_NE(table_.ExecutableFile(Id(7)), nullptr);
  EXPECT_EQ(table_.ExecutableFile(Id(7))->path, "/app (deleted)");
  EXPECT_EQ(table_.ExecutableFile(Id(8)), nullptr);
}

}  // namespace
}  // namespace profd
