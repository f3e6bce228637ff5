#include "api/recursion_feed.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

namespace profd {
namespace {

using namespace std::chrono_literals;

RecursionEvent Numbered(uint64_t number) {
  RecursionEvent event;
  event.depth = number;
  return event;
}

class RecursionFeedTest : public ::testing::Test {
 protected:
  absl::StatusOr<RecursionEvent> Next() {
    return feed.Next(stop, [this] { return gone.load(); });
  }

  int cut_off = 0;
  StopSignal stop;
  std::atomic<bool> gone{false};
  RecursionFeed feed{[this] { ++cut_off; }};
};

TEST_F(RecursionFeedTest, EventsComeInOrder) {
  feed.Push(Numbered(1));
  feed.Push(Numbered(2));
  EXPECT_EQ(Next()->depth, 1u);
  EXPECT_EQ(Next()->depth, 2u);
}

TEST_F(RecursionFeedTest, WhoWaitsIsWokenAtOnce) {
  auto next = std::async(std::launch::async, [this] {
    const auto event = Next();
    return std::pair(event.ok(), std::chrono::steady_clock::now());
  });
  std::this_thread::sleep_for(20ms);
  const auto pushed = std::chrono::steady_clock::now();
  feed.Push(Numbered(1));
  const auto [ok, woken] = next.get();
  EXPECT_TRUE(ok);
  EXPECT_LT(woken - pushed, 80ms) << "waited for the poll";
}

TEST_F(RecursionFeedTest, ASlowClientLosesTheOldestAndIsToldSo) {
  for (uint64_t i = 0; i < RecursionFeed::kMaxEvents + 3; ++i) feed.Push(Numbered(i));
  for (uint64_t i = 1; i <= RecursionFeed::kMaxEvents; ++i) ASSERT_EQ(Next()->depth, i);
  const absl::Status end = Next().status();
  EXPECT_EQ(end.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(Message(end).find("too slow"), std::string::npos);
  EXPECT_EQ(cut_off, 0);
}

TEST_F(RecursionFeedTest, AFullFeedTakesNoMoreSoThatItEnds) {
  for (uint64_t i = 0; i <= RecursionFeed::kMaxEvents; ++i) feed.Push(Numbered(i));
  size_t told = 0;
  for (; Next().ok(); ++told) feed.Push(Numbered(0));
  EXPECT_EQ(told, RecursionFeed::kMaxEvents);
}

TEST_F(RecursionFeedTest, BytesAreBoundedToo) {
  RecursionEvent large;
  large.cycle = {{.name = std::string(RecursionFeed::kMaxBytes / 4, 'x')}};
  for (int i = 0; i < 4; ++i) feed.Push(large);
  size_t told = 0;
  while (Next().ok()) ++told;
  EXPECT_EQ(told, 3u);
  EXPECT_EQ(Next().status().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(RecursionFeedTest, AClientThatTakesNothingIsCutOffOnce) {
  for (uint64_t i = 0; i < 5 * RecursionFeed::kMaxEvents; ++i) feed.Push(Numbered(i));
  EXPECT_EQ(cut_off, 1);
}

TEST_F(RecursionFeedTest, StopAndDepartureEndTheWait) {
  gone = true;
  EXPECT_EQ(Next().status().code(), absl::StatusCode::kCancelled);
  stop.Set();
  feed.Push(Numbered(1));
  EXPECT_EQ(Next().status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace profd
