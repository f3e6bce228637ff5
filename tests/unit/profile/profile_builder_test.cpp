#include "profile/profile_builder.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/profiles.h"

namespace profd {
namespace {

using testing::ProfileText;
using testing::RandomProfiles;
using testing::StackOf;
using namespace std::chrono_literals;

TEST(ProfileBuilder, GivesEqualThingsTheSameIndex) {
  ProfileBuilder builder;
  EXPECT_EQ(builder.AddMapping({.start = 1, .file = "a"}), builder.AddMapping({.start = 1, .file = "a"}));
  EXPECT_NE(builder.AddMapping({.start = 1, .file = "a"}), builder.AddMapping({.start = 2, .file = "a"}));
  EXPECT_EQ(builder.AddFunction({"f"}), builder.AddFunction({"f"}));
  EXPECT_NE(builder.AddFunction({"f"}), builder.AddFunction({"f", "", "f.c"}));
  EXPECT_EQ(builder.AddMarker("[m]"), builder.AddMarker("[m]"));
  EXPECT_EQ(builder.AddProcess({.pid = 1}), builder.AddProcess({.pid = 1}));
  EXPECT_NE(builder.AddProcess({.pid = 1}), builder.AddProcess({.pid = 1, .exec_id = 1}));
}

TEST(ProfileBuilder, AddsTicksOfEqualSamples) {
  const Profile profile = ProfileText({StackOf({"f", "main"}).Ticks(2), StackOf({"f", "main"}).Ticks(3)}).Build();
  ASSERT_EQ(profile.samples.size(), 1u);
  EXPECT_EQ(profile.samples[0].count, 5u);
}

TEST(ProfileBuilder, KeepsThreadsProcessesAndBrokenStacksApart) {
  const Profile profile = ProfileText({StackOf({"f"}), StackOf({"f"}).Thread(2), StackOf({"f"}).Thread(1, "gc"),
                                       StackOf({"f"}).In("app", 2), StackOf({"f"}).Truncated()})
                              .Build();
  EXPECT_EQ(profile.samples.size(), 5u);
}

TEST(ProfileBuilder, AGrowingRecursionStaysOneSampleOfItsGreatestDepth) {
  const Profile profile = ProfileText({StackOf({"f", "g", "main"}).Repeat(1, 1, 900).Bytes(8192),
                                       StackOf({"f", "g", "main"}).Repeat(1, 1, 5000).Bytes(65536),
                                       StackOf({"f", "g", "main"}).Repeat(1, 1, 70).Bytes(4096)})
                              .Build();
  ASSERT_EQ(profile.samples.size(), 1u);
  EXPECT_EQ(profile.samples[0].stack.folds, (std::vector<Fold>{{1, 1, 5000, false}}));
  EXPECT_EQ(profile.samples[0].stack_bytes, 65536u);
  EXPECT_EQ(profile.samples[0].stack.Depth(), 5002u);
}

TEST(ProfileBuilder, OtherShapesOfFoldsAreOtherSamples) {
  const Profile profile = ProfileText({StackOf({"f", "g", "h"}).Repeat(1, 1, 9),
                                       StackOf({"f", "g", "h"}).Repeat(1, 2, 9), StackOf({"f", "g", "h"})})
                              .Build();
  EXPECT_EQ(profile.samples.size(), 3u);
}

TEST(ProfileBuilder, SamplesWithoutTicksAreNone) {
  EXPECT_TRUE(ProfileText({StackOf({"f"}).Ticks(0)}).Build().samples.empty());
}

TEST(ProfileBuilder, DropsTableEntriesThatNoSampleUses) {
  ProfileBuilder builder;
  builder.AddMapping({.file = "unused"});
  const uint32_t used = builder.AddLocation({.mapping = builder.AddMapping({.file = "used"}), .address = 1});
  builder.AddLocation({.address = 2, .lines = {{builder.AddFunction({"unused"}), 1}}});
  builder.AddProcess({.pid = 9});
  Sample sample{.count = 1};
  sample.stack.locations = {used};
  builder.AddSample(sample);
  const Profile profile = builder.Build();
  EXPECT_EQ(profile.mappings, std::vector<Mapping>{{.file = "used"}});
  EXPECT_EQ(profile.locations.size(), 1u);
  EXPECT_TRUE(profile.functions.empty());
  EXPECT_TRUE(profile.processes.empty());
}

TEST(ProfileBuilder, NamesAFunctionByItsSystemNameWhereItHasNoOther) {
  ProfileText text;
  Sample sample{.count = 1};
  sample.stack.locations = {
      text.builder.AddLocation({.address = 1, .lines = {{text.builder.AddFunction({"", "raw"}), 0}}})};
  text.builder.AddSample(sample);
  EXPECT_EQ(text.Build().functions, std::vector<Function>{{"raw"}});
}

TEST(ProfileBuilder, ALocationWhoseFunctionsHaveNoNameIsNotSymbolized) {
  ProfileBuilder builder;
  EXPECT_EQ(builder.AddLocation({.address = 1, .lines = {{builder.AddFunction({}), 3}}}),
            builder.AddLocation({.address = 1}));
}

TEST(ProfileBuilder, BuildLeavesTheBuilderEmpty) {
  ProfileText text({StackOf({"f"})});
  text.Build();
  EXPECT_EQ(text.Build(), Profile{});
}

TEST(ProfileBuilder, TheOrderOfAdditionsDoesNotShow) {
  std::vector<StackOf> stacks{StackOf({"f", "g", "main"}).Repeat(1, 1, 9), StackOf({"[k] sys_read", "g", "main"}),
                              StackOf({"?0x1234", "?", "main"}).In("b", 2),
                              StackOf({"inner <- f", "main"}).Thread(7, "x")};
  ProfileText forward, backward;
  for (const StackOf& stack : stacks) forward.Add(stack);
  std::reverse(stacks.begin(), stacks.end());
  for (const StackOf& stack : stacks) backward.Add(stack);
  EXPECT_EQ(forward.Build(), backward.Build());
}

Profile Merged(std::initializer_list<Profile> profiles) {
  ProfileBuilder builder;
  for (const Profile& profile : profiles) builder.Merge(profile);
  return builder.Build();
}

TEST(ProfileMerge, SpansFromTheEarliestStartToTheLatestEnd) {
  ProfileBuilder builder;
  builder.Merge({.start = WallTime(100s), .duration = 10s, .period = 50ms});
  builder.Merge({.start = WallTime(105s), .duration = 10s, .period = 50ms});
  builder.Merge({.start = WallTime(95s), .duration = 1s, .period = 50ms});
  const Profile profile = builder.Build();
  EXPECT_EQ(profile.start, WallTime(95s));
  EXPECT_EQ(profile.duration, 20s);
  EXPECT_EQ(profile.period, 50ms);
}

TEST(ProfileMerge, HasRules) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    RandomProfiles random(seed);
    const Profile a = random.Next(), b = random.Next(), c = random.Next();
    EXPECT_EQ(Merged({a}), a);
    EXPECT_EQ(Merged({a, Profile{}}), a);
    EXPECT_EQ(Merged({a, b}), Merged({b, a}));
    EXPECT_EQ(Merged({Merged({a, b}), c}), Merged({a, Merged({b, c})}));

    uint64_t ticks = 0;
    for (const Profile& part : {a, b, c}) {
      for (const Sample& sample : part.samples) ticks += sample.count;
    }
    const Profile all = Merged({a, b, c});
    for (const Sample& sample : all.samples) ticks -= sample.count;
    EXPECT_EQ(ticks, 0u) << "a tick was lost or made";
  }
}

}  // namespace
}  // namespace profd
