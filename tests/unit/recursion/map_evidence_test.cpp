// What map probes saw of a recursion, in its story.
#include "detector_fixture.h"

namespace profd {
namespace {

using namespace std::chrono_literals;

using MapEvidence = DetectorFixture;

TEST_F(MapEvidence, TheMapIsToldAtOnceAndKept) {
  RunAway(Goroutine(7, 1));
  Changes();
  const RecursionMap map{.address = 0xc000, .entries = 1, .key_hash = 5, .same_key_hits = 199};
  detector.OnMap(ProcessOf(1), 7, map);
  EXPECT_EQ(Changes(), 1u);
  EXPECT_EQ(Story().map, map);
  detector.OnMap(ProcessOf(1), 7, map);
  EXPECT_EQ(Changes(), 0u) << "nothing new";
  detector.OnMap(ProcessOf(1), 8, RecursionMap{.address = 1});
  detector.OnMap(ProcessOf(2), 7, RecursionMap{.address = 1});
  EXPECT_EQ(Story().map, map) << "others' maps are not its";
  Overflow(Goroutine(7, 1));
  EXPECT_EQ(Story().map, map) << "it is evidence";
}

TEST_F(MapEvidence, AnotherOccurrenceHasNoMapYet) {
  RunAway(Goroutine(7, 1));
  detector.OnMap(ProcessOf(1), 7, RecursionMap{.address = 0xc000});
  Overflow(Goroutine(7, 1));
  End(1, Exited(2));
  now += 2s;
  RunAway(Goroutine(7, 2));
  EXPECT_EQ(Story().map, std::nullopt);
}

}  // namespace
}  // namespace profd
