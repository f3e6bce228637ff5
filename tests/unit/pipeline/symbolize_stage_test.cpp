#include "pipeline/symbolize_stage.h"

#include <thread>

#include "pprof/pprof.h"
#include "unit/symbols/symbolizer_fixture.h"

namespace profd {
namespace {

using namespace std::chrono_literals;

constexpr ProcessId kId{.tgid = 7, .exec_id = 1, .start_time_ns = 5'000'000'000};

const GoFacts kGo{.version = "go1.26.1", .tls_g_known = true, .text_offset = 0x2000, .text_size = 0x500};

class SymbolizeStageTest : public SymbolizerTest {
 protected:
  ResolvedBatch Interval(BootTime start, BootTime end, uint32_t generation, uint64_t hash = 0) {
    ResolvedBatch batch;
    batch.interval.emplace();
    batch.interval->raw.start = start;
    batch.interval->raw.end = end;
    batch.interval->raw.generation = generation;
    if (hash) batch.interval->raw.counts.push_back({.process = kId, .user_hash = hash, .ticks = 1});
    batch.interval->processes[kId] = {.pid = 7, .start_time_ns = kStartTimeNs, .exec_id = 1, .command = "app"};
    clock_.now = end;
    return batch;
  }

  ResolvedStack InExecutable(const std::shared_ptr<const MappedFile>& file) {
    ResolvedStack stack{.process = Process(7), .in_executable = true, .executable_text = In(file, 0x400010)};
    stack.stack.process = kId;
    return stack;
  }

  std::vector<std::string> found_;
  SymbolizeStage stage_{
      &symbolizer_, &clock_, 10ms, [this](const GoProgram& program) {
        found_.push_back(fmt::format("{} {:x}-{:x}", program.facts.version, program.text.low, program.text.high));
      }};
};

TEST_F(SymbolizeStageTest, SegmentsFollowEachOtherAlsoWhenTheClockIsSetBack) {
  const auto first = stage_.Process(Interval(100s, 110s, 0));
  clock_.wall_offset -= 1h;
  const auto second = stage_.Process(Interval(110s, 120s, 1));
  const auto third = stage_.Process(Interval(120s, 130s, 2));
  ASSERT_TRUE(first && second && third);
  EXPECT_EQ(second->segment.start, first->segment.end);
  EXPECT_EQ(second->segment.end - second->segment.start, 10s);
  EXPECT_EQ(third->segment.start, second->segment.end);
  EXPECT_EQ(third->segment.end - third->segment.start, 10s);
  clock_.wall_offset += 2h;
  const auto fourth = stage_.Process(Interval(130s, 140s, 3));
  EXPECT_EQ(fourth->segment.end - fourth->segment.start, 10s) << "a gap, no segment of two hours";
}

TEST_F(SymbolizeStageTest, TheTextOfAGoProgramIsWhereItsFileIsMapped) {
  analyzer_.go = kGo;
  const auto file = Mapped(Write("app", "app"), "/app");
  MapInto(7, Path("app"));
  ResolvedBatch batch;
  const ResolvedStack stack = InExecutable(file);
  batch.stacks.push_back(stack);
  batch.stacks.push_back(stack);
  stage_.Process(std::move(batch));
  EXPECT_EQ(found_, std::vector<std::string>{"go1.26.1 401000-401500"});
}

TEST_F(SymbolizeStageTest, AGoLibraryInAnotherProgramIsFoundWhereItIsMapped) {
  analyzer_.go = kGo;
  const auto file = Mapped(Write("lib", "library"), "/lib.so");
  MapInto(7, Path("lib"));
  ResolvedBatch batch;
  ResolvedStack stack{.process = Process(7)};
  stack.stack.process = kId;
  stack.stack.frames = {0x400010};
  stack.addresses = {In(file, 0x400010)};
  batch.stacks.push_back(stack);
  stage_.Process(std::move(batch));
  EXPECT_EQ(found_, std::vector<std::string>{"go1.26.1 401000-401500"});
}

TEST_F(SymbolizeStageTest, AnAnswerAboutGoThatComesLateNeedsNoOtherStack) {
  analyzer_.go = Error(absl::StatusCode::kUnavailable, "no worker just now");
  const auto file = Mapped(Write("app", "app"), "/app");
  MapInto(7, Path("app"));
  ResolvedBatch batch;
  const ResolvedStack stack = InExecutable(file);
  batch.stacks.push_back(stack);
  stage_.Process(std::move(batch));
  EXPECT_TRUE(found_.empty());
  EXPECT_TRUE(stage_.AwaitsAnswers());
  analyzer_.go = kGo;
  for (int i = 0; i < 200 && stage_.AwaitsAnswers(); ++i) {
    clock_.now += 1s;
    std::this_thread::sleep_for(5ms);
    stage_.TakeAnswers();
  }
  EXPECT_FALSE(stage_.AwaitsAnswers());
  EXPECT_EQ(found_, std::vector<std::string>{"go1.26.1 401000-401500"});
}

TEST_F(SymbolizeStageTest, CodeMadeAtRunTimeIsNamedWhenTheIntervalEnds) {
  const auto process = Process(7);
  ResolvedBatch batch;
  ResolvedStack stack{.process = process};
  stack.stack.process = kId;
  stack.stack.hash = 77;
  stack.stack.frames = {0x400010};
  stack.addresses = {In(Memory("//anon"), 0x400010)};
  batch.stacks.push_back(stack);
  stage_.Process(std::move(batch));

  proc_.texts[FakeProcFs::Name(7, "status")] = fmt::format("Uid:\t{0}\t{0}\t{0}\t{0}\nNSpid:\t7\n", getuid());
  proc_.root_files[{7, "/tmp/perf-7.map"}] = Write("perf.map", "late");
  BootTime end = clock_.now + 10s;
  const auto output = stage_.Process(Interval(clock_.now, end, 0, 77));
  ASSERT_TRUE(output);
  EXPECT_EQ(output->unknown_ticks, 0u);
  const auto profile = pprof::Decode(output->segment.profile);
  ASSERT_TRUE(profile.ok()) << profile.status();
  ASSERT_EQ(profile->functions.size(), 1u);
  EXPECT_EQ(profile->functions[0].name, "late+400010");
}

}  // namespace
}  // namespace profd
