#include "export/recursion_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "export/prometheus_collector.h"
#include "support/fake_backend.h"

namespace profd {
namespace {

using namespace std::chrono_literals;
using testing::BuildStory;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kWeb = "namespace=\"shop\",pod=\"web-0\",container=\"app\",command=\"web\"";

class RecursionMetricsTest : public ::testing::Test {
 protected:
  static Process Web(uint32_t pid = 7) {
    return {.pid = pid,
            .start_time_ns = 1,
            .command = "web",
            .container = {.name = "app", .pod = "web-0", .name_space = "shop"}};
  }
  void Tell(RecursionGrade grade, RecursionState state = RecursionState::kActive, uint64_t occurrences = 1,
            const std::string& id = "a") {
    RecursionEvent event = BuildStory(id, Web(), clock.Wall());
    event.grade = grade;
    event.state = state;
    event.occurrences = occurrences;
    collector.OnRecursion(event);
  }
  void Sample(const Process& process) {
    collector.OnSegment({.end = WallTime(10s), .period = 100ms, .usage = {{.process = process, .samples = 10}}});
  }
  /// The value of a series of the pod's; "" when there is none.
  std::string Value(const std::string& name, const std::string& grade = "") {
    const std::string text = collector.Render();
    const std::string series =
        "\nprofd_recursion_" + name + "{" + kWeb + (grade.empty() ? "" : ",grade=\"" + grade + "\"") + "} ";
    const size_t at = text.find(series);
    if (at == std::string::npos) return "";
    const size_t begin = at + series.size();
    return text.substr(begin, text.find('\n', begin) - begin);
  }

  testing::FakeClock clock;
  testing::FakeBackend backend{&clock};
  PrometheusCollector collector{&backend, [this] { return clock.Boot(); }};
};

TEST_F(RecursionMetricsTest, AWorkloadThatNeverRecursedIsZeroFromFirstSight) {
  EXPECT_THAT(collector.Render(), Not(HasSubstr("profd_recursion")));
  Sample(Web());
  for (const std::string grade : {"growing", "projected", "proven"}) {
    EXPECT_EQ(Value("active", grade), "0");
    EXPECT_EQ(Value("events_total", grade), "0");
  }
  EXPECT_EQ(Value("crashed"), "0");
  EXPECT_EQ(Value("depth_frames"), "") << "of no stack";
}

TEST_F(RecursionMetricsTest, AnActiveStoryCountsAtItsGrade) {
  RecursionEvent event = BuildStory("a", Web(), clock.Wall());
  event.grade = RecursionGrade::kGrowing;
  event.depth = 500;
  event.stack_bytes = 65536;
  event.seconds_to_overflow = 12.5;
  collector.OnRecursion(event);
  event.id = "b";
  event.depth = 300;
  event.stack_bytes = 131072;
  event.seconds_to_overflow = 2.5;
  collector.OnRecursion(event);
  EXPECT_EQ(Value("active", "growing"), "2");
  EXPECT_EQ(Value("active", "projected"), "0");
  EXPECT_EQ(Value("depth_frames"), "500");
  EXPECT_EQ(Value("stack_bytes"), "131072");
  EXPECT_EQ(Value("seconds_to_overflow"), "2.5");
  Tell(RecursionGrade::kProjected);
  EXPECT_EQ(Value("active", "growing"), "1");
  EXPECT_EQ(Value("active", "projected"), "1");
}

TEST_F(RecursionMetricsTest, AFastCrashIsSeenForTwoMinutes) {
  Sample(Web());
  Tell(RecursionGrade::kProjected, RecursionState::kCrashed);
  clock.Advance(2min - 1ns);
  EXPECT_EQ(Value("active", "projected"), "1");
  EXPECT_EQ(Value("crashed"), "1");
  EXPECT_EQ(Value("depth_frames"), "100000");
  EXPECT_EQ(Value("events_total", "growing"), "1") << "a grade is reached through those below";
  EXPECT_EQ(Value("events_total", "projected"), "1");
  EXPECT_EQ(Value("events_total", "proven"), "0");
  clock.Advance(1ns);
  EXPECT_EQ(Value("active", "projected"), "0");
  EXPECT_EQ(Value("crashed"), "0");
  EXPECT_EQ(Value("depth_frames"), "");
  EXPECT_EQ(Value("events_total", "projected"), "1");
}

TEST_F(RecursionMetricsTest, AnEndIsHeldFromItsFirstTelling) {
  Tell(RecursionGrade::kGrowing);
  clock.Advance(1h);
  EXPECT_EQ(Value("active", "growing"), "1") << "active as long as nothing else is told";
  Tell(RecursionGrade::kGrowing, RecursionState::kEnded);
  clock.Advance(1min);
  Tell(RecursionGrade::kGrowing, RecursionState::kEnded);
  EXPECT_EQ(Value("active", "growing"), "1");
  EXPECT_EQ(Value("crashed"), "0");
  clock.Advance(1min);
  EXPECT_EQ(Value("active", "growing"), "0");
}

TEST_F(RecursionMetricsTest, AnOomKillIsACrashAndACrashLoopIsHeldOn) {
  Tell(RecursionGrade::kGrowing, RecursionState::kOomKilled);
  clock.Advance(90s);
  Tell(RecursionGrade::kGrowing, RecursionState::kOomKilled, 2);
  clock.Advance(90s);
  EXPECT_EQ(Value("crashed"), "1");
  EXPECT_EQ(Value("active", "growing"), "1");
  EXPECT_EQ(Value("events_total", "growing"), "2");
}

TEST_F(RecursionMetricsTest, EachOccurrenceReachesAGradeOnce) {
  Tell(RecursionGrade::kGrowing);
  Tell(RecursionGrade::kProjected);
  Tell(RecursionGrade::kProjected);
  Tell(RecursionGrade::kGrowing);
  Tell(RecursionGrade::kProjected);
  EXPECT_EQ(Value("events_total", "growing"), "1");
  EXPECT_EQ(Value("events_total", "projected"), "1");
  Tell(RecursionGrade::kProjected, RecursionState::kActive, 4);
  EXPECT_EQ(Value("events_total", "projected"), "4") << "three more came while it was projected";
  Tell(RecursionGrade::kProven, RecursionState::kActive, 4);
  EXPECT_EQ(Value("events_total", "proven"), "1") << "one of the four";
}

TEST_F(RecursionMetricsTest, AStoryOfBeforeTheStartCountsOnce) {
  Tell(RecursionGrade::kProjected, RecursionState::kCrashed, 57);
  EXPECT_EQ(Value("events_total", "projected"), "1");
  Tell(RecursionGrade::kProjected, RecursionState::kCrashed, 58);
  EXPECT_EQ(Value("events_total", "projected"), "2");
}

TEST_F(RecursionMetricsTest, ObservedStoriesAreNotShown) {
  Tell(RecursionGrade::kObserved);
  EXPECT_THAT(collector.Render(), Not(HasSubstr("profd_recursion")));
  Tell(RecursionGrade::kGrowing);
  Tell(RecursionGrade::kObserved);
  EXPECT_EQ(Value("active", "growing"), "0");
  EXPECT_EQ(Value("depth_frames"), "");
}

TEST_F(RecursionMetricsTest, WhatIsIdleForAnHourEndsButNeverGoesDown) {
  Tell(RecursionGrade::kProjected, RecursionState::kEnded);
  clock.Advance(1h);
  EXPECT_EQ(Value("events_total", "projected"), "");
  Sample(Web());
  EXPECT_EQ(Value("events_total", "projected"), "1");
}

TEST_F(RecursionMetricsTest, EndlessNewWorkloadsAndStoriesStayBounded) {
  Tell(RecursionGrade::kProjected);
  for (int i = 0; i < 2000; ++i) {
    clock.Advance(1ms);
    RecursionEvent event = BuildStory("x", {.pid = 9, .command = "job" + std::to_string(i)}, clock.Wall());
    event.state = RecursionState::kEnded;
    collector.OnRecursion(event);
    Tell(RecursionGrade::kGrowing, RecursionState::kEnded, 1, "story" + std::to_string(i));
  }
  clock.Advance(2min);
  for (const prometheus::MetricFamily& family : collector.Collect()) {
    if (family.name == "profd_recursion_crashed") {
      EXPECT_EQ(family.metric.size(), RecursionMetrics::kMaxWorkloads);
    }
  }
  EXPECT_EQ(Value("active", "projected"), "1") << "what recurses is kept";
}

TEST_F(RecursionMetricsTest, LabelsArePrintableUtf8AndHaveNoPid) {
  collector.OnRecursion(BuildStory("a", {.pid = 4242, .command = "a\xff\x1b"}, clock.Wall()));
  EXPECT_THAT(collector.Render(), HasSubstr("profd_recursion_active{namespace=\"\",pod=\"\",container=\"\",command=\"a"
                                            "\xEF\xBF\xBD?\",grade=\"projected\"} 1\n"));
  EXPECT_THAT(collector.Render(), Not(HasSubstr("4242")));
  EXPECT_THAT(collector.Render(), Not(HasSubstr("Get")));
}

}  // namespace
}  // namespace profd
