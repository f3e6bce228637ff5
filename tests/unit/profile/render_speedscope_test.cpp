#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "profile/render.h"
#include "support/profiles.h"

namespace profd {
namespace {

using nlohmann::json;
using testing::ProfileText;
using testing::RandomProfiles;
using testing::StackOf;

json Speedscope(std::initializer_list<StackOf> stacks) {
  return json::parse(RenderSpeedscope(ProfileText(stacks).Build()));
}

/// Names of the frames of a sample, root first.
std::vector<std::string> Names(const json& file, const json& sample) {
  std::vector<std::string> names;
  for (const size_t frame : sample) names.push_back(file["shared"]["frames"].at(frame)["name"]);
  return names;
}

TEST(Speedscope, HasStacksRootFirstWithTheirCpuTime) {
  const json file = Speedscope({StackOf({"f", "main"}).Ticks(3)});
  const json& profile = file["profiles"][0];
  EXPECT_EQ(Names(file, profile["samples"][0]), (std::vector<std::string>{"main", "f"}));
  EXPECT_EQ(profile["weights"][0], 150'000'000);
  EXPECT_EQ(profile["unit"], "nanoseconds");
  EXPECT_EQ(profile["name"], "app (pid 1)");
}

TEST(Speedscope, FramesSayWhereTheFunctionIs) {
  const json file = Speedscope({StackOf({"f"})});
  EXPECT_EQ(file["shared"]["frames"][0], (json{{"name", "f"}, {"file", "f.go"}, {"line", 7}}));
}

TEST(Speedscope, ACycleStandsOnceWithItsRepeats) {
  const json file = Speedscope({StackOf({"leaf", "a", "main"}).Repeat(1, 1, 1000)});
  EXPECT_EQ(Names(file, file["profiles"][0]["samples"][0]),
            (std::vector<std::string>{"main", "a", "[recursion x1000]", "leaf"}));
}

TEST(Speedscope, CountsTicksWhereThePeriodIsNotKnown) {
  Profile profile = ProfileText({StackOf({"f"}).Ticks(3)}).Build();
  profile.period = {};
  const json file = json::parse(RenderSpeedscope(profile));
  EXPECT_EQ(file["profiles"][0]["unit"], "none");
  EXPECT_EQ(file["profiles"][0]["weights"][0], 3);
}

TEST(Speedscope, IsValidJsonWhateverTheNamesAre) {
  EXPECT_NO_THROW(Speedscope({StackOf({"\xff\xfe\"\\\n", "main"}).In("\xc3(")}));
}

/// The rules of the published schema for sampled profiles.
TEST(Speedscope, KeepsToTheSchema) {
  for (uint32_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE(seed);
    const json file = json::parse(RenderSpeedscope(RandomProfiles(seed).Next()));
    EXPECT_EQ(file["$schema"], "https://www.speedscope.app/file-format-schema.json");
    for (const json& frame : file["shared"]["frames"]) EXPECT_TRUE(frame.at("name").is_string());
    ASSERT_EQ(file["profiles"].size(), 1u);
    const json& profile = file["profiles"][0];
    EXPECT_EQ(profile["type"], "sampled");
    EXPECT_TRUE(profile["name"].is_string());
    EXPECT_TRUE(profile["startValue"].is_number());
    ASSERT_EQ(profile["samples"].size(), profile["weights"].size());
    uint64_t total = 0;
    for (const json& weight : profile["weights"]) total += weight.get<uint64_t>();
    EXPECT_EQ(profile["endValue"], total);
    for (const json& sample : profile["samples"]) {
      for (const json& frame : sample) EXPECT_LT(frame.get<size_t>(), file["shared"]["frames"].size());
    }
  }
}

}  // namespace
}  // namespace profd
