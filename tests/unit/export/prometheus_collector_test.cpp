#include "export/prometheus_collector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_backend.h"

namespace profd {
namespace {

using namespace std::chrono_literals;
using testing::FakeBackend;
using testing::FakeClock;
using ::testing::HasSubstr;

class PrometheusCollectorTest : public ::testing::Test {
 protected:
  PrometheusCollectorTest() {
    backend.status.version = "1.2.3";
    backend.status.outcomes = {{"recorded", 7}, {"lost_ring_full", 2}};
    backend.status.programs = {{.name = "cpu_sampler", .runs = 1000, .mean_ns = 2000, .recorded_mean_ns = 3000},
                               {.name = "process_exec", .runs = 1000, .mean_ns = 9000}};
    backend.status.analyses = {{"ok", 5}, {"crashed", 1}};
    backend.status.analysis_seconds = 1.5;
    backend.status.losses = {{.name = "mappings_dropped", .explanation = "Too many mappings.", .count = 3}};
    backend.status.cpu = 2500ms;
    backend.status.virtual_bytes = 8192;
    backend.status.processes = 42;
  }

  FakeClock clock;
  FakeBackend backend{&clock};
  PrometheusCollector collector{&backend};
};

TEST_F(PrometheusCollectorTest, ShowsWhatTheDaemonCounts) {
  const std::string text = collector.Render();
  EXPECT_THAT(text, HasSubstr("profd_build_info{version=\"1.2.3\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("profd_samples_total{outcome=\"recorded\"} 7\n"));
  EXPECT_THAT(text, HasSubstr("profd_samples_total{outcome=\"lost_ring_full\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("profd_processes 42\n"));
  EXPECT_THAT(text, HasSubstr("profd_object_analyses_total{result=\"crashed\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("profd_object_analysis_seconds_count 6\n"));
  EXPECT_THAT(text, HasSubstr("profd_object_analysis_seconds_sum 1.5\n"));
  EXPECT_THAT(text, HasSubstr("profd_mappings_dropped_total 3\n"));
  EXPECT_THAT(text, HasSubstr("process_cpu_seconds_total 2.5\n"));
  EXPECT_THAT(text, HasSubstr("process_virtual_memory_bytes 8192\n"));
  EXPECT_THAT(text, HasSubstr("process_open_fds "));
}

TEST_F(PrometheusCollectorTest, OutcomesThatNeverHappenedAreZeroNotAbsent) {
  EXPECT_THAT(collector.Render(), HasSubstr("profd_samples_total{outcome=\"lost_not_delivered\"} 0\n"));
}

TEST_F(PrometheusCollectorTest, SampleSecondsAreThoseOfProgramsThatSample) {
  EXPECT_THAT(collector.Render(), HasSubstr("profd_sample_seconds_total 0.002\n"));
}

TEST_F(PrometheusCollectorTest, CpuOfWorkloadsHasTheFourLabels) {
  Segment segment{.start = WallTime(0s), .end = WallTime(10s), .period = 100ms};
  segment.usage = {
      {.process = {.pid = 1, .command = "we\"b", .container = {.name = "app", .pod = "web-0", .name_space = "shop"}},
       .samples = 15}};
  collector.OnSegment(segment);
  EXPECT_THAT(collector.Render(),
              HasSubstr("profd_process_cpu_seconds_total{namespace=\"shop\",pod=\"web-0\",container=\"app\","
                        "command=\"we\\\"b\"} 1.5\n"));
}

TEST_F(PrometheusCollectorTest, EveryFamilyHasHelpAndCountersEndInTotal) {
  for (const prometheus::MetricFamily& family : collector.Collect()) {
    EXPECT_FALSE(family.help.empty()) << family.name;
    EXPECT_EQ(family.name.ends_with("_total"), family.type == prometheus::MetricType::Counter) << family.name;
  }
}

}  // namespace
}  // namespace profd
