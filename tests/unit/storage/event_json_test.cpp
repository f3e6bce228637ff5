#include "storage/event_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace profd {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::HasSubstr;

WallTime At(std::chrono::nanoseconds time) { return WallTime(time); }

/// Files hold documents like this: never change it.
constexpr const char* kVersion1 = R"({
    "id": "0123456789abcdef", "identity": {"hex": "6dff"}, "grade": "growing", "state": "crashed", "pid": 7,
    "start_time_ns": 1, "exec_id": 2, "command": "demo", "tid": 8, "goroutine": 9, "depth": 10, "depth_exact": true,
    "container": {"name": "n", "id": "i", "pod": "p", "namespace": "s"}, "depth_error": 3, "stack_bytes": 11,
    "cycle": [{"name": "f", "file": "f.go", "line": 1}], "entry": [], "root": [{"name": "main"}],
    "stack_limit_bytes": 12, "limit_reason": "l", "growth_bytes_per_second": 1.5, "seconds_to_overflow": 2.5,
    "first_seen_ns": 13, "last_seen_ns": 14, "trigger": "oom_kill", "reason": "r", "positions_verified": 15,
    "occurrences": 16, "advice": "a", "history": [{"time_ns": 13, "what": "w"}], "of a later version": [1]})";

TEST(EventJson, ReadsWhatVersion1Wrote) {
  const RecursionEvent expected{
      .id = "0123456789abcdef",
      .identity = "m\xFF",
      .grade = RecursionGrade::kGrowing,
      .state = RecursionState::kCrashed,
      .process = {7, 1, 2, "demo", {"n", "i", "p", "s"}},
      .tid = 8,
      .goroutine = 9,
      .cycle = {{"f", "f.go", 1}},
      .entry = {},
      .root = {{"main", "", 0}},
      .depth = 10,
      .depth_exact = true,
      .depth_error = 3,
      .stack_bytes = 11,
      .stack_limit_bytes = 12,
      .limit_reason = "l",
      .growth_bytes_per_second = 1.5,
      .seconds_to_overflow = 2.5,
      .first_seen = At(13ns),
      .last_seen = At(14ns),
      .trigger = RecursionTrigger::kOomKill,
      .reason = "r",
      .positions_verified = 15,
      .occurrences = 16,
      .advice = "a",
      .history = {{At(13ns), "w"}},
  };
  const auto event = EventFromJson(json::parse(kVersion1));
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ(*event, expected);
}

TEST(EventJson, AMapComesBack) {
  auto event = EventFromJson(json::parse(kVersion1));
  ASSERT_TRUE(event.ok());
  event->map = RecursionMap{.address = 0xc000123456,
                            .type = "map[string]interface {}",
                            .entries = 2,
                            .key_hash = ~uint64_t{0},
                            .key = "k\xFF",
                            .same_key_hits = 199};
  EXPECT_EQ(EventToJson(*event).dump().find("k\\u"), std::string::npos) << "keys are not for the disk";
  const auto again = EventFromJson(EventToJson(*event));
  event->map->key.clear();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(*again, *event);
  json document = EventToJson(*event);
  document["map"]["entries"] = "many";
  EXPECT_THAT(Message(EventFromJson(document).status()), HasSubstr(" map "));
}

TEST(EventJson, RefusesAWrongTypeByItsKey) {
  const json whole = json::parse(kVersion1);
  for (const auto& [key, value] : whole.items()) {
    if (key == "of a later version") continue;
    for (const json& wrong : {json::object(), json::array({1}), json("?")}) {
      // A text may be anything, and an object may lack everything.
      if (wrong.is_string() && (value.is_string() || value.contains("hex")) && key != "id" && key != "grade" &&
          key != "state" && key != "trigger") {
        continue;
      }
      if (key == "container" && wrong.is_object()) continue;
      json document = whole;
      document[key] = wrong;
      EXPECT_THAT(Message(EventFromJson(document).status()), HasSubstr(" " + key + " ")) << wrong;
    }
  }
  for (const json& wrong : {json(-1), json(uint64_t{1} << 32), json(1.5)}) {
    json document = whole;
    document["pid"] = wrong;
    EXPECT_FALSE(EventFromJson(document).ok()) << wrong;
  }
  EXPECT_FALSE(EventFromJson(json(json::value_t::discarded)).ok());
}

TEST(EventJson, CutsWhatIsBeyondItsBounds) {
  RecursionEvent event;
  event.id = "0123456789abcdef";
  event.reason = std::string((16 << 10) - 1, 'x') + "\u00e9";
  event.cycle.resize(1000);
  event.first_seen = WallTime::min();
  event.last_seen = WallTime::max();
  event.growth_bytes_per_second = std::nan("");
  event.seconds_to_overflow = 1e300;
  const auto read = EventFromJson(EventToJson(event));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->reason, std::string((16 << 10) - 1, 'x'));
  EXPECT_EQ(read->cycle.size(), 512u);
  EXPECT_EQ(read->first_seen, WallTime{});
  EXPECT_GT(read->last_seen - At(1'700'000'000s), 0s);
  EXPECT_EQ(read->growth_bytes_per_second, 0);
  EXPECT_EQ(read->seconds_to_overflow, 1e18);
}

}  // namespace
}  // namespace profd
