#include "probes/allowance.h"

#include <gmock/gmock.h>

namespace profd {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::Ge;
using ::testing::Le;
using ::testing::Optional;

TEST(Allowance, EarnsItsShare) {
  Allowance allowance(0.01, 1s);
  EXPECT_FALSE(allowance.Covers(1ns));
  allowance.Earn(1s);
  EXPECT_TRUE(allowance.Covers(10ms));
  EXPECT_FALSE(allowance.Covers(10ms + 1ns));
}

TEST(Allowance, EarnsInStepsOfLessThanANanosecond) {
  Allowance allowance(0.001, 1s);
  for (int step = 0; step < 10'001; ++step) allowance.Earn(100ns);
  EXPECT_TRUE(allowance.Covers(1000ns));
}

TEST(Allowance, KeepsNoMoreThanItsDepth) {
  Allowance allowance(0.01, 5ms);
  allowance.Earn(100h);
  EXPECT_TRUE(allowance.Covers(5ms));
  EXPECT_FALSE(allowance.Covers(5ms + 1ns));
}

TEST(Allowance, WhatIsHeldIsNotThereForOthers) {
  Allowance allowance(0.01, 5ms);
  allowance.Fill();
  allowance.Hold(3ms);
  EXPECT_FALSE(allowance.Covers(3ms));
  allowance.Earn(100h);
  EXPECT_FALSE(allowance.Covers(3ms)) << "time does not pay for it";
  allowance.Release(3ms);
  allowance.Spend(1ms);
  EXPECT_TRUE(allowance.Covers(4ms));
  EXPECT_FALSE(allowance.Covers(4ms + 1ns)) << "an hour has not paid for it in advance";
}

TEST(Allowance, InDebtNothingIsCovered) {
  Allowance allowance(0.01, 5ms);
  allowance.Spend(10ms);
  EXPECT_EQ(allowance.debt(), 10ms);
  allowance.Earn(999ms);
  EXPECT_FALSE(allowance.Covers(0ms));
  allowance.Earn(2ms);
  EXPECT_TRUE(allowance.Covers(0ms));
  EXPECT_EQ(allowance.debt(), 0ms);
}

TEST(Allowance, TellsWhenSomethingIsCovered) {
  Allowance allowance(0.007, 5ms);
  allowance.Hold(1ms);
  const auto wait = allowance.TimeUntil(1ms);
  ASSERT_THAT(wait, Optional(AllOf(Ge(285'714'286ns), Le(285'714'288ns))));
  Allowance before = allowance;
  before.Earn(*wait - 3ns);
  EXPECT_FALSE(before.Covers(1ms));
  allowance.Earn(*wait);
  EXPECT_TRUE(allowance.Covers(1ms));
  EXPECT_THAT(allowance.TimeUntil(1ms), Optional(0ns));
}

TEST(Allowance, TellsWhatTimeDoesNotCover) {
  Allowance allowance(0.01, 5ms);
  EXPECT_EQ(allowance.TimeUntil(5ms + 1ns), std::nullopt);
  allowance.Hold(4ms);
  EXPECT_EQ(allowance.TimeUntil(2ms), std::nullopt);
  EXPECT_EQ(Allowance(0, 5ms).TimeUntil(1ns), std::nullopt);
  EXPECT_EQ(Allowance(1e-30, 5ms).TimeUntil(1ms), std::nullopt);
}

}  // namespace
}  // namespace profd
