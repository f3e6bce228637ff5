#include "maps/map_sites.h"

#include <gmock/gmock.h>

#include <cmath>

namespace profd {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint8_t kReads = 1, kWrites = 2;
constexpr uint64_t kLine = 0x1000, kOtherLine = 0x2000, kType = 0x9000, kMap = 0xc000, kKey = 77;

MapHit Read(uint64_t caller = kLine, uint64_t key = kKey) {
  return {.tid = 5,
          .function = kReads,
          .goroutine = 7,
          .caller = caller,
          .map = kMap,
          .type = kType,
          .entries = 100,
          .key_hash = key,
          .stack_bytes = 400};
}
MapHit Write(uint64_t goroutine = 7) {
  MapHit hit = Read();
  hit.function = kWrites;
  hit.goroutine = goroutine;
  return hit;
}

class MapSitesTest : public ::testing::Test {
 protected:
  MapSitesTest() {
    operations.fill(MapOperation::kIterate);
    operations[kReads] = MapOperation::kRead;
    operations[kWrites] = MapOperation::kWrite;
  }
  void Add(std::vector<MapHit> hits, const MapFunctionSet& functions = {}, std::chrono::nanoseconds length = 10ms) {
    now += 1s;
    const MapUse use{.hits = hits.size(), .length = length};
    sites.Add({.end = now, .functions = functions, .use = use, .hits = std::move(hits)}, operations);
  }
  std::vector<MapHit> Many(size_t count, const MapHit& hit) { return std::vector<MapHit>(count, hit); }

  MapSites::OperationOf operations;
  MapSites sites;
  BootTime now = 100s;
};

TEST_F(MapSitesTest, IsEmptyAtFirst) {
  EXPECT_THAT(sites.Sites(), IsEmpty());
  EXPECT_EQ(sites.Rate().estimate, 0);
}

TEST_F(MapSitesTest, LinesAreToldApartAndSortedByShare) {
  std::vector<MapHit> hits = Many(30, Read(kOtherLine));
  for (int i = 0; i < 90; ++i) hits.push_back(Read());
  Add(std::move(hits));
  const auto rows = sites.Sites();
  ASSERT_THAT(rows, SizeIs(2));
  EXPECT_EQ(rows[0].caller, kLine);
  EXPECT_EQ(rows[0].operation, MapOperation::kRead);
  EXPECT_EQ(rows[0].type, kType);
  EXPECT_EQ(rows[0].entries, 100u);
  EXPECT_DOUBLE_EQ(rows[0].share, 0.75);
  EXPECT_DOUBLE_EQ(rows[1].share, 0.25);
}

TEST_F(MapSitesTest, TheSameLineReadingAndWritingIsTwoSites) {
  Add({Read(), Write()});
  EXPECT_THAT(sites.Sites(), SizeIs(2));
}

TEST_F(MapSitesTest, ALineHasItsPartOfTheRate) {
  std::vector<MapHit> hits = Many(50, Read(kOtherLine));
  for (int i = 0; i < 150; ++i) hits.push_back(Read());
  Add(std::move(hits));
  EXPECT_NEAR(sites.Rate().estimate, 20'000, 1);
  const auto rows = sites.Sites();
  EXPECT_NEAR(rows[0].rate.estimate, 15'000, 1);
  EXPECT_NEAR(rows[1].rate.estimate, 5000, 1);
  EXPECT_GT(rows[1].rate.high / rows[1].rate.estimate, rows[0].rate.high / rows[0].rate.estimate) << "fewer hits";
}

std::vector<MapHit> OfFunctions(const std::vector<size_t>& counts) {
  std::vector<MapHit> hits;
  for (size_t function = 0; function < counts.size(); ++function) {
    MapHit hit = Read();
    hit.function = static_cast<uint8_t>(function);
    hits.insert(hits.end(), counts[function], hit);
  }
  return hits;
}

TEST_F(MapSitesTest, EveryOtherWindowIsOfSomeFunctionsAndTellsOnlyHowOften) {
  EXPECT_TRUE(sites.FunctionsForRate().none()) << "nothing is known";
  Add(OfFunctions({50, 30, 10, 5, 5}));
  MapFunctionSet some;
  some.set(1);
  EXPECT_EQ(sites.FunctionsForRate(), some) << "30 %: the others do not fit";
  Add(OfFunctions({0, 60}), some, 20ms);
  EXPECT_TRUE(sites.FunctionsForRate().none()) << "turn and turn about";
  EXPECT_NEAR(sites.Rate().estimate, 10'000, 1) << "200 in 20 ms, as 100 in 10";
  EXPECT_EQ(sites.hits(), 100u);
  const auto rows = sites.Sites();
  const auto reads = std::ranges::find(rows, MapOperation::kRead, &MapSite::operation);
  ASSERT_NE(reads, rows.end());
  EXPECT_NEAR(reads->share, 0.3, 1e-6) << "who does what is not its question";
}

TEST_F(MapSitesTest, WhereNoFunctionIsRareEnoughTheRarestIsTaken) {
  Add(OfFunctions({60, 40}));
  MapFunctionSet some;
  some.set(1);
  EXPECT_EQ(sites.FunctionsForRate(), some);
}

TEST_F(MapSitesTest, WhereOneFunctionIsAllThereIsNoOther) {
  Add(OfFunctions({198, 2}));
  EXPECT_TRUE(sites.FunctionsForRate().none()) << "1 % would take too long";
}

TEST_F(MapSitesTest, WhatWasSeenAMinuteAgoCountsAThird) {
  Add(Many(100, Read()));
  now += 59s;
  Add(Many(100, Read(kOtherLine)));
  EXPECT_NEAR(sites.Sites()[1].share, std::exp(-1) / (1 + std::exp(-1)), 1e-6);
}

TEST_F(MapSitesTest, OldSitesAreForgotten) {
  Add({Read()});
  now += 10min;
  Add({Read(kOtherLine)});
  EXPECT_THAT(sites.Sites(), SizeIs(1));
}

TEST_F(MapSitesTest, SitesAreBoundedAndTheBusyOnesStay) {
  Add(Many(50, Read()));
  std::vector<MapHit> hits;
  for (uint64_t line = 0; line < 1000; ++line) hits.push_back(Read(0x10'0000 + line));
  Add(std::move(hits));
  const auto rows = sites.Sites();
  EXPECT_THAT(rows, SizeIs(256));
  EXPECT_EQ(rows[0].caller, kLine);
}

TEST_F(MapSitesTest, AFrequentKeyIsFoundAmongManyOthers) {
  std::vector<MapHit> hits;
  for (uint64_t i = 0; i < 300; ++i) hits.push_back(Read(kLine, i % 3 == 0 ? kKey : 1000 + i));
  Add(std::move(hits));
  const auto row = sites.Sites().at(0);
  EXPECT_EQ(row.top_key_hash, kKey);
  EXPECT_NEAR(row.top_key_share, 0.33, 0.2);
}

TEST_F(MapSitesTest, AnUnreadableHeaderHasNoEntries) {
  MapHit hit = Read();
  hit.unreadable = true;
  Add({hit});
  EXPECT_FALSE(sites.Sites().at(0).entries_known);
}

TEST_F(MapSitesTest, HealthyMapsHaveNoHazards) {
  std::vector<MapHit> hits;
  for (uint64_t i = 0; i < 200; ++i) hits.push_back(Read(kLine, 1 + i % 20));
  hits.push_back(Write());
  Add(std::move(hits));
  for (const MapSite& site : sites.Sites()) EXPECT_THAT(site.hazards, IsEmpty());
}

TEST_F(MapSitesTest, UseWhileAnotherWritesIsAHazard) {
  MapHit hit = Read();
  hit.being_written = true;
  Add({hit});
  EXPECT_THAT(sites.Sites().at(0).hazards, ElementsAre("used while another goroutine writes it"));
}

TEST_F(MapSitesTest, OverflowBucketsAreAHazard) {
  MapHit hit = Read();
  hit.overflows = true;
  Add({hit});
  EXPECT_THAT(sites.Sites().at(0).hazards, ElementsAre(HasSubstr("keys collide")));
  hit.overflows = false;
  Add({hit});
  EXPECT_THAT(sites.Sites().at(0).hazards, IsEmpty()) << "it has been copied since";
}

TEST_F(MapSitesTest, RoomForManyMoreIsAHazardOfLargeMaps) {
  MapHit hit = Read();
  hit.entries = 255;
  hit.room = 4096;
  Add({hit});
  EXPECT_THAT(sites.Sites().at(0).hazards, ElementsAre(HasSubstr("255 entries in room for 4096")));
  hit.entries = 256;
  Add({hit});
  EXPECT_THAT(sites.Sites().at(0).hazards, IsEmpty());
  hit.entries = 1;
  hit.room = 2048;
  Add({hit});
  EXPECT_THAT(sites.Sites().at(0).hazards, IsEmpty()) << "nobody misses that";
}

TEST_F(MapSitesTest, WritersAreCounted) {
  Add({Write(1), Write(2), Write(2)});
  EXPECT_THAT(sites.Sites().at(0).hazards, ElementsAre("written by 2 goroutines"));
  Add({Write(3), Write(4), Write(5), Write(6)});
  EXPECT_THAT(sites.Sites().at(0).hazards, ElementsAre("written by 4 or more goroutines"));
}

TEST_F(MapSitesTest, OneKeyThatDominatesIsAHazard) {
  std::vector<MapHit> hits;
  for (uint64_t i = 0; i < 100; ++i) hits.push_back(Read(kLine, i % 10 < 7 ? kKey : 1000 + i));
  Add(std::move(hits));
  EXPECT_THAT(sites.Sites().at(0).hazards, ElementsAre(HasSubstr("one key of 100 takes")));
}

TEST_F(MapSitesTest, TheOnlyKeyOfASmallMapIsNone) {
  MapHit hit = Read();
  hit.entries = 1;
  std::vector<MapHit> hits;
  for (uint64_t i = 0; i < 90; ++i) {
    hit.stack_bytes = 400 + i % 2;
    hits.push_back(hit);
  }
  Add(std::move(hits));
  EXPECT_THAT(sites.Sites().at(0).hazards, IsEmpty());
}

TEST_F(MapSitesTest, TheSameKeyAgainAndAgainAtOneDepthIsAnEndlessLoop) {
  MapHit hit = Read();
  hit.entries = 2;
  Add(Many(99, hit));
  EXPECT_THAT(sites.Sites().at(0).hazards, IsEmpty());
  Add(Many(100, hit));
  EXPECT_THAT(sites.Sites().at(0).hazards, ElementsAre(HasSubstr("endless loop")));
}

TEST(MapEvidence, IsOneKeyOfOneMapDeeperEachTime) {
  std::vector<MapHit> hits;
  for (uint64_t level = 0; level < 20; ++level) {
    MapHit hit = Read();
    hit.stack_bytes = 1000 + 56 * level;
    hits.push_back(hit);
    MapHit other = Read(kOtherLine, 1000 + level);
    other.stack_bytes = hit.stack_bytes;
    hits.push_back(other);
    MapHit stranger = hit;
    stranger.goroutine = 8;
    stranger.stack_bytes = 1;
    hits.push_back(stranger);
  }
  const auto evidence = FindMapEvidence(hits, 7);
  ASSERT_TRUE(evidence.has_value());
  EXPECT_EQ(evidence->map, kMap);
  EXPECT_EQ(evidence->type, kType);
  EXPECT_EQ(evidence->entries, 100u);
  EXPECT_EQ(evidence->key_hash, kKey);
  EXPECT_EQ(evidence->same_key_hits, 20u);
  EXPECT_FALSE(FindMapEvidence(hits, 8).has_value()) << "it stands still";
  EXPECT_FALSE(FindMapEvidence(hits, 9).has_value());
}

TEST(MapEvidence, EvenStepsNeedFewer) {
  const auto found = [](std::vector<uint64_t> depths) {
    std::vector<MapHit> hits;
    for (const uint64_t depth : depths) {
      hits.push_back(Read());
      hits.back().stack_bytes = depth;
    }
    const auto evidence = FindMapEvidence(hits, 7);
    return evidence ? evidence->same_key_hits : 0;
  };
  EXPECT_EQ(found({1000, 1056}), 0u);
  EXPECT_EQ(found({1000, 1056, 1112}), 3u);
  EXPECT_EQ(found({1000, 1056, 1120}), 0u);
  EXPECT_EQ(found({1000, 1056, 1120, 1176}), 4u);
  EXPECT_EQ(found({1000, 1056, 1056, 1112}), 0u) << "once it was no deeper";
  EXPECT_EQ(found({900, 1000, 1056, 900, 956, 1012}), 3u);
}

TEST(MapEvidence, ALoopIsNone) { EXPECT_FALSE(FindMapEvidence(std::vector<MapHit>(100, Read()), 7).has_value()); }

TEST(MapEvidence, TheCountBeginsAnewWhenTheStackCameBack) {
  std::vector<MapHit> hits;
  for (uint64_t i = 0; i < 30; ++i) {
    MapHit hit = Read();
    hit.stack_bytes = 1000 + 56 * (i % 10);
    hits.push_back(hit);
  }
  EXPECT_EQ(FindMapEvidence(hits, 7)->same_key_hits, 10u);
}

}  // namespace
}  // namespace profd
