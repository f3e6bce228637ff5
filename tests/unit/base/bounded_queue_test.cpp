#include "base/bounded_queue.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <thread>
#include <vector>

namespace profd {
namespace {

TEST(BoundedQueue, GivesItemsInTheOrderTheyCame) {
  BoundedQueue<int> queue(3, 0);
  for (const int item : {1, 2, 3}) EXPECT_TRUE(queue.Push(item));
  for (const int item : {1, 2, 3}) EXPECT_EQ(queue.Pop(), item);
}

TEST(BoundedQueue, DropsAndCountsWhatExceedsTheItems) {
  BoundedQueue<int> queue(2, 0);
  EXPECT_TRUE(queue.Push(1));
  EXPECT_TRUE(queue.Push(2));
  EXPECT_FALSE(queue.Push(3));
  EXPECT_EQ(queue.dropped(), 1u);
  EXPECT_EQ(queue.size(), 2u);
}

TEST(BoundedQueue, DropsAndCountsWhatExceedsTheBytes) {
  BoundedQueue<int> queue(100, 10);
  EXPECT_TRUE(queue.Push(1, 6));
  EXPECT_FALSE(queue.Push(2, 5));
  EXPECT_TRUE(queue.Push(3, 4));
  EXPECT_EQ(queue.dropped(), 1u);
}

TEST(BoundedQueue, GivesBytesBackWhenItemsLeave) {
  BoundedQueue<int> queue(100, 10);
  ASSERT_TRUE(queue.Push(1, 10));
  queue.Pop();
  EXPECT_TRUE(queue.Push(2, 10));
}

TEST(BoundedQueue, RefusesItemsOnceClosedButGivesOutWhatItHas) {
  BoundedQueue<int> queue(4, 0);
  queue.Push(1);
  queue.Close();
  EXPECT_FALSE(queue.Push(2));
  EXPECT_EQ(queue.dropped(), 1u);
  EXPECT_EQ(queue.Pop(), 1);
  EXPECT_EQ(queue.Pop(), std::nullopt);
}

TEST(BoundedQueue, CloseWakesAllThatWait) {
  BoundedQueue<int> queue(4, 0);
  std::vector<std::jthread> waiting;
  waiting.reserve(3);
  for (int i = 0; i < 3; ++i) waiting.emplace_back([&] { EXPECT_EQ(queue.Pop(), std::nullopt); });
  queue.Close();
}

TEST(BoundedQueue, CarriesItemsThatOnlyMove) {
  BoundedQueue<std::unique_ptr<int>> queue(1, 0);
  ASSERT_TRUE(queue.Push(std::make_unique<int>(7)));
  EXPECT_EQ(**queue.Pop(), 7);
}

TEST(BoundedQueue, LosesNothingUncountedBetweenThreads) {
  constexpr int kPerThread = 2000;
  BoundedQueue<int> queue(16, 0);
  std::set<int> received;
  {
    std::jthread reader([&] {
      while (const auto item = queue.Pop()) EXPECT_TRUE(received.insert(*item).second);
    });
    {
      std::vector<std::jthread> writers;
      writers.reserve(3);
      for (int writer = 0; writer < 3; ++writer) {
        writers.emplace_back([&, writer] {
          for (int i = 0; i < kPerThread; ++i) queue.Push(writer * kPerThread + i);
        });
      }
    }
    queue.Close();
  }
  EXPECT_EQ(received.size() + queue.dropped(), 3u * kPerThread);
}

}  // namespace
}  // namespace profd
