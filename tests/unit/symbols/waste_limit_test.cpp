#include "symbols/waste_limit.h"

#include <gtest/gtest.h>

namespace profd {
namespace {

using namespace std::chrono_literals;

TEST(WasteLimit, WhoWastedTooMuchIsLeftAloneUntilItIsForgiven) {
  WasteLimit limit;
  const WasteLimit::Culprit culprit(1, 1000);
  EXPECT_TRUE(limit.Allows(culprit, 0s));
  limit.Add(culprit, 0s, 3s);
  EXPECT_TRUE(limit.Allows(culprit, 0s));
  limit.Add(culprit, 0s, 3s);
  EXPECT_FALSE(limit.Allows(culprit, 0s));
  EXPECT_FALSE(limit.Allows(culprit, 79s));
  EXPECT_TRUE(limit.Allows(culprit, 81s)) << "a fortieth of 80 s is the 2 s that were too much";
  EXPECT_TRUE(limit.Allows({2, 1000}, 0s)) << "nobody else pays for it";
  EXPECT_TRUE(limit.Allows({1, 0}, 0s)) << "nor does another user of the same file system";
}

TEST(WasteLimit, WhatIsForgivenIsGone) {
  WasteLimit limit;
  const WasteLimit::Culprit culprit(1, 1000);
  limit.Add(culprit, 0s, 3s);
  limit.Add(culprit, 1000s, 3s);
  EXPECT_TRUE(limit.Allows(culprit, 1000s));
}

TEST(WasteLimit, ManyOwnersOnOneDeviceHaveALimitTogether) {
  WasteLimit limit;
  for (uint32_t owner = 1000; owner < 1006; ++owner) limit.Add({1, owner}, 0s, 3s);
  EXPECT_FALSE(limit.Allows({1, 5000}, 0s));
  EXPECT_TRUE(limit.Allows({2, 5000}, 0s));
}

}  // namespace
}  // namespace profd
