#include "profile/frame_name.h"

#include <gtest/gtest.h>

namespace profd {
namespace {

Profile With(Mapping mapping) {
  Profile profile;
  profile.mappings.push_back(std::move(mapping));
  return profile;
}

TEST(FrameName, WithoutSymbolsGivesFileOffsetAndBuildId) {
  const Profile profile = With({0x7f1000, 0x7f9000, 0x2000, "/usr/lib/libfoo.so", "abcdef12"});
  EXPECT_EQ(FrameName(profile, {.mapping = 0, .address = 0x7f1234}), "[unknown] libfoo.so+0x2234 (build ID abcdef12)");
}

TEST(FrameName, WithoutABuildIdGivesFileAndOffset) {
  EXPECT_EQ(FrameName(With({0x1000, 0x2000, 0, "/bin/app", ""}), {.mapping = 0, .address = 0x1010}),
            "[unknown] app+0x10");
}

TEST(FrameName, IsTheSameWhereverTheFileIsMapped) {
  const Mapping here{0x1000, 0x2000, 0x500, "/bin/app", ""}, there{0x8000, 0x9000, 0x500, "/bin/app", ""};
  EXPECT_EQ(FrameName(With(here), {.mapping = 0, .address = 0x1010}),
            FrameName(With(there), {.mapping = 0, .address = 0x8010}));
}

TEST(FrameName, WithoutAMappingIsUnknown) { EXPECT_EQ(FrameName({}, {.address = 0x1010}), "[unknown]"); }

TEST(FrameName, OfANamelessMappingHasAtLeastTheOffset) {
  EXPECT_EQ(FrameName(With({0x1000, 0x2000, 0, "", ""}), {.mapping = 0, .address = 0x1010}), "[unknown] ?+0x10");
}

TEST(FrameName, IsBoundedHoweverLongTheFileIsCalled) {
  const Profile profile = With({0, 0, 0, std::string(100'000, 'x'), std::string(100'000, 'a')});
  EXPECT_LT(FrameName(profile, {.mapping = 0, .address = 1}).size(), 400u);
}

TEST(FrameName, OfALineIsItsFunctions) {
  Profile profile;
  profile.functions = {{"inner"}, {"outer"}, {"", "raw"}, {}};
  const Location location{.address = 1, .lines = {{0, 0}, {1, 0}, {2, 0}, {3, 0}}};
  EXPECT_EQ(FrameName(profile, location, 0), "inner");
  EXPECT_EQ(FrameName(profile, location, 1), "outer");
  EXPECT_EQ(FrameName(profile, location, 2), "raw");
  EXPECT_EQ(FrameName(profile, location, 3), "[unknown]");
}

}  // namespace
}  // namespace profd
