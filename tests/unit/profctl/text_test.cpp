// Small things that make up what profctl prints and writes.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "profctl/commands/record_format.h"
#include "profctl/commands/top_rows.h"
#include "profctl/number_text.h"
#include "profctl/options.h"
#include "profctl/output_file.h"
#include "profctl/table.h"
#include "support/temp_dir.h"

namespace profd::profctl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(FormatCount, GroupsThousands) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(3532112), "3,532,112");
  EXPECT_EQ(FormatCount(1, "frame"), "1 frame");
  EXPECT_EQ(FormatCount(3532112, "frame"), "3,532,112 frames");
}

TEST(FormatBytes, ChoosesItsUnit) {
  EXPECT_EQ(FormatBytes(812), "812 B");
  EXPECT_EQ(FormatBytes(4096), "4.0 KiB");
  EXPECT_EQ(FormatBytes(512u << 20), "512 MiB");
  EXPECT_EQ(FormatBytes((1u << 20) - 1), "1.0 MiB");
}

TEST(Table, AlignsByWhatIsSeen) {
  Table table({{"PID", true}, {"COMMAND"}, {"POD"}});
  table.Add({"7", "日本", "a"});
  table.Add({"12345", "sh", "b"});
  EXPECT_THAT(table.Render(), ElementsAre("  PID  COMMAND  POD", "    7  日本     a", "12345  sh       b"));
}

TEST(Table, EscapesCellsAndCutsLongLines) {
  Table table({{"NAME"}});
  table.Add({"\x1b[31mred"});
  EXPECT_EQ(table.Render()[1], "\\x1b[31mred");
  EXPECT_EQ(table.Render(6)[1], "\\x1b[…");
}

TEST(Selector, CombinesAllThatIsGiven) {
  Options options{.pid = 5, .selectors = {"command=web,pod=web-0", "namespace=a=b"}};
  const auto selector = options.Selector();
  ASSERT_TRUE(selector.ok());
  EXPECT_EQ(selector->pid(), 5u);
  EXPECT_EQ(selector->command(), "web");
  EXPECT_EQ(selector->pod(), "web-0");
  EXPECT_EQ(selector->name_space(), "a=b");
}

TEST(Selector, NamesWhatIsWrong) {
  for (const char* text : {"web", "command=", "=web", "comand=web", "command=web,", ""}) {
    const auto selector = Options{.selectors = {text}}.Selector();
    EXPECT_EQ(selector.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(Message(selector.status()), HasSubstr("--selector"));
  }
}

TEST(RecordFormat, IsGivenOrInTheName) {
  EXPECT_EQ(FormatOf("", "x.pb.gz"), RecordFormat::kPprof);
  EXPECT_EQ(FormatOf("", "x.pprof"), RecordFormat::kPprof);
  EXPECT_EQ(FormatOf("", "x.folded"), RecordFormat::kFolded);
  EXPECT_EQ(FormatOf("", "x.txt"), RecordFormat::kFolded);
  EXPECT_EQ(FormatOf("", "x.svg"), RecordFormat::kSvg);
  EXPECT_EQ(FormatOf("", "x.speedscope.json"), RecordFormat::kSpeedscope);
  EXPECT_EQ(FormatOf("", "x.json"), RecordFormat::kPprof);
  EXPECT_EQ(FormatOf("pprof", "x.svg"), RecordFormat::kPprof);
  EXPECT_EQ(FormatOf("svg", "x.folded"), RecordFormat::kSvg);
}

TEST(OutputFile, ReplacesOnlyWhenItIsWhole) {
  const testing::TempDir dir;
  const std::string path = dir / "out";
  std::ofstream(path) << "old";
  {
    auto abandoned = OutputFile::Create(path);
    ASSERT_TRUE(abandoned.ok());
  }
  std::string text;
  std::ifstream(path) >> text;
  EXPECT_EQ(text, "old");
  ASSERT_TRUE(OutputFile::Create(path)->Finish("new").ok());
  std::ifstream(path) >> text;
  EXPECT_EQ(text, "new");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir.path()), {}), 1) << "temporary files left";
}

TEST(OutputFile, HasTheUsualMode) {
  const testing::TempDir dir;
  const mode_t before = umask(027);
  ASSERT_TRUE(OutputFile::Create(dir / "out")->Finish("x").ok());
  umask(before);
  struct stat info {};
  ASSERT_EQ(stat((dir / "out").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640u);
}

TEST(OutputFile, ADeviceIsWrittenNotReplaced) {
  const testing::TempDir dir;
  const std::string path = dir / "pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const int reader = open(path.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_TRUE(OutputFile::Create(path)->Finish("x").ok());
  char byte = 0;
  EXPECT_EQ(read(reader, &byte, 1), 1);
  EXPECT_TRUE(std::filesystem::is_fifo(path));
  close(reader);
}

TEST(OutputFile, ADirectoryThatIsNotThereIsFoundAtOnce) {
  EXPECT_THAT(Message(OutputFile::Create("/nonexistent/out").status()), HasSubstr("/nonexistent/out"));
}

v1::FunctionRow Function(const std::string& name, uint64_t flat, uint64_t repeats) {
  v1::FunctionRow row;
  row.set_name(name);
  row.set_flat(flat);
  row.set_cum(flat);
  row.set_max_repeats(repeats);
  return row;
}

TEST(TopRows, SumAddsUpInTheShownOrder) {
  v1::TopResponse response;
  *response.add_functions() = Function("b", 30, 1);
  *response.add_functions() = Function("a", 10, 2);
  const auto lines = FunctionTable(SortedFunctions(response, 3), 2, 40, false).Render();
  EXPECT_THAT(lines[1], AllOf(HasSubstr("25.0%   25.0%"), HasSubstr("a")));
  EXPECT_THAT(lines[2], AllOf(HasSubstr("75.0%  100.0%"), HasSubstr("b")));
}

TEST(TopRows, DeepRecursionIsAFactFromAThousandOn) {
  v1::TopResponse response;
  *response.add_functions() = Function("shallow", 1, 999);
  EXPECT_EQ(DeepestRepeat(SortedFunctions(response, 0)), "");
  *response.add_functions() = Function("main.(*Config).Get", 1, 3532112);
  EXPECT_EQ(DeepestRepeat(SortedFunctions(response, 0)),
            "deep recursion: main.(*Config).Get stands 3,532,112 times on the deepest stack");
}

TEST(TopRows, AnEstimateIsMarkedAsOne) {
  v1::TopResponse response;
  *response.add_functions() = Function("walk", 1, 100000);
  response.mutable_functions(0)->set_max_repeats_estimated(true);
  const FunctionRows rows = SortedFunctions(response, 0);
  EXPECT_EQ(DeepestRepeat(rows), "deep recursion: walk stands about 100,000 times on the deepest stack");
  EXPECT_THAT(FunctionTable(rows, 1, 1, false).Render()[1], HasSubstr("~100,000"));
}

void AddProcess(v1::TopResponse& response, uint32_t pid, const std::string& command, double cpu, bool exited) {
  v1::ProcessRow& row = *response.add_processes();
  row.mutable_process()->set_pid(pid);
  row.mutable_process()->set_command(command);
  row.set_cpu_percent(cpu);
  row.set_samples(1);
  row.set_exited(exited);
}

TEST(TopRows, ManyShortLivedProcessesOfOneNameAddUpInOneRow) {
  v1::TopResponse response;
  AddProcess(response, 1, "server", 40, false);
  for (uint32_t pid = 10; pid < 40; ++pid) AddProcess(response, pid, "grep", 2, true);
  AddProcess(response, 50, "grep", 1, false);
  AddProcess(response, 60, "awk", 0.5, true);
  MergeEnded(response);
  ASSERT_EQ(response.processes_size(), 4);
  EXPECT_EQ(response.processes(0).process().command(), "grep (30 that exited)");
  EXPECT_NEAR(response.processes(0).cpu_percent(), 60, 1e-9);
  EXPECT_EQ(response.processes(0).samples(), 30u);
  const auto lines = ProcessTable(SortedProcesses(response, 0), 4, false).Render();
  EXPECT_THAT(lines[1], AllOf(HasSubstr("  -"), HasSubstr("grep (30 that exited)")));
  EXPECT_THAT(lines[2], HasSubstr("server"));
  EXPECT_THAT(lines[3], HasSubstr("grep"));
  EXPECT_THAT(lines[4], HasSubstr("awk (exited)"));
}

TEST(TopRows, TheStateStandsBehindTheStack) {
  v1::TopResponse response;
  AddProcess(response, 1, "orders", 40, false);
  AddProcess(response, 2, "grep", 2, true);
  AddProcess(response, 3, "grep", 2, true);
  response.mutable_processes(0)->set_state("RUNAWAY");
  response.mutable_processes(1)->set_state("growing");
  response.mutable_processes(2)->set_state("ok");
  EXPECT_EQ(ProcessJson(response.processes(0))["state"], "RUNAWAY");
  MergeEnded(response);
  const auto lines = ProcessTable(SortedProcesses(response, 0), 2, false).Render();
  EXPECT_THAT(lines[0], HasSubstr("STACK  STATE    COMMAND"));
  EXPECT_THAT(lines[1], HasSubstr("-  RUNAWAY  orders"));
  EXPECT_THAT(lines[2], HasSubstr("-  growing  grep (2 that exited)")) << "of several, what is worst";
}

}  // namespace
}  // namespace profd::profctl
