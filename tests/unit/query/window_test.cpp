#include "query/window.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_backend.h"

namespace profd {
namespace {

using namespace std::chrono_literals;
using testing::BuildSegment;
using testing::FakeBackend;
using testing::FakeClock;
using ::testing::HasSubstr;

class WindowTest : public ::testing::Test {
 protected:
  /// Lets `by` pass and closes a segment.
  void Live(std::chrono::nanoseconds by) {
    clock.Advance(by);
    ASSERT_TRUE(backend.Flip().ok());
  }
  absl::StatusOr<WindowData> Resolve(const Window& window) { return ResolveWindow(backend, clock, window, pause); }

  FakeClock clock;
  FakeBackend backend{&clock};
  std::vector<std::chrono::nanoseconds> pauses;
  Pause pause = [this](std::chrono::nanoseconds length) {
    pauses.push_back(length);
    clock.Advance(length);
    return true;
  };
};

TEST_F(WindowTest, NextCoversItsOwnTimeAndNothingBefore) {
  Live(10s);
  clock.Advance(3s);
  const WallTime asked = clock.Wall();
  auto data = Resolve({.kind = Window::Kind::kNext, .length = 5s});
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->start, asked);
  EXPECT_EQ(data->end, asked + 5s);
  ASSERT_EQ(data->segments.size(), 1u);
  EXPECT_EQ(data->segments[0]->start, asked);
  EXPECT_EQ(data->covered, 5s);
}

TEST_F(WindowTest, NextSumsAllSegmentsThatOthersClosedMeanwhile) {
  backend.outcomes = {{"recorded", 3}, {"lost_ring_full", 1}};
  Live(1s);
  pause = [this](std::chrono::nanoseconds length) {
    Live(length / 2);
    clock.Advance(length / 2);
    return true;
  };
  auto data = Resolve({.kind = Window::Kind::kNext, .length = 4s});
  ASSERT_TRUE(data.ok());
  EXPECT_EQ(data->segments.size(), 2u);
  EXPECT_EQ(data->outcomes, (OutcomeCounts{{"recorded", 6}, {"lost_ring_full", 2}}));
}

TEST_F(WindowTest, NextIsWithdrawnWhenNobodyWaits) {
  pause = [](auto) { return false; };
  EXPECT_EQ(Resolve({.kind = Window::Kind::kNext, .length = 1h}).status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(backend.flips, 1);
}

TEST_F(WindowTest, LastTakesTheNewestSegmentsNearestToItsLength) {
  for (int i = 0; i < 6; ++i) Live(10s);
  clock.Advance(4s);
  auto data = Resolve({.kind = Window::Kind::kLast, .length = 30s});
  ASSERT_TRUE(data.ok());
  EXPECT_EQ(data->covered, 34s);
  EXPECT_EQ(data->end, clock.Wall());
  EXPECT_TRUE(pauses.empty());
}

TEST_F(WindowTest, LastShorterThanASegmentStillAnswers) {
  Live(10s);
  auto data = Resolve({.kind = Window::Kind::kLast, .length = 2s});
  ASSERT_TRUE(data.ok());
  EXPECT_EQ(data->segments.size(), 1u);
}

TEST_F(WindowTest, LastWaitsForAFirstSecondRightAfterTheStart) {
  clock.Advance(200ms);
  auto data = Resolve({.kind = Window::Kind::kLast, .length = 10s});
  ASSERT_TRUE(data.ok());
  EXPECT_EQ(data->covered, 1s);
  EXPECT_THAT(pauses, ::testing::ElementsAre(800ms));
}

TEST_F(WindowTest, RangeTakesWhatIsStoredOfItAndSaysWhatThatWas) {
  const WallTime begin = clock.Wall();
  for (int i = 0; i < 6; ++i) Live(10s);
  const int flips = backend.flips;
  auto data = Resolve({.kind = Window::Kind::kRange, .since = begin + 12s, .until = begin + 41s});
  ASSERT_TRUE(data.ok());
  EXPECT_EQ(data->start, begin + 10s);
  EXPECT_EQ(data->end, begin + 40s);
  EXPECT_EQ(backend.flips, flips) << "history needs no flip";
}

TEST_F(WindowTest, RangeUpToNowHasTheOpenSegmentToo) {
  Live(10s);
  const WallTime since = clock.Wall();
  clock.Advance(5s);
  auto data = Resolve({.kind = Window::Kind::kRange, .since = since, .until = clock.Wall()});
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->covered, 5s);
}

TEST_F(WindowTest, RangeWithNothingStoredSaysWhereHistoryBegins) {
  Live(10s);
  auto data = Resolve({.kind = Window::Kind::kRange, .since = clock.Wall() - 2h, .until = clock.Wall() - 1h});
  EXPECT_EQ(data.status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(Message(data.status()), HasSubstr("history begins at 2027-01-15T08:00:00Z"));
}

TEST_F(WindowTest, SenselessWindowsAreRefusedBeforeAnythingHappens) {
  const WallTime now = clock.Wall();
  for (const Window& window :
       {Window{.kind = Window::Kind::kNext, .length = 1h + 1ns}, Window{.kind = Window::Kind::kNext, .length = 0s},
        Window{.kind = Window::Kind::kLast, .length = -1s},
        Window{.kind = Window::Kind::kRange, .since = now - 1s, .until = now - 1s},
        Window{.kind = Window::Kind::kRange, .since = now + 1h, .until = now + 2h}}) {
    EXPECT_EQ(Resolve(window).status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(backend.flips, 0);
}

}  // namespace
}  // namespace profd
