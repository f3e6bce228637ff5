#include <gtest/gtest.h>

#include <thread>

#include "storage/profile_store.h"

namespace profd {
namespace {

using namespace std::chrono_literals;

WallTime At(std::chrono::nanoseconds time) { return WallTime(time); }

Segment From(std::chrono::nanoseconds start, std::chrono::nanoseconds end, size_t bytes = 10) {
  return {.start = At(start), .end = At(end), .period = 50ms, .profile = std::string(bytes, 'x')};
}

using Segments = std::vector<std::shared_ptr<const Segment>>;
Segments Find(const ProfileStore& store, WallTime since = WallTime::min(), WallTime until = WallTime::max()) {
  absl::StatusOr<Segments> found = store.Query(since, until);
  EXPECT_TRUE(found.ok());
  return *std::move(found);
}

std::vector<WallTime> Starts(const ProfileStore& store, WallTime since, WallTime until) {
  std::vector<WallTime> starts;
  for (const auto& segment : Find(store, since, until)) starts.push_back(segment->start);
  return starts;
}
std::vector<WallTime> All(const ProfileStore& store) { return Starts(store, WallTime::min(), WallTime::max()); }

TEST(MemoryProfileStore, GivesSegmentsOldestFirst) {
  const auto store = MakeMemoryProfileStore(1 << 20, 1h);
  for (const auto start : {20s, 0s, 10s}) ASSERT_TRUE(store->Append(From(start, start + 10s)).ok());
  EXPECT_EQ(All(*store), (std::vector{At(0s), At(10s), At(20s)}));
}

TEST(MemoryProfileStore, ARangeOfASegmentsOwnGivesBackExactlyIt) {
  const auto store = MakeMemoryProfileStore(1 << 20, 1h);
  for (const auto start : {0s, 10s, 20s}) ASSERT_TRUE(store->Append(From(start, start + 10s)).ok());
  EXPECT_EQ(Starts(*store, At(10s), At(20s)), std::vector{At(10s)});
}

TEST(MemoryProfileStore, ASegmentBelongsToTheRangeThatHasItsMidpoint) {
  const auto store = MakeMemoryProfileStore(1 << 20, 1h);
  ASSERT_TRUE(store->Append(From(0s, 10s)).ok());
  EXPECT_EQ(Starts(*store, At(5s), At(6s)).size(), 1u);
  EXPECT_EQ(Starts(*store, At(0s), At(5s)).size(), 0u);
  EXPECT_EQ(Starts(*store, At(6s), At(10s)).size(), 0u);
}

TEST(MemoryProfileStore, NeighbouringRangesShareNothingAndMissNothing) {
  const auto store = MakeMemoryProfileStore(1 << 20, 1h);
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(store->Append(From(i * 7ns, i * 7ns + 7ns)).ok());
  for (auto cut = 0ns; cut < 350ns; ++cut) {
    EXPECT_EQ(Starts(*store, At(0ns), At(cut)).size() + Starts(*store, At(cut), At(400ns)).size(), 50u);
  }
}

TEST(MemoryProfileStore, DropsTheOldestBeyondItsBytes) {
  const auto store = MakeMemoryProfileStore(4000, 1h);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(store->Append(From(i * 10s, i * 10s + 10s, 1000)).ok());
  const std::vector<WallTime> kept = All(*store);
  EXPECT_LE(store->bytes(), 4000u);
  ASSERT_GE(kept.size(), 2u);
  EXPECT_LT(kept.size(), 4u);
  EXPECT_EQ(kept.back(), At(90s));
}

TEST(MemoryProfileStore, DropsWhatIsOlderThanItsAge) {
  const auto store = MakeMemoryProfileStore(1 << 20, 25s);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(store->Append(From(i * 10s, i * 10s + 10s)).ok());
  EXPECT_EQ(All(*store), (std::vector{At(20s), At(30s), At(40s)}));
}

TEST(MemoryProfileStore, ASegmentLargerThanItAllStaysUntilTheNext) {
  const auto store = MakeMemoryProfileStore(2000, 1h);
  ASSERT_TRUE(store->Append(From(0s, 10s)).ok());
  ASSERT_TRUE(store->Append(From(10s, 20s, 5000)).ok());
  EXPECT_EQ(All(*store), std::vector{At(10s)});
  ASSERT_TRUE(store->Append(From(20s, 30s)).ok());
  EXPECT_EQ(All(*store), std::vector{At(20s)});
}

TEST(MemoryProfileStore, RefusesASegmentOfNoTime) {
  const auto store = MakeMemoryProfileStore(1 << 20, 1h);
  EXPECT_EQ(store->Append(From(10s, 10s)).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(store->Append(From(10s, 9s)).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(store->bytes(), 0u);
}

TEST(MemoryProfileStore, CountsTheBytesOfUsageAndOutcomes) {
  const auto store = MakeMemoryProfileStore(1 << 20, 1h);
  Segment segment = From(0s, 10s);
  segment.usage.resize(3);
  segment.usage[0].process.command = std::string(100, 'c');
  segment.outcomes["recorded"] = 1;
  ASSERT_TRUE(store->Append(From(10s, 20s)).ok());
  const uint64_t plain = store->bytes();
  ASSERT_TRUE(store->Append(segment).ok());
  EXPECT_GE(store->bytes(), 2 * plain + 3 * sizeof(ProcessUsage) + 100);
}

TEST(MemoryProfileStore, SegmentsOutliveTheirPlaceInTheRing) {
  const auto store = MakeMemoryProfileStore(1 << 20, 1s);
  ASSERT_TRUE(store->Append(From(0s, 10s, 7)).ok());
  const Segments held = Find(*store);
  ASSERT_TRUE(store->Append(From(100s, 110s)).ok());
  EXPECT_EQ(All(*store), std::vector{At(100s)});
  EXPECT_EQ(held[0]->profile, "xxxxxxx");
}

TEST(MemoryProfileStore, CanBeReadWhileItIsWritten) {
  const auto store = MakeMemoryProfileStore(20'000, 1h);
  std::jthread reader([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      for (const auto& segment : Find(*store)) EXPECT_EQ(segment->profile.size(), 100u);
    }
  });
  for (int i = 0; i < 2000; ++i) ASSERT_TRUE(store->Append(From(i * 1s, i * 1s + 1s, 100)).ok());
}

}  // namespace
}  // namespace profd
