// Go programs of several versions and kinds, against what Go's own runtime says about the same places.
#include <algorithm>
#include <map>
#include <regex>

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

unsigned MinorOf(const std::string& version) {
  return static_cast<unsigned>(std::stoi(version.substr(std::string("go1.").size())));
}

// What the functions' names say, for those that are to be listed in this version.
std::map<uint64_t, MapFunction> MapFunctionsIn(const std::map<std::string, uint64_t>& linked, unsigned minor) {
  using enum MapFunction::Operation;
  using enum MapFunction::Key;
  const std::map<std::string, MapFunction::Operation> operations = {
      {"access1", kRead},         {"access2", kRead},
      {"assign", kWrite},         {"delete", kDelete},
      {"iterinit", kIterate},     {"IterStart", kIterate},
      {"clear", kClear},          {"Load", kRead},
      {"LoadOrStore", kWrite},    {"Swap", kWrite},
      {"Range", kIterate},        {"CompareAndSwap", kWrite},
      {"LoadAndDelete", kDelete}, {"CompareAndDelete", kDelete},
      {"Clear", kClear}};
  const std::map<std::string, MapFunction::Key> keys = {
      {"", kPointer}, {"_fast32", kFast32}, {"_fast64", kFast64}, {"_fast64ptr", kFast64}, {"_faststr", kString}};
  const std::regex map(R"(runtime\.map(access1|access2|assign|delete|iterinit|IterStart|clear)(_fast\w+)?)");
  const std::regex sync(
      R"(internal/sync\.\(\*HashTrieMap\[go\.shape\.interface \{\},go\.shape\.interface \{\}\]\)\.(\w+))");
  const std::regex past_the_runtime(R"(reflect\.map(delete|IterStart|clear))");
  std::map<uint64_t, MapFunction> functions;
  for (const auto& [name, offset] : linked) {
    std::smatch found;
    if (minor >= 24 && std::regex_match(name, found, past_the_runtime)) {
      functions[offset] = {.operation = operations.at(found[1]), .key = found[1] == "delete" ? kPointer : kNone};
      continue;
    }
    const bool is_sync = std::regex_match(name, found, sync);
    if (!is_sync && !std::regex_match(name, found, map)) continue;
    const auto operation = operations.find(found[1]);
    if (operation == operations.end() || (minor >= 27 && found[1] == "access1")) continue;
    const bool has_key = operation->second != kIterate && operation->second != kClear;
    functions[offset] = {.operation = operation->second,
                         .key = is_sync   ? (has_key ? kInterface : kNoneOfSync)
                                : has_key ? keys.at(found[2])
                                          : kNone};
  }
  return functions;
}

TEST_P(WorkerGo, TheFunctionsOfMapsAreWhereTheLinkerPutThem) {
  const auto go = pool_->AskGo(file_.ref());
  ASSERT_TRUE(go.ok()) << go.status();
  const unsigned minor = MinorOf(go->version);
  const auto linked = LinkedFunctions(directory_.path(), GetParam().build);
  ASSERT_TRUE(linked.contains("runtime.throw"));
  const auto truth = MapFunctionsIn(linked, minor);
  EXPECT_THAT(truth, SizeIs(minor < 24 ? 19 : minor < 27 ? 28 : 24));
  // In a stripped program the text may begin elsewhere.
  const uint64_t shift = go->fatal_error.offset - linked.at("runtime.throw");
  const std::vector<std::string>& flags = GetParam().build.flags;
  if (std::ranges::find(flags, kStripFlag) == flags.end()) {
    EXPECT_EQ(shift, 0u);
  }
  const std::string content = ReadAll(program_.path);
  std::map<uint64_t, MapFunction> listed;
  for (MapFunction function : go->map_functions) {
    EXPECT_EQ(function.code.code, content.substr(function.code.offset, 16));
    const uint64_t offset = std::exchange(function.code, {}).offset - shift;
    listed[offset] = function;
  }
  EXPECT_EQ(listed, truth);
  EXPECT_EQ(go->map_functions.size(), truth.size()) << "one of them twice";
}

TEST_P(WorkerGo, TypesAreCalledAsTheProgramItselfCallsThem) {
  std::vector<uint64_t> positions;
  std::vector<std::string> names;
  for (const GoTypeTruth& type : program_.types) {
    positions.push_back(type.offset);
    names.push_back(type.name);
  }
  ASSERT_THAT(names, SizeIs(10));
  for (const uint64_t nowhere : {uint64_t{0}, program_.truth.front().offset, UINT64_MAX}) {
    positions.push_back(nowhere);
    names.emplace_back();
  }
  const auto answer = pool_->AskGoTypes(file_.ref(), positions);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(*answer, names);
}

const std::vector<std::string> kStripped{kStripFlag};
const std::vector<std::string> kPie{"-buildmode=pie"};
const std::vector<std::string> kStrippedPie{"-buildmode=pie", kStripFlag};

INSTANTIATE_TEST_SUITE_P(Kinds, WorkerGo,
                         ::testing::Values(Kind{"plain", {}}, Kind{"stripped", {.flags = kStripped}},
                                           Kind{"pie", {.flags = kPie}}, Kind{"stripped_pie", {.flags = kStrippedPie}},
                                           Kind{"cgo", {.cgo = true}},
                                           Kind{"stripped_118", {.toolchain = "go1.18.10", .flags = kStripped}},
                                           Kind{"stripped_124", {.toolchain = "go1.24.13", .flags = kStripped}},
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

TEST(WorkerGoFacts, WhatIsNoGoProgramHasNoTypes) {
  const auto pool = PoolOf(TestOptions());
  const auto names = pool->AskGoTypes(OpenFile("/proc/self/exe").ref(), std::vector<uint64_t>(300, 0x1000));
  ASSERT_TRUE(names.ok()) << names.status();
  EXPECT_EQ(*names, std::vector<std::string>(300));
  EXPECT_EQ(pool->counters().ok, 1u) << "in however many messages";
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
