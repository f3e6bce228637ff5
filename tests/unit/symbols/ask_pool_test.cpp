#include "symbols/ask_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace profd {
namespace {

using namespace std::chrono_literals;

TEST(AskPool, WaitsForWhatIsDoneInTime) {
  AskPool pool(1, 4);
  int runs = 0;
  EXPECT_TRUE(pool.RunFor(
      1, [&] { ++runs; }, 10s));
  EXPECT_EQ(runs, 1);
}

TEST(AskPool, WhoLosesPatienceGoesOnAndTheTaskIsDoneAllTheSame) {
  std::promise<void> go, done;
  AskPool pool(1, 4);
  EXPECT_FALSE(pool.RunFor(
      1,
      [&] {
        go.get_future().wait();
        done.set_value();
      },
      1ms));
  go.set_value();
  EXPECT_EQ(done.get_future().wait_for(10s), std::future_status::ready);
}

TEST(AskPool, ASlowKeyKeepsOnlyItsOwnWaiting) {
  std::promise<void> go;
  AskPool pool(2, 4);
  EXPECT_FALSE(pool.RunFor(
      1, [&] { go.get_future().wait(); }, 0ms));
  bool ran = false;
  EXPECT_FALSE(pool.RunFor(
      1, [&] { ran = true; }, 5ms))
      << "one at a time";
  EXPECT_TRUE(pool.RunFor(
      2, [] {}, 10s));
  go.set_value();
  EXPECT_TRUE(pool.RunFor(
      1, [] {}, 10s));
  EXPECT_FALSE(ran) << "what was refused is not done later";
}

TEST(AskPool, RefusesMoreThanMayWait) {
  std::promise<void> go;
  std::shared_future<void> gone = go.get_future().share();
  AskPool pool(1, 2);
  std::atomic<int> runs = 0;
  std::promise<void> started;
  EXPECT_FALSE(pool.RunFor(
      0,
      [&] {
        started.set_value();
        gone.wait();
      },
      0ms));
  started.get_future().wait();
  for (uint32_t key = 1; key <= 5; ++key)
    EXPECT_FALSE(pool.RunFor(
        key, [&] { ++runs; }, 0ms));
  go.set_value();
  // Those that wait are done first.
  while (!pool.RunFor(
      9, [] {}, 10s))
    std::this_thread::yield();
  EXPECT_EQ(runs, 2);
}

}  // namespace
}  // namespace profd
