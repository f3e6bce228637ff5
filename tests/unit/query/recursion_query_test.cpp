#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "query/query_engine.h"
#include "support/fake_backend.h"

namespace profd {
namespace {

using namespace std::chrono_literals;
using testing::BuildStory;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kOne = "0000000000000001", kTwo = "0000000000000002", kThree = "0000000000000003";
constexpr Window kNextTwo{.kind = Window::Kind::kNext, .length = 2s};
constexpr Window kLastTen{.kind = Window::Kind::kLast, .length = 10s};

Process Program(uint32_t pid, std::string command, uint32_t exec_id = 1) {
  return {.pid = pid, .start_time_ns = pid * 1000ull, .exec_id = exec_id, .command = std::move(command)};
}

std::vector<std::string> IdsOf(const std::vector<RecursionEvent>& stories) {
  std::vector<std::string> ids;
  for (const RecursionEvent& story : stories) ids.push_back(story.id);
  return ids;
}

class RecursionQueryTest : public ::testing::Test {
 protected:
  RecursionQueryTest() {
    backend.existing = {10, 20};
    backend.running = {{.process = Program(10, "web"), .cpu = 500ms, .stacks = {{{"main", "serve"}, 30}}},
                       {.process = Program(20, "batch"), .cpu = 500ms, .stacks = {{{"main", "sort"}, 90}}}};
    backend.known = {{.process = Program(10, "web"), .ns_pids = {10, 1}}, {.process = Program(20, "batch")}};
  }

  RecursionEvent& Add(const std::string& id, const Process& process, RecursionState state = RecursionState::kActive,
                      RecursionGrade grade = RecursionGrade::kProjected) {
    RecursionEvent& story = backend.stories.emplace_back(BuildStory(id, process, clock.Wall()));
    story.state = state;
    story.grade = grade;
    return story;
  }
  std::vector<std::string> Ids(const Selector& selector, bool active_only = false, const std::string& id = "") {
    const auto stories = engine.Recursion(selector, active_only, id);
    EXPECT_TRUE(stories.ok()) << stories.status();
    return stories.ok() ? IdsOf(*stories) : std::vector<std::string>();
  }
  absl::Status WhyNot(const Selector& selector, bool active_only = false, const std::string& id = "") {
    return engine.Recursion(selector, active_only, id).status();
  }
  ProcessState StateOf(uint32_t pid) {
    const auto top = engine.TopProcesses({.pid = pid}, kNextTwo, pause);
    EXPECT_TRUE(top.ok()) << top.status();
    EXPECT_EQ(top->rows.size(), 1u);
    return top->rows.at(0).state;
  }

  testing::FakeClock clock;
  testing::FakeBackend backend{&clock};
  QueryEngine engine{&backend, &clock};
  Pause pause = [this](std::chrono::nanoseconds length) {
    clock.Advance(length);
    return true;
  };
};

TEST_F(RecursionQueryTest, StoriesKeepTheirOrderAndAreSelected) {
  Add(kTwo, Program(20, "batch"));
  Add(kOne, Program(10, "web"), RecursionState::kCrashed).process.container = {
      .name = "app", .id = "0123456789abcdef", .pod = "web-0", .name_space = "shop"};
  EXPECT_THAT(Ids({}), ElementsAre(kTwo, kOne));
  EXPECT_THAT(Ids({}, /*active_only=*/true), ElementsAre(kTwo));
  for (const Selector& selector :
       {Selector{.pid = 10}, Selector{.ns_pid = 1}, Selector{.command = "web"}, Selector{.pod = "web-0"},
        Selector{.container = "app"}, Selector{.container = "012345"}, Selector{.name_space = "shop"}}) {
    EXPECT_THAT(Ids(selector), ElementsAre(kOne)) << Describe(selector);
  }
}

TEST_F(RecursionQueryTest, AProcessWithoutStoriesHasNone) {
  EXPECT_THAT(Ids({}), IsEmpty());
  EXPECT_THAT(Ids({.pid = 20}), IsEmpty());
  EXPECT_THAT(Ids({.command = "batch"}), IsEmpty());
}

TEST_F(RecursionQueryTest, APidMeansItsNewestProgram) {
  Add(kOne, Program(10, "old", 0), RecursionState::kCrashed);
  EXPECT_THAT(Ids({.pid = 10}), IsEmpty()) << "web has the pid now";
  EXPECT_THAT(Ids({.command = "old"}), ElementsAre(kOne));
  backend.known.clear();
  EXPECT_THAT(Ids({.pid = 10}), ElementsAre(kOne));
  // A longer-seen story of an earlier boot, in which processes started later.
  Add(kTwo, {.pid = 10, .start_time_ns = UINT64_MAX, .command = "older"}, RecursionState::kEnded);
  EXPECT_THAT(Ids({.pid = 10}), ElementsAre(kOne));
}

TEST_F(RecursionQueryTest, OneStoryIsFoundByItsId) {
  Add(kOne, Program(10, "web"));
  Add(kTwo, Program(20, "batch"), RecursionState::kEnded);
  EXPECT_THAT(Ids({}, false, kTwo), ElementsAre(kTwo));
  EXPECT_THAT(Ids({.pid = 10}, true, kOne), ElementsAre(kOne));
}

TEST_F(RecursionQueryTest, ErrorsSayWhatToDo) {
  Add(kTwo, Program(20, "batch"), RecursionState::kEnded);
  for (const std::string& id : {std::string("7"), kOne + "0", std::string("000000000000000G")}) {
    EXPECT_EQ(WhyNot({}, false, id).code(), absl::StatusCode::kInvalidArgument) << id;
    EXPECT_THAT(Message(WhyNot({}, false, id)), HasSubstr("profctl recursion list"));
  }
  EXPECT_EQ(WhyNot({}, false, kThree).code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Message(WhyNot({}, false, kThree)), HasSubstr("profctl recursion list"));
  EXPECT_THAT(Message(WhyNot({}, true, kTwo)), HasSubstr("is over (ended)"));
  EXPECT_THAT(Message(WhyNot({.pid = 10}, false, kTwo)), HasSubstr("of another process than pid 10"));
  EXPECT_EQ(WhyNot({.pid = 99}).code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Message(WhyNot({.pid = 99})), HasSubstr("no such process: pid 99; 'profctl ps'"));
  EXPECT_EQ(WhyNot({.command = "nobody"}).code(), absl::StatusCode::kNotFound);
}

TEST_F(RecursionQueryTest, TheStateIsTheWorstOfActiveStories) {
  EXPECT_EQ(StateOf(10), ProcessState::kOk);
  Add(kOne, Program(10, "web"), RecursionState::kActive, RecursionGrade::kObserved);
  EXPECT_EQ(StateOf(10), ProcessState::kOk);
  Add(kTwo, Program(10, "web"), RecursionState::kActive, RecursionGrade::kGrowing);
  EXPECT_EQ(StateOf(10), ProcessState::kGrowing);
  Add(kThree, Program(10, "web"), RecursionState::kActive, RecursionGrade::kProven);
  EXPECT_EQ(StateOf(10), ProcessState::kRunaway);
  EXPECT_EQ(StateOf(20), ProcessState::kOk) << "another process";
  backend.stories[2].state = RecursionState::kEnded;
  EXPECT_EQ(StateOf(10), ProcessState::kGrowing);
}

TEST_F(RecursionQueryTest, ACrashIsARunawayInItsWindowOnly) {
  for (const RecursionState state : {RecursionState::kCrashed, RecursionState::kOomKilled}) {
    backend.stories.clear();
    Add(kOne, Program(10, "web"), state, RecursionGrade::kGrowing).last_seen = clock.Wall() + 1s;
    EXPECT_EQ(StateOf(10), ProcessState::kRunaway);
    EXPECT_EQ(StateOf(10), ProcessState::kOk) << "the next window";
  }
}

TEST_F(RecursionQueryTest, TopHasTheStoriesOfItsWindow) {
  Add(kOne, Program(10, "web")).last_seen = clock.Wall() - 1h;
  Add(kTwo, Program(10, "web"), RecursionState::kEnded).last_seen = clock.Wall() + 1s;
  Add(kThree, Program(10, "web"), RecursionState::kEnded).last_seen = clock.Wall() - 1h;
  const auto processes = engine.TopProcesses({}, kNextTwo, pause);
  ASSERT_TRUE(processes.ok());
  EXPECT_THAT(IdsOf(processes->recursion), ElementsAre(kOne, kTwo)) << "active, and seen in the window";
  EXPECT_THAT(IdsOf(engine.TopProcesses({.pid = 20}, kLastTen, pause)->recursion), IsEmpty());
  EXPECT_THAT(IdsOf(engine.TopFunctionsOf({.pid = 10}, kLastTen, pause)->recursion), ElementsAre(kOne, kTwo));
}

TEST_F(RecursionQueryTest, ARangeOfThePastHasNotWhatCameLater) {
  const WallTime start = clock.Wall();
  clock.Advance(2s);
  ASSERT_TRUE(backend.Flip().ok());
  clock.Advance(1min);
  Add(kOne, Program(10, "web"));
  Add(kTwo, Program(10, "web"), RecursionState::kCrashed);
  Add(kThree, Program(10, "web"), RecursionState::kCrashed).last_seen = start + 1s;
  const auto top = engine.TopProcesses({}, {.kind = Window::Kind::kRange, .since = start, .until = start + 2s}, pause);
  ASSERT_TRUE(top.ok()) << top.status();
  EXPECT_THAT(IdsOf(top->recursion), ElementsAre(kThree));
}

TEST_F(RecursionQueryTest, OneThatDiedBeforeItWasSampledStillHasItsStory) {
  clock.Advance(2s);
  Add(kOne, Program(66, "fast"), RecursionState::kCrashed);
  const auto functions = engine.TopFunctionsOf({.pid = 66}, kLastTen, pause);
  ASSERT_TRUE(functions.ok()) << functions.status();
  EXPECT_EQ(functions->top.samples, 0u);
  EXPECT_THAT(IdsOf(functions->recursion), ElementsAre(kOne));
  EXPECT_EQ(functions->process->process.command, "fast");
  EXPECT_THAT(IdsOf(engine.TopProcesses({.command = "fast"}, kLastTen, pause)->recursion), ElementsAre(kOne));
  EXPECT_THAT(IdsOf(engine.TopProcesses({}, kLastTen, pause)->recursion), ElementsAre(kOne));
}

TEST_F(RecursionQueryTest, AWatchTellsOfTheSelectedOnly) {
  const auto watched = [this](const Selector& selector) {
    std::vector<std::string> ids;
    const auto watch =
        engine.WatchRecursion(selector, [&ids](const RecursionEvent& event) { ids.push_back(event.id); });
    EXPECT_TRUE(watch.ok()) << watch.status();
    EXPECT_EQ(backend.watchers(), 1u);
    backend.Tell(BuildStory(kOne, Program(10, "web"), clock.Wall()));
    backend.Tell(BuildStory(kTwo, Program(20, "batch"), clock.Wall()));
    backend.Tell(BuildStory(kThree, Program(30, "later"), clock.Wall()));
    return ids;
  };
  EXPECT_THAT(watched({}), ElementsAre(kOne, kTwo, kThree));
  EXPECT_THAT(watched({.pid = 20}), ElementsAre(kTwo));
  EXPECT_THAT(watched({.ns_pid = 1}), ElementsAre(kOne));
  EXPECT_THAT(watched({.command = "later"}), ElementsAre(kThree));
  EXPECT_EQ(backend.watchers(), 0u) << "a watch ends with what it returned";
}

TEST_F(RecursionQueryTest, WhatCannotComeIsNotWatched) {
  const auto code = [this](const Selector& selector) {
    return engine.WatchRecursion(selector, [](const RecursionEvent&) {}).status().code();
  };
  EXPECT_EQ(code({.pid = 66}), absl::StatusCode::kNotFound);
  EXPECT_EQ(code({.ns_pid = 66}), absl::StatusCode::kNotFound);
  Add(kOne, Program(66, "fast"), RecursionState::kCrashed);
  EXPECT_EQ(code({.pid = 66}), absl::StatusCode::kOk) << "its story is there";
}

}  // namespace
}  // namespace profd
