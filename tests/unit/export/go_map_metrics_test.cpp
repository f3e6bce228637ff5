#include "export/go_map_metrics.h"

#include <gmock/gmock.h>

namespace profd {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

Process Named(std::string command) { return {.pid = 1, .command = std::move(command)}; }

class GoMapMetricsTest : public ::testing::Test {
 protected:
  void Add(std::vector<ProcessUsage> usage, std::chrono::seconds length = 10s) {
    Segment segment{.start = now_, .end = now_ + length, .period = 100ms};
    segment.usage = std::move(usage);
    now_ += length;
    metrics.Add(segment);
  }
  /// Values by command.
  std::map<std::string, double> Values(size_t family, const std::vector<ProcessMapRate>& rates = {}) {
    std::map<std::string, double> values;
    const auto families = metrics.Collect(shown, rates);
    for (const auto& metric : families.at(family).metric) {
      EXPECT_EQ(metric.label.size(), 4u);
      values[metric.label.back().value] = metric.gauge.value;
    }
    return values;
  }
  std::map<std::string, double> Rates(const std::vector<ProcessMapRate>& rates) { return Values(0, rates); }
  std::map<std::string, double> Ratios() { return Values(1); }

  WallTime now_ = WallTime(1000s);
  GoMapMetrics metrics;
  std::vector<CpuByWorkload::Series> shown{{.workload = {.command = "shop"}}};
};

TEST_F(GoMapMetricsTest, TheRatioIsOfAllProcessesOfAWorkload) {
  Add({{.process = Named("shop"), .samples = 60, .map_samples = 30}, {.process = Named("shop"), .samples = 40}});
  EXPECT_THAT(Ratios(), ElementsAre(Pair("shop", 0.3)));
}

TEST_F(GoMapMetricsTest, TheRatioFollowsWhatIsNew) {
  Add({{.process = Named("shop"), .samples = 100, .map_samples = 50}});
  Add({{.process = Named("shop"), .samples = 100}}, 60s);
  EXPECT_NEAR(Ratios().at("shop"), 25 / 150.0, 1e-9) << "a minute ago counts half";
}

TEST_F(GoMapMetricsTest, WhoNeverUsesMapsHasNoSeriesAndWhoStoppedLosesIt) {
  Add({{.process = Named("cc1"), .samples = 100}, {.process = Named("shop"), .samples = 2, .map_samples = 2}});
  EXPECT_THAT(Ratios(), ElementsAre(Pair("shop", 1.0)));
  Add({}, 20min);
  EXPECT_THAT(Ratios(), IsEmpty());
}

TEST_F(GoMapMetricsTest, TheRestIsOne) {
  Add({{.process = Named("a"), .samples = 10, .map_samples = 5},
       {.process = Named("b"), .samples = 30, .map_samples = 5}});
  EXPECT_THAT(Ratios(), ElementsAre(Pair("other", 0.25)));
  EXPECT_THAT(
      Rates({{Named("a"), {.estimate = 100}}, {Named("b"), {.estimate = 50}}, {Named("shop"), {.estimate = 7}}}),
      ElementsAre(Pair("other", 150), Pair("shop", 7)));
}

}  // namespace
}  // namespace profd
