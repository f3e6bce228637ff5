// Go programs of several versions and kinds, against what Go's own runtime says about the same places.
#include <algorithm>

#include "support/temp_dir.h"
#include "unit/worker/go_program.h"
#include "unit/worker/pool_fixture.h"

namespace profd {
namespace {

using ::testing::SizeIs;
using namespace testing_worker;

struct Kind {
  const char* name;
  GoBuild build;
};
void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }

class WorkerGo : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    program_ = BuildGo(directory_.path(), GetParam().build);
    if (!program_.why_not.empty()) GTEST_SKIP() << program_.why_not;
    file_ = OpenFile(program_.path);
  }

  const profd::testing::TempDir directory_;
  GoProgram program_;
  TestFile file_;
  const std::unique_ptr<WorkerPool> pool_ = PoolOf(TestOptions());
};

TEST_P(WorkerGo, NamesFilesAndLinesAreThoseOfTheRuntime) {
  std::vector<uint64_t> positions;
  for (const GoTruth& truth : program_.truth) positions.push_back(truth.offset);
  ASSERT_THAT(positions, SizeIs(GetParam().build.cgo ? 6 : 5));
  const auto frames = pool_->Resolve(file_.ref(), positions);
  ASSERT_TRUE(frames.ok()) << frames.status();
  for (size_t i = 0; i < positions.size(); ++i) {
    const GoTruth& truth = program_.truth[i];
    ASSERT_THAT((*frames)[i], SizeIs(1)) << truth.function;
    const FrameLine& line = (*frames)[i][0];
    EXPECT_EQ(line.function, truth.function);
    if (truth.file == "-") continue;  // C
    EXPECT_EQ(line.file, truth.file);
    EXPECT_EQ(line.line, truth.line) << truth.function;
    EXPECT_EQ(line.start_line, truth.start_line) << truth.function;
  }
}

TEST_P(WorkerGo, TheRuntimesFactsAreKnown) {
  const auto facts = pool_->Describe(file_.ref());
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_EQ(facts->symbols, "gopclntab");
  const auto go = pool_->AskGo(file_.ref());
  ASSERT_TRUE(go.ok()) << go.status();
  EXPECT_EQ(go->version, facts->go_version);
  if (!GetParam().build.toolchain.empty()) {
    EXPECT_EQ(go->version, GetParam().build.toolchain);
  }
  EXPECT_TRUE(go->tls_g_known);
  EXPECT_EQ(go->tls_g_offset, -8);
  EXPECT_EQ(go->g_stack_hi, 8u);
  EXPECT_EQ(go->g_m, 48u);
}

const std::vector<std::string> kStripped{"-ldflags=-s -w"};
const std::vector<std::string> kPie{"-buildmode=pie"};
const std::vector<std::string> kStrippedPie{"-buildmode=pie", "-ldflags=-s -w"};

INSTANTIATE_TEST_SUITE_P(Kinds, WorkerGo,
                         ::testing::Values(Kind{"plain", {}}, Kind{"stripped", {.flags = kStripped}},
                                           Kind{"pie", {.flags = kPie}}, Kind{"stripped_pie", {.flags = kStrippedPie}},
                                           Kind{"cgo", {.cgo = true}},
                                           Kind{"stripped_119", {.toolchain = "go1.19.13", .flags = kStripped}},
                                           Kind{"stripped_pie_119", {.toolchain = "go1.19.13", .flags = kStrippedPie}},
                                           Kind{"stripped_123", {.toolchain = "go1.23.12", .flags = kStripped}},
                                           Kind{"stripped_pie_123", {.toolchain = "go1.23.12", .flags = kStrippedPie}},
                                           Kind{"stripped_120", {.toolchain = "go1.20.14", .flags = kStripped}},
                                           Kind{"stripped_pie_121", {.toolchain = "go1.21.13", .flags = kStrippedPie}},
                                           Kind{"stripped_pie_125", {.toolchain = "go1.25.5", .flags = kStrippedPie}},
                                           Kind{"stripped_127", {.toolchain = "go1.27.4", .flags = kStripped}},
                                           Kind{"stripped_pie_127", {.toolchain = "go1.27.4", .flags = kStrippedPie}},
                                           Kind{"cgo_pie_123", {.toolchain = "go1.23.12", .flags = kPie, .cgo = true}}),
                         [](const auto& info) { return info.param.name; });

TEST(WorkerGoFacts, AProgramThatGoDidNotBuildIsNotFound) {
  const auto pool = PoolOf(TestOptions());
  EXPECT_THAT(pool->AskGo(OpenFile("/proc/self/exe").ref()), HasCode(absl::StatusCode::kNotFound));
  EXPECT_EQ(pool->counters().ok, 1u) << "that is an answer";
}

// The same program with another version in its build information.
absl::StatusOr<GoFacts> AskWithVersion(std::string_view version) {
  const profd::testing::TempDir directory;
  const GoProgram program = BuildGo(directory.path(), {});
  if (!program.why_not.empty()) return absl::UnavailableError("no Go");
  std::string content = ReadAll(program.path);
  const size_t info = content.find("\xff Go buildinf:");
  content[info + 32] = static_cast<char>(version.size());
  content.replace(info + 33, version.size(), version);
  return PoolOf(TestOptions())->AskGo(FileOf(content).ref());
}

TEST(WorkerGoFacts, ARuntimeOfAnUnknownVersionIsAFailedPreconditionThatNamesIt) {
  const auto newer = AskWithVersion("go1.99");
  if (newer.status().code() == absl::StatusCode::kUnavailable) GTEST_SKIP() << newer.status();
  EXPECT_THAT(newer, RefusedWith(absl::StatusCode::kFailedPrecondition, "go1.99"));
  EXPECT_THAT(AskWithVersion("devel"), RefusedWith(absl::StatusCode::kFailedPrecondition, "devel"));
}

}  // namespace
}  // namespace profd
