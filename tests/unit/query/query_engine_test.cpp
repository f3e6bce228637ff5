#include "query/query_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_backend.h"

namespace profd {
namespace {

using namespace std::chrono_literals;
using testing::FakeBackend;
using testing::FakeClock;
using testing::FakeProcess;

constexpr Window kNextTwo{.kind = Window::Kind::kNext, .length = 2s};

Process Program(uint32_t pid, std::string command, uint32_t exec_id = 1) {
  return {.pid = pid, .start_time_ns = pid * 1000ull, .exec_id = exec_id, .command = std::move(command)};
}

class QueryEngineTest : public ::testing::Test {
 protected:
  QueryEngineTest() {
    backend.existing = {10, 20, 30};
    backend.running = {{.process = Program(10, "web"), .cpu = 500ms, .stacks = {{{"main", "serve", "read"}, 30}}},
                       {.process = Program(20, "batch"), .cpu = 1500ms, .stacks = {{{"main", "sort"}, 90}}}};
  }

  FakeClock clock;
  FakeBackend backend{&clock};
  QueryEngine engine{&backend, &clock};
  Pause pause = [this](std::chrono::nanoseconds length) {
    clock.Advance(length);
    return true;
  };
};

std::vector<std::string> CommandsOf(const Profile& profile) {
  std::vector<std::string> commands;
  for (const Process& process : profile.processes) commands.push_back(process.command);
  return commands;
}

TEST_F(QueryEngineTest, CpuPercentIsTheKernelsTimeOverTheWindow) {
  auto top = engine.TopProcesses({}, kNextTwo, pause);
  ASSERT_TRUE(top.ok()) << top.status();
  ASSERT_EQ(top->rows.size(), 2u);
  EXPECT_EQ(top->rows[0].info.process.command, "batch");
  EXPECT_DOUBLE_EQ(top->rows[0].cpu_percent, 75);
  EXPECT_DOUBLE_EQ(top->rows[1].cpu_percent, 25);
  EXPECT_EQ(top->rows[1].deepest_frames, 3u);
  EXPECT_EQ(top->samples, 120u);
}

TEST_F(QueryEngineTest, UsageOfSeveralSegmentsAddsUpPerProgram) {
  pause = [this](std::chrono::nanoseconds length) {
    clock.Advance(length / 2);
    EXPECT_TRUE(backend.Flip().ok());
    backend.running[0].process.command = "web:idle";
    clock.Advance(length / 2);
    return true;
  };
  auto top = engine.TopProcesses({.pid = 10}, kNextTwo, pause);
  ASSERT_TRUE(top.ok());
  ASSERT_EQ(top->rows.size(), 1u) << "a process that renames itself stays one row";
  EXPECT_DOUBLE_EQ(top->rows[0].cpu_percent, 50);
  EXPECT_EQ(top->rows[0].samples, 60u);
  EXPECT_EQ(top->rows[0].info.process.command, "web:idle");
}

TEST_F(QueryEngineTest, FunctionsAreThoseOfTheSelectedProcessOnly) {
  auto top = engine.TopFunctionsOf({.pid = 10}, kNextTwo, pause);
  ASSERT_TRUE(top.ok());
  EXPECT_EQ(top->top.samples, 30u);
  ASSERT_EQ(top->top.functions.size(), 3u);
  EXPECT_EQ(top->top.functions[0].name, "read");
  EXPECT_EQ(top->top.functions[0].flat, 30u);
  ASSERT_TRUE(top->process.has_value());
  EXPECT_EQ(top->process->process.command, "web");
}

TEST_F(QueryEngineTest, ProfileHasTheTimeOfTheWindow) {
  const WallTime start = clock.Wall();
  auto answer = engine.GetProfile({}, kNextTwo, pause);
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->profile.start, start);
  EXPECT_EQ(answer->profile.duration, 2s);
  EXPECT_EQ(answer->profile.period, 10ms);
  EXPECT_THAT(CommandsOf(answer->profile), ::testing::UnorderedElementsAre("web", "batch"));
}

TEST_F(QueryEngineTest, APidThatExecsMeansTheNewerProgram) {
  backend.running.push_back({.process = Program(10, "shell", 0), .cpu = 1s, .stacks = {{{"sh"}, 5}}});
  auto answer = engine.GetProfile({.pid = 10}, kNextTwo, pause);
  ASSERT_TRUE(answer.ok());
  EXPECT_THAT(CommandsOf(answer->profile), ::testing::ElementsAre("web"));
  auto top = engine.TopProcesses({.pid = 10}, {.kind = Window::Kind::kLast}, pause);
  ASSERT_TRUE(top.ok());
  EXPECT_EQ(top->rows.size(), 1u);
}

TEST_F(QueryEngineTest, SelectorsMatchLabels) {
  backend.running[0].process.container = {
      .name = "app", .id = "0123456789abcdef", .pod = "web-0", .name_space = "shop"};
  for (const Selector& selector :
       {Selector{.command = "web"}, Selector{.pod = "web-0"}, Selector{.container = "app"},
        Selector{.name_space = "shop"}, Selector{.container = "012345"}, Selector{.command = "web", .pod = "web-0"}}) {
    auto answer = engine.GetProfile(selector, kNextTwo, pause);
    ASSERT_TRUE(answer.ok()) << Describe(selector);
    EXPECT_THAT(CommandsOf(answer->profile), ::testing::ElementsAre("web")) << Describe(selector);
  }
  for (const Selector& selector :
       {Selector{.command = "we"}, Selector{.container = "01234"}, Selector{.command = "batch", .pod = "web-0"}}) {
    EXPECT_EQ(engine.GetProfile(selector, kNextTwo, pause).status().code(), absl::StatusCode::kNotFound)
        << Describe(selector);
  }
}

TEST_F(QueryEngineTest, NsPidIsTheInnermostOne) {
  backend.known = {{.process = Program(10, "web"), .ns_pids = {10, 7, 1}},
                   {.process = Program(20, "batch"), .ns_pids = {20}}};
  auto answer = engine.GetProfile({.ns_pid = 1}, kNextTwo, pause);
  ASSERT_TRUE(answer.ok());
  EXPECT_THAT(CommandsOf(answer->profile), ::testing::ElementsAre("web"));
  EXPECT_EQ(engine.GetProfile({.ns_pid = 7}, kNextTwo, pause).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(QueryEngineTest, NsPidOfAProcessThatEndsMeanwhileIsStillFound) {
  backend.known = {{.process = Program(10, "web"), .ns_pids = {10, 1}}};
  pause = [this](std::chrono::nanoseconds length) {
    clock.Advance(length);
    backend.known.clear();
    return true;
  };
  auto answer = engine.GetProfile({.ns_pid = 1}, kNextTwo, pause);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->profile.samples.size(), 1u);
}

TEST_F(QueryEngineTest, AnUnknownPidIsNotFoundWithoutWaiting) {
  pause = [](auto) {
    ADD_FAILURE() << "waited";
    return true;
  };
  auto answer = engine.GetProfile({.pid = 99}, kNextTwo, pause);
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Message(answer.status()), "no such process: pid 99");
}

TEST_F(QueryEngineTest, OfOneThatIsGoneItsStoryIsNamed) {
  backend.stories = {testing::BuildStory("0123456789abcdef", Program(99, "web"), WallTime{})};
  backend.stories[0].state = RecursionState::kCrashed;
  for (const Window& window : {kNextTwo, Window{.kind = Window::Kind::kLast, .length = std::chrono::seconds(10)}}) {
    auto answer = engine.TopFunctionsOf({.pid = 99}, window, pause);
    EXPECT_EQ(answer.status().code(), absl::StatusCode::kNotFound);
    EXPECT_EQ(Message(answer.status()),
              "no such process: pid 99; one that had this pid recursed (crashed): 'profctl recursion show "
              "0123456789abcdef' tells its story");
    EXPECT_EQ(Message(engine.TopFunctionsOf({.pid = 98}, window, pause).status()), "no such process: pid 98");
  }
}

TEST_F(QueryEngineTest, AnIdleProcessHasAnEmptyAnswer) {
  auto top = engine.TopFunctionsOf({.pid = 30}, kNextTwo, pause);
  ASSERT_TRUE(top.ok());
  EXPECT_EQ(top->top.samples, 0u);
  EXPECT_EQ(top->process->process.pid, 30u);
  EXPECT_EQ(engine.TopFunctionsOf({.pid = 99}, {}, pause).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(QueryEngineTest, ADeadProcessIsFoundInHistory) {
  ASSERT_TRUE(engine.GetProfile({}, kNextTwo, pause).ok());
  backend.existing.clear();
  backend.running.clear();
  EXPECT_TRUE(engine.GetProfile({.pid = 10}, {.kind = Window::Kind::kLast}, pause).ok());
}

TEST_F(QueryEngineTest, ProcessesAreSortedByPidAndFiltered) {
  backend.known = {{.process = Program(20, "batch")}, {.process = Program(10, "web")}};
  auto all = engine.Processes({});
  ASSERT_TRUE(all.ok());
  ASSERT_EQ(all->size(), 2u);
  EXPECT_EQ((*all)[0].process.pid, 10u);
  EXPECT_EQ(engine.Processes({.command = "web"})->size(), 1u);
  EXPECT_EQ(engine.Processes({.pid = 30})->at(0).process.pid, 30u);
  EXPECT_EQ(engine.Processes({.pid = 99}).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(QueryEngineTest, WhyMapsAreNotKnownYetIsSaidWhenNothingCame) {
  backend.maps.why_not_yet = "it is poor";
  const auto before = clock.Boot();
  auto maps = engine.Maps({.pid = 10}, pause);
  ASSERT_TRUE(maps.ok()) << maps.status();
  EXPECT_EQ(maps->answer.why_not, "it is poor");
  EXPECT_GE(clock.Boot() - before, 5s) << "it might have come";
  maps = engine.Maps({.pid = 10}, [this](std::chrono::nanoseconds length) {
    clock.Advance(length);
    backend.maps = {.hits = 200};
    return true;
  });
  EXPECT_EQ(maps->answer.why_not, "");
  EXPECT_EQ(maps->answer.hits, 200u);
}

}  // namespace
}  // namespace profd
