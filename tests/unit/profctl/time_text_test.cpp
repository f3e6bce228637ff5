#include "profctl/time_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace profd::profctl {
namespace {

using namespace std::chrono_literals;

const WallTime kNow(1'800'000'000s);  // 2027-01-15T08:00:00Z

TEST(ParseDuration, TakesTheUsualForms) {
  EXPECT_EQ(*ParseDuration("500ms"), 500ms);
  EXPECT_EQ(*ParseDuration("10s"), 10s);
  EXPECT_EQ(*ParseDuration("2m"), 2min);
  EXPECT_EQ(*ParseDuration("1h"), 1h);
  EXPECT_EQ(*ParseDuration("10"), 10s);
  EXPECT_EQ(*ParseDuration("0.5"), 500ms);
  EXPECT_EQ(*ParseDuration("1.5s"), 1500ms);
  EXPECT_EQ(*ParseDuration("1m30s"), 90s);
}

TEST(ParseDuration, RefusesWhatIsNone) {
  for (const char* text : {"", "0", "0s", "-1s", "s", "10x", "10 s", "1m30", "1..5s", ".", "1e9", "inf", "nan", "10sec",
                           "99999999999h", "ms", "5s "}) {
    EXPECT_EQ(ParseDuration(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(ParseTime, TakesRfc3339) {
  EXPECT_EQ(*ParseTime("2027-01-15T08:00:00Z", WallTime()), kNow);
  EXPECT_EQ(*ParseTime("2027-01-15T09:30:00+01:30", WallTime()), kNow);
  EXPECT_EQ(*ParseTime("2027-01-15T03:00:00-05:00", WallTime()), kNow);
  EXPECT_EQ(*ParseTime("2027-01-15T08:00:00.25Z", WallTime()), kNow + 250ms);
}

TEST(ParseTime, TakesTimesBeforeNow) {
  EXPECT_EQ(*ParseTime("-5m", kNow), kNow - 5min);
  EXPECT_EQ(*ParseTime("5m ago", kNow), kNow - 5min);
  EXPECT_EQ(*ParseTime("-90", kNow), kNow - 90s);
  EXPECT_EQ(*ParseTime("now", kNow), kNow);
}

TEST(ParseTime, RefusesWhatIsNone) {
  for (const char* text :
       {"", "yesterday", "5m", "-", "-x", " ago", "2027-01-15", "2027-01-15T08:00:00", "2027-13-15T08:00:00Z",
        "2027-02-30T08:00:00Z", "2027-01-15T24:00:00Z", "2027-01-15T08:00:00.Z", "2027-01-15T08:00:00+1:00",
        "2027/01/15T08:00:00Z", "0001-01-01T00:00:00Z"}) {
    EXPECT_EQ(ParseTime(text, kNow).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(Rfc3339, IsUtcWithMilliseconds) {
  EXPECT_EQ(Rfc3339(kNow + 7ms), "2027-01-15T08:00:00.007Z");
  EXPECT_EQ(Rfc3339(kNow + 7ns, true), "2027-01-15T08:00:00.000000007Z");
}

TEST(FormatDuration, ChoosesItsUnits) {
  EXPECT_EQ(FormatDuration(350ms), "350 ms");
  EXPECT_EQ(FormatDuration(10s), "10.0 s");
  EXPECT_EQ(FormatDuration(200s), "3m 20s");
  EXPECT_EQ(FormatDuration(125min), "2h 5m");
  EXPECT_EQ(FormatDuration(99h), "4d 3h");
}

TEST(FormatAge, IsNeverInTheFuture) {
  const WallTime now = WallTime(1'800'000'000s);
  EXPECT_EQ(FormatAge(now - 200s, now), "3m 20s ago");
  EXPECT_EQ(FormatAge(now - 300ms, now), "now");
  EXPECT_EQ(FormatAge(now + 1h, now), "now");
}

TEST(DateTime, IsToTheMillisecond) {
  const std::string text = DateTime(WallTime(1'800'000'000s) + 7ms);
  EXPECT_EQ(text.size(), 23u);
  EXPECT_TRUE(text.ends_with(":00.007")) << text;
}

}  // namespace
}  // namespace profd::profctl
