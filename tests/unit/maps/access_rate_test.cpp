#include "maps/access_rate.h"

#include <gmock/gmock.h>

#include <cmath>
#include <random>

#include "probes/bursts.h"

namespace profd {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

/// A program that asks a map every `between`, and is delayed by each hit.
struct Program {
  nanoseconds between, delay, price;

  /// A window of 200 hits in functions with that share of its accesses.
  MapUse Window(double share = 1) const {
    const auto apart = nanoseconds(static_cast<int64_t>(static_cast<double>(between.count()) / share));
    return {.hits = 200, .length = 200 * (apart + delay), .price = 200 * price};
  }
  double rate() const { return 1e9 / static_cast<double>(between.count()); }
};

TEST(AccessRate, IsNothingAtFirst) {
  EXPECT_EQ(AccessRate().Rate().estimate, 0);
  EXPECT_FALSE(AccessRate().Rate().bound);
}

TEST(AccessRate, IsHitsByTime) {
  AccessRate rate;
  rate.AddWhole({.hits = 100, .length = 10ms});
  EXPECT_NEAR(rate.Rate().estimate, 10'000, 1);
  EXPECT_FALSE(rate.Rate().bound);
  EXPECT_NEAR(rate.Rate().low, 8000, 1) << "two standard errors";
  EXPECT_NEAR(rate.Rate().high, 12'000, 1);
  rate.AddWhole({.hits = 0, .length = 10ms});
  EXPECT_NEAR(rate.Rate().estimate, 5000, 1) << "nothing is news, too";
  EXPECT_NEAR(rate.Rate(0.5, 50).estimate, 2500, 1);
}

TEST(AccessRate, TheDelayOfTheProbesIsTakenOff) {
  AccessRate rate;
  rate.AddWhole(Program{.between = 2us, .delay = 1030ns, .price = 1us}.Window());
  EXPECT_NEAR(rate.Rate().estimate, 500'000, 1000);
  EXPECT_FALSE(rate.Rate().bound);
}

TEST(AccessRate, ThreadsAreDelayedBesideEachOther) {
  AccessRate rate;
  // Two, each of which asks every 2 us.
  rate.AddWhole({.hits = 200, .length = 100 * 3030ns, .price = 200us, .threads = 2});
  EXPECT_NEAR(rate.Rate().estimate, 1e6, 1000);
}

TEST(AccessRate, WhatDelaysMoreThanItsPriceIsSeenInWindowsOfFewerFunctions) {
  const Program program{.between = 1us, .delay = 1600ns, .price = 1us};
  AccessRate rate;
  for (int i = 0; i < 10; ++i) rate.AddWhole(program.Window());
  const MapRate by_price = rate.Rate();
  for (int i = 0; i < 10; ++i) rate.AddThin(program.Window(0.25), 0.25, 2000);
  const MapRate by_both = rate.Rate();
  EXPECT_LT(by_price.estimate, 0.8 * program.rate());
  EXPECT_NEAR(by_both.estimate, program.rate(), 0.05 * program.rate());
  EXPECT_FALSE(by_both.bound);
  EXPECT_LT(by_both.low, program.rate());
  EXPECT_GT(by_both.high, program.rate());
}

TEST(AccessRate, WhereTheProbesTakeNearlyAllOfTheTimeTheRateIsABound) {
  const Program program{.between = 15ns, .delay = 1250ns, .price = 1us};
  AccessRate rate;
  rate.AddWhole(program.Window());
  EXPECT_TRUE(rate.Rate().bound);
  EXPECT_EQ(rate.Rate().estimate, rate.Rate().low);
  EXPECT_GT(rate.Rate().low, 1e6);
  EXPECT_LT(rate.Rate().low, program.rate());
  EXPECT_TRUE(std::isinf(rate.Rate().high));
}

TEST(AccessRate, WindowsThatDifferMakeItLessCertain) {
  AccessRate steady, uneven;
  for (int i = 0; i < 10; ++i) {
    steady.AddWhole({.hits = 200, .length = 10ms});
    uneven.AddWhole({.hits = i % 2 == 0 ? 380u : 20u, .length = 10ms});
  }
  EXPECT_DOUBLE_EQ(steady.Rate().estimate, uneven.Rate().estimate);
  EXPECT_GT(uneven.Rate().high, 1.4 * uneven.Rate().estimate);
  EXPECT_LT(steady.Rate().high, 1.1 * steady.Rate().estimate);
}

TEST(AccessRate, WhoIsIdleNowHasNoRateOfLongAgo) {
  const Program program{.between = 1us, .delay = 1us, .price = 1us};
  AccessRate rate;
  for (int i = 0; i < 10; ++i) {
    rate.AddWhole(program.Window());
    rate.AddThin(program.Window(0.25), 0.25, 2000);
  }
  rate.Decay(std::exp(-10));
  for (int i = 0; i < 5; ++i) rate.AddWhole({.hits = 0, .length = 10ms});
  EXPECT_LT(rate.Rate().estimate, 10);
  rate.Decay(std::exp(-600));
  rate.AddWhole({.hits = 0, .length = 10ms});
  EXPECT_EQ(rate.Rate().estimate, 0);
  rate.AddWhole({.hits = 10, .length = 10ms});
  EXPECT_LT(rate.Rate().estimate, 1000);
}

/// A program that makes `length` accesses, 1 us apart, and rests for 5 ms, seen through windows as profd opens them.
class BurstyProgram {
 public:
  BurstyProgram(uint64_t length, uint32_t seed) : length_(length), random_(seed) {}

  MapUse Open() {
    const uint64_t span = bursts_.rests() ? bursts_.longest() : 0;
    const uint64_t passed = bursts_.longest() == 0 ? 0 : random_() % bursts_.longest();
    const BootTime cycle = length_ * 1us + 5ms;
    const BootTime armed = cycle * 1000 + std::chrono::microseconds(random_() % (cycle / 1us));
    std::vector<BootTime> hits;
    for (BootTime start = cycle * 1000; hits.size() < passed + 200; start += cycle) {
      for (uint64_t i = 0; i < length_ && hits.size() < passed + 200; ++i) {
        if (start + i * 1us >= armed) hits.push_back(start + i * 1us);
      }
    }
    bursts_.Add(armed, hits.front(), passed, std::span(hits).subspan(passed));
    return {.hits = hits.size(), .length = hits.back() - armed, .burst_hits = span};
  }
  double rate() const { return static_cast<double>(length_) / (static_cast<double>(length_) * 1e-6 + 5e-3); }

 private:
  const uint64_t length_;
  std::mt19937_64 random_;
  Bursts bursts_;
};

TEST(AccessRate, BurstsAreSeenAsAWhole) {
  for (const uint64_t length : {20, 100, 350, 1000}) {
    double sum = 0;
    int covered = 0;
    constexpr int kPrograms = 40;
    for (int seed = 1; seed <= kPrograms; ++seed) {
      BurstyProgram program(length, static_cast<uint32_t>(seed));
      AccessRate rate;
      for (int i = 0; i < 12; ++i) rate.AddWhole(program.Open());
      covered += rate.Rate().low <= program.rate() && rate.Rate().high >= program.rate();
      for (int i = 0; i < 48; ++i) rate.AddWhole(program.Open());
      sum += rate.Rate().estimate / program.rate();
    }
    EXPECT_NEAR(sum / kPrograms, 1, 0.1) << length;
    EXPECT_GE(covered, kPrograms * 9 / 10) << length;
  }
}

TEST(AccessRate, AProgramThatBecomesFasterIsBelieved) {
  const Program slow{.between = 33us, .delay = 1us, .price = 1us}, fast{.between = 1us, .delay = 1us, .price = 1us};
  AccessRate rate;
  for (int i = 0; i < 50; ++i) rate.AddWhole(slow.Window());
  for (int i = 0; i < 14; ++i) rate.AddWhole(fast.Window());
  EXPECT_NEAR(rate.Rate().estimate, fast.rate(), 0.1 * fast.rate());
  for (int i = 0; i < 50; ++i) rate.AddThin(fast.Window(0.25), 0.25, 2000);
  EXPECT_NEAR(rate.Rate().estimate, fast.rate(), 0.1 * fast.rate());
  for (int i = 0; i < 14; ++i) {
    rate.AddWhole(slow.Window());
    rate.AddThin(slow.Window(0.25), 0.25, 2000);
  }
  EXPECT_NEAR(rate.Rate().estimate, slow.rate(), 0.1 * slow.rate());
}

TEST(AccessRate, AFewHitsHaveAnUpperEnd) {
  AccessRate rate;
  for (int i = 0; i < 10; ++i) rate.AddWhole(Program{.between = 10us, .delay = 1us, .price = 1us}.Window());
  const MapRate few = rate.Rate(0.001, 2);
  EXPECT_NEAR(few.estimate, 100, 1);
  EXPECT_FALSE(few.bound);
  EXPECT_LT(few.high, 300);
  EXPECT_EQ(few.low, 0);
}

TEST(AccessRate, ForgetsEvenly) {
  AccessRate rate;
  rate.AddWhole({.hits = 1000, .length = 10ms});
  rate.Decay(0.01);
  EXPECT_NEAR(rate.Rate().estimate, 100'000, 1);
  rate.AddWhole({.hits = 100, .length = 10ms});
  EXPECT_NEAR(rate.Rate().estimate, 110 / 10.1e-3, 1);
}

}  // namespace
}  // namespace profd
