#include <gmock/gmock.h>

#include <regex>

#include "profile/flame_tree.h"
#include "profile/render.h"
#include "support/profiles.h"

namespace profd {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::ProfileText;
using testing::StackOf;

struct DrawnFrame {
  std::string name;
  double x, y, width;
};

std::map<std::string, DrawnFrame> Draw(const std::string& svg) {
  const std::regex frame(R"re(<title>([^\n]*)\n[^<]*</title><rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)")re");
  std::map<std::string, DrawnFrame> frames;
  for (std::sregex_iterator match(svg.begin(), svg.end(), frame), end; match != end; ++match) {
    frames[(*match)[1]] = {(*match)[1], std::stod((*match)[2]), std::stod((*match)[3]), std::stod((*match)[4])};
  }
  return frames;
}

std::map<std::string, DrawnFrame> Draw(std::initializer_list<StackOf> stacks) {
  return Draw(RenderFlameSvg(ProfileText(stacks).Build()));
}

TEST(FlameSvg, StandsOnItsRootAndIsAsWideAsItsTicks) {
  const auto frames = Draw({StackOf({"f", "main"}).Ticks(3), StackOf({"g", "main"}).Ticks(1)});
  EXPECT_GT(frames.at("all").y, frames.at("main").y);
  EXPECT_GT(frames.at("main").y, frames.at("f").y);
  EXPECT_NEAR(frames.at("main").width, frames.at("all").width, 0.1);
  EXPECT_NEAR(frames.at("f").width, 3 * frames.at("g").width, 2);
  EXPECT_NEAR(frames.at("f").x + frames.at("f").width, frames.at("g").x, 1);
}

TEST(FlameSvg, ACycleStandsOnceWithItsRepeatsAboveIt) {
  const auto frames = Draw({StackOf({"leaf", "b", "a", "main"}).Repeat(1, 2, 1000)});
  EXPECT_GT(frames.at("b").y, frames.at("[recursion x1000]").y);
  EXPECT_GT(frames.at("[recursion x1000]").y, frames.at("leaf").y);
}

TEST(FlameSvg, LeavesOutWhatWouldBeTooNarrowToSee) {
  const auto frames = Draw({StackOf({"wide"}).Ticks(1'000'000), StackOf({"narrow"}).Ticks(1)});
  EXPECT_TRUE(frames.contains("wide"));
  EXPECT_FALSE(frames.contains("narrow"));
}

TEST(FlameSvg, LeavesNoRoomForCodeInNames) {
  const std::string svg =
      RenderFlameSvg(ProfileText({StackOf({"</title><script>alert(1)</script>", "\"'&]]>"}).In("<b>&\x01")}).Build());
  EXPECT_THAT(svg, Not(HasSubstr("<script>alert")));
  EXPECT_THAT(svg, Not(HasSubstr("<b>")));
  EXPECT_THAT(svg, HasSubstr("&lt;/title&gt;&lt;script&gt;alert(1)"));
  EXPECT_THAT(svg, HasSubstr("&quot;&#39;&amp;]]&gt;"));
  EXPECT_THAT(svg, Not(HasSubstr("\x01")));
}

TEST(FlameSvg, LoadsNothingFromElsewhere) {
  const std::string svg = RenderFlameSvg(ProfileText({StackOf({"f"})}).Build());
  EXPECT_THAT(svg, Not(HasSubstr("href")));
  EXPECT_THAT(svg, Not(HasSubstr("@import")));
}

TEST(FlameSvg, SaysSoWhenThereIsNothingToDraw) {
  EXPECT_THAT(RenderFlameSvg({}), HasSubstr("No samples in this profile."));
}

TEST(FlameSvg, SaysWhoseAndWhen) {
  const std::string svg = RenderFlameSvg(ProfileText({StackOf({"f"}).Ticks(1234)}).Build());
  EXPECT_THAT(svg, HasSubstr("app (pid 1)"));
  EXPECT_THAT(svg, HasSubstr("1,234 samples, 61.7 s of CPU time, in 10 s from 2023-11-14 22:13:20 UTC"));
}

TEST(FlameTree, IsAsHighAsItsLimitHoweverDeepTheStack) {
  ProfileText text({StackOf(std::vector<std::string>(5000, "f"))});
  const FlameTree tree = BuildFlameTree(text.Build());
  EXPECT_EQ(tree.nodes.size(), kMaxFlameLevels);
}

}  // namespace
}  // namespace profd
