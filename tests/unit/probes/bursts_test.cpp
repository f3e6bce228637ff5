#include "probes/bursts.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace profd {
namespace {

using namespace std::chrono_literals;

/// A program that makes `length` accesses, 1 us apart, and rests for 10 ms.
class Program {
 public:
  explicit Program(uint64_t length) : length_(length) {}

  /// What a window of 200 hits sees that is armed at a random time, and lets so many pass.
  void Open(uint64_t passed, Bursts& bursts) {
    const BootTime cycle = length_ * 1us + 10ms;
    const BootTime armed = cycle * 1000 + std::chrono::microseconds(random_() % (cycle / 1us));
    std::vector<BootTime> hits;
    for (BootTime start = armed / cycle * cycle; hits.size() < passed + 200; start += cycle) {
      for (uint64_t i = 0; i < length_ && hits.size() < passed + 200; ++i) {
        if (start + i * 1us >= armed) hits.push_back(start + i * 1us);
      }
    }
    bursts.Add(armed, hits.front(), passed, std::span(hits).subspan(passed));
  }
  /// Windows as profd opens them.
  void Watch(Bursts& bursts, int windows) {
    for (int i = 0; i < windows; ++i) Open(bursts.longest() == 0 ? 0 : random_() % bursts.longest(), bursts);
  }

 private:
  const uint64_t length_;
  std::mt19937_64 random_{7};
};

TEST(Bursts, AreFoundToTheirEnds) {
  for (const uint64_t length : {30, 204, 700, 1500}) {
    Bursts bursts;
    Program program(length);
    program.Watch(bursts, 100);
    EXPECT_GE(bursts.longest(), length / 2) << length;
    EXPECT_LE(bursts.longest(), length * 2 + 400) << length;
    EXPECT_FALSE(length < 1000 && bursts.too_long()) << length;
  }
}

TEST(Bursts, ThatAreTooLongAreSaidToBe) {
  Bursts bursts;
  Program program(8000);
  program.Watch(bursts, 100);
  EXPECT_EQ(bursts.longest(), Bursts::kMostHits);
  EXPECT_TRUE(bursts.too_long());
}

TEST(Bursts, AreNotWhereAProgramNeverRests) {
  Bursts bursts;
  std::vector<BootTime> hits;
  for (int i = 0; i < 200; ++i) hits.push_back(1s + i * 10us);
  bursts.Add(hits.front() - 10us, hits.front(), 0, hits);
  EXPECT_EQ(bursts.longest(), 0u);
  for (BootTime& hit : hits) hit = 1s + (hit - 1s) * 1000;  // seldom, but at an even pace
  bursts.Add(hits.front() - 10ms, hits.front(), 0, hits);
  EXPECT_EQ(bursts.longest(), 0u);
}

TEST(Bursts, AreForgottenWhenThereAreNoneAnyMore) {
  Bursts bursts;
  Program(204).Watch(bursts, 20);
  ASSERT_GT(bursts.longest(), 0u);
  std::vector<BootTime> hits;
  for (int i = 0; i < 200; ++i) hits.push_back(1s + i * 10us);
  for (int i = 0; i < 200; ++i) bursts.Add(hits.front() - 10us, hits.front(), 0, hits);
  EXPECT_EQ(bursts.longest(), 0u);
}

TEST(Bursts, AreNotSaidToBeWhereAProgramOnlyWaitedForItsCpu) {
  Bursts bursts;
  std::vector<BootTime> hits;
  for (int i = 0; i < 200; ++i) hits.push_back(1s + i * 10us);
  const auto waited = [&] { bursts.Add(hits.front() - 20ms, hits.front(), 0, hits); };
  waited();
  EXPECT_GT(bursts.longest(), 0u);
  EXPECT_FALSE(bursts.too_long()) << "one window";
  for (int i = 0; i < 8; ++i) bursts.Add(hits.front() - 10us, hits.front(), 0, hits);
  waited();
  EXPECT_FALSE(bursts.too_long()) << "two in ten";
  for (int i = 0; i < 4; ++i) waited();
  EXPECT_TRUE(bursts.too_long());
}

TEST(Bursts, AreNotToldFromAFewHits) {
  Bursts bursts;
  const std::vector<BootTime> hits{1s, 2s, 3s};
  bursts.Add(1ms, 1s, 0, hits);
  bursts.Add(1ms, BootTime{}, 0, {});
  EXPECT_EQ(bursts.longest(), 0u);
}

}  // namespace
}  // namespace profd
