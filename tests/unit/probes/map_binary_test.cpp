#include "probes/map_binary.h"

#include <gmock/gmock.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "probes/call_sites.h"

namespace profd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// A file of code that calls some functions.
class CodeTest : public ::testing::Test {
 protected:
  void Call(uint64_t at, uint64_t function) {
    const auto jump = static_cast<int32_t>(function - at - 5);
    code_[at] = '\xe8';
    std::memcpy(&code_[at + 1], &jump, sizeof(jump));
  }
  int File() {
    fd_.Reset(memfd_create("code", MFD_CLOEXEC));
    EXPECT_EQ(write(fd_.get(), code_.data(), code_.size()), static_cast<ssize_t>(code_.size()));
    return fd_.get();
  }
  std::string code_ = std::string(64 << 10, '\x90');
  UniqueFd fd_;
};

TEST_F(CodeTest, TheNearestCallComesFirst) {
  Call(20'000, 100);
  Call(20'500, 200);
  Call(19'000, 300);
  const std::vector<uint64_t> places{20'400}, functions{100, 200, 300, 400};
  EXPECT_THAT(CalledNear(File(), places, functions), ElementsAre(1, 0, 2));
}

TEST_F(CodeTest, CallsThatAreFarAwayAreOfOtherFunctions) {
  Call(30'000, 100);
  Call(10'000, 200);
  const std::vector<uint64_t> places{20'000}, functions{100, 200};
  EXPECT_THAT(CalledNear(File(), places, functions), IsEmpty());
}

TEST_F(CodeTest, TheNextFunctionsCallsAreNotMeant) {
  Call(19'000, 100);
  Call(20'500, 200);
  code_.replace(19'800, 3, 3, '\xcc');
  code_.replace(20'900, 16, 16, '\xcc');
  Call(21'000, 300);
  const std::vector<uint64_t> places{20'000}, functions{100, 200, 300};
  EXPECT_THAT(CalledNear(File(), places, functions), ElementsAre(1));
}

TEST_F(CodeTest, PlacesOutsideTheFileAreNoPlaces) {
  Call(3, 100);
  const std::vector<uint64_t> functions{100};
  const std::vector<uint64_t> outside{1 << 20, ~uint64_t{0}}, first{0};
  EXPECT_THAT(CalledNear(File(), outside, functions), IsEmpty());
  EXPECT_THAT(CalledNear(File(), first, functions), ElementsAre(0));
  EXPECT_THAT(CalledNear(-1, first, functions), IsEmpty());
}

TEST_F(CodeTest, WhatTheRecursionCallsIsProbedAndOthersByTurns) {
  Call(20'000, 700);
  MapBinary binary;
  for (uint8_t i = 0; i < 8; ++i) {
    MapFunction function;
    if (i == 1 || i == 3) function.key = MapFunction::Key::kPointer;
    function.code.offset = 100u * (i + 1);
    binary.functions.push_back(function);
    binary.sites.push_back({.offset = function.code.offset + 4, .function = i});
  }
  File();
  binary.fd = std::move(fd_);
  const std::vector<size_t> called = SitesCalled(binary, {20'010});
  EXPECT_THAT(called, ElementsAre(6));
  RecursionSites now = SitesOfRecursion(binary, called, {}, 0);
  EXPECT_EQ(now.guess, 6u);
  ASSERT_THAT(now.sites, SizeIs(1)) << "one costs least";
  EXPECT_EQ(now.sites.front().function, 6);
  std::set<uint8_t> seen;
  for (uint64_t turn = 1; turn < 6; ++turn) {
    now = SitesOfRecursion(binary, called, {6}, turn);
    EXPECT_FALSE(now.guess);
    ASSERT_THAT(now.sites, SizeIs(MapProber::kBreakpoints));
    EXPECT_EQ(now.sites.front().function, 6) << "it calls that";
    for (const MapProbeSite& site : now.sites) seen.insert(site.function);
  }
  EXPECT_THAT(seen, SizeIs(8));
  now = SitesOfRecursion(binary, {}, {}, 0);
  EXPECT_EQ(now.guess, 3u) << "a library may, and calls the later one";
  const std::vector<size_t> many{5, 4, 3, 2, 1, 0};
  std::set<size_t> tried;
  for (const size_t site : {5, 4, 3, 2}) {
    now = SitesOfRecursion(binary, many, tried, 0);
    EXPECT_EQ(now.guess, site);
    EXPECT_EQ(now.sites.at(0).function, site);
    tried.insert(site);
  }
  seen.clear();
  for (uint64_t turn = 0; turn < 5; ++turn) {
    now = SitesOfRecursion(binary, many, tried, turn);
    EXPECT_FALSE(now.guess);
    for (const MapProbeSite& site : now.sites) seen.insert(site.function);
  }
  EXPECT_THAT(seen, SizeIs(8)) << "however many it calls";
  binary.sites.resize(2);
  EXPECT_THAT(SitesOfRecursion(binary, {}, {1}, 1).sites, SizeIs(2));
}

TEST(DescribedMapBinary, HasASiteForEachPlaceAndNames) {
  const MapArguments arguments{.map = 0, .key = 1, .key_kind = 3};
  const FunctionCode get{.offset = 0x100, .code = "\x55\x48\x89\xe5"}, put{.offset = 0x200, .code = "\x41\x57\x55"};
  const auto binary = MapBinaryOf(
      {{.functions = {{"get", get}, {"bad", {.offset = 0x300, .code = "\x48\x83\xec\x18"}}}, .arguments = arguments},
       {.functions = {{"get", get}, {"put", put}},
        .operation = MapFunction::Operation::kWrite,
        .arguments = arguments}},
      "/lib/table.so", UniqueFd());
  ASSERT_TRUE(binary.ok()) << binary.status();
  EXPECT_THAT(binary->names, ElementsAre("get", "put")) << "what is described twice counts as the first";
  ASSERT_THAT(binary->sites, SizeIs(2));
  EXPECT_EQ(binary->sites[1].offset, 0x200u);
  EXPECT_EQ(binary->sites[1].function, 1);
  ASSERT_TRUE(binary->sites[1].arguments);
  EXPECT_EQ(binary->sites[1].arguments->key, 1);
  EXPECT_EQ(binary->functions[1].operation, MapFunction::Operation::kWrite);
  const MapPlacements placements = PlacementsOf(*binary);
  EXPECT_EQ(placements.at_entry, 2u);
  EXPECT_EQ(placements.behind_entry, 0u);
  EXPECT_EQ(placements.refused, binary->refused.size());
}

TEST(DescribedMapBinary, ThatCannotBeProbedSaysWhy) {
  const auto none = MapBinaryOf(std::vector<DescribedMapFunctions>(1), "/lib/table.so", UniqueFd());
  EXPECT_THAT(Message(none.status()), HasSubstr("/lib/table.so: no function is called like that"));
  const auto dear =
      MapBinaryOf({{.functions = {{"get", {.offset = 1, .code = "\x48\x83\xec\x18"}}}}}, "/lib/table.so", UniqueFd());
  EXPECT_THAT(Message(dear.status()), HasSubstr("get: it does not begin with an instruction that the kernel emulates"));
}

}  // namespace
}  // namespace profd
