#include <gtest/gtest.h>

#include <algorithm>

#include "base/clock.h"
#include "base/saturating.h"
#include "base/version.h"

namespace profd {
namespace {

using namespace std::chrono_literals;

TEST(Saturating, StopsAtTheLargestValue) {
  EXPECT_EQ(SaturatingAdd(2, 3), 5u);
  EXPECT_EQ(SaturatingAdd(UINT64_MAX, 1), UINT64_MAX);
  EXPECT_EQ(SaturatingMultiply(2, 3), 6u);
  EXPECT_EQ(SaturatingMultiply(UINT64_MAX / 2, 3), UINT64_MAX);
}

class FixedClock final : public Clock {
 public:
  BootTime Boot() const override { return 100s; }
  WallTime Wall() const override { return WallTime(5000s); }
};

TEST(Clock, WallTimeOfABootTimeLiesAsFarBackAsTheBootTime) {
  EXPECT_EQ(FixedClock().ToWall(97s), WallTime(4997s));
  EXPECT_EQ(FixedClock().ToWall(101s), WallTime(5001s));
}

TEST(Version, IsOneOfThreeNumbers) {
  EXPECT_EQ(std::count(Version().begin(), Version().end(), '.'), 2);
  EXPECT_EQ(Version().find_first_not_of("0123456789."), std::string_view::npos);
}

}  // namespace
}  // namespace profd
