#include <gtest/gtest.h>

#include "base/utf8.h"
#include "pprof/pprof.h"
#include "support/profiles.h"

namespace profd::pprof {
namespace {

using testing::ProfileText;
using testing::RandomProfiles;
using testing::StackOf;

void ExpectRoundTrip(const Profile& profile) {
  const std::string bytes = Encode(profile);
  EXPECT_TRUE(Validate(bytes).ok()) << Message(Validate(bytes));
  const absl::StatusOr<Profile> decoded = Decode(bytes);
  ASSERT_TRUE(decoded.ok()) << Message(decoded.status());
  EXPECT_EQ(*decoded, profile);
  EXPECT_EQ(Encode(*decoded), bytes);
}

TEST(PprofRoundTrip, KeepsFoldsFramesAndLabels) {
  ExpectRoundTrip(
      ProfileText({StackOf({"leaf", "a", "b", "c", "main"}).Repeat(1, 1, 1000).Repeat(2, 2, 7, true).Bytes(4096),
                   StackOf({"[k] read", "inner <- f", "?0x1234", "?", "[no frame pointer]"}).Truncated(),
                   StackOf({"f"}).Thread(9, "worker").In("other", 2).Ticks(12)})
          .Build());
}

TEST(PprofRoundTrip, KeepsContainersAndIdentity) {
  ProfileText text;
  Sample sample{.count = 1};
  sample.process = text.builder.AddProcess({.pid = 4'000'000'000,
                                            .start_time_ns = UINT64_MAX,
                                            .exec_id = UINT32_MAX,
                                            .command = "app",
                                            .container = {"web", "0123abcd", "web-0", "shop"}});
  text.builder.AddSample(sample);
  ExpectRoundTrip(text.Build());
}

TEST(PprofRoundTrip, KeepsAProcessOfWhichNothingIsKnown) {
  ProfileText text;
  text.builder.AddSample({.process = text.builder.AddProcess({}), .count = 1});
  text.builder.AddSample({.count = 1});
  ExpectRoundTrip(text.Build());
}

TEST(PprofRoundTrip, KeepsLabelsOfThePrograms) {
  ProfileText text;
  text.builder.AddSample(
      {.labels = {{"label.x", "y"}, {"pid", "the program's own"}, {"tenant", "acme"}, {"thread", "t"}}, .count = 3});
  text.builder.AddSample({.labels = {{"tenant", "other"}}, .count = 1});
  ExpectRoundTrip(text.Build());
}

TEST(PprofRoundTrip, KeepsAProfileWithoutSamples) { ExpectRoundTrip(ProfileText().Build()); }

TEST(PprofRoundTrip, KeepsAnyProfile) {
  for (uint32_t seed = 0; seed < 500; ++seed) {
    SCOPED_TRACE(seed);
    ExpectRoundTrip(RandomProfiles(seed).Next());
  }
}

TEST(PprofRoundTrip, MakesForeignBytesReadable) {
  const absl::StatusOr<Profile> decoded = Decode(Encode(ProfileText({StackOf({"f\xff"}).In("a\xc3")}).Build()));
  ASSERT_TRUE(decoded.ok()) << Message(decoded.status());
  EXPECT_EQ(decoded->functions[0].name, ToUtf8("f\xff"));
  EXPECT_EQ(decoded->processes[0].command, ToUtf8("a\xc3"));
}

TEST(PprofEncode, IsByteEqualWhateverTheOrderOfAdditions) {
  std::vector<StackOf> stacks{StackOf({"f", "g", "main"}).Repeat(1, 1, 9), StackOf({"[k] read", "g"}),
                              StackOf({"?0x1234", "main"}).In("b", 2)};
  ProfileText forward, backward;
  for (const StackOf& stack : stacks) forward.Add(stack);
  for (auto stack = stacks.rbegin(); stack != stacks.rend(); ++stack) backward.Add(*stack);
  EXPECT_EQ(Encode(forward.Build()), Encode(backward.Build()));
}

TEST(PprofEncode, HasNoTimeInTheGzipHeader) {
  const std::string bytes = Encode(ProfileText({StackOf({"f"})}).Build());
  EXPECT_EQ(bytes.substr(0, 4), "\x1f\x8b\x08" + std::string(1, '\0'));
  EXPECT_EQ(bytes.substr(4, 4), std::string(4, '\0'));
}

TEST(PprofEncode, StopsAtTheLargestNumberOfTheFormat) {
  ProfileText text;
  Sample sample{.count = UINT64_MAX};
  text.builder.AddSample(sample);
  const absl::StatusOr<Profile> decoded = Decode(Encode(text.Build()));
  ASSERT_TRUE(decoded.ok()) << Message(decoded.status());
  EXPECT_EQ(decoded->samples[0].count, static_cast<uint64_t>(INT64_MAX));
}

}  // namespace
}  // namespace profd::pprof
