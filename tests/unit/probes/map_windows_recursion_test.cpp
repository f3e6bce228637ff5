// Windows by breakpoints, in the thread that recurses.
#include "map_windows_fixture.h"

namespace profd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(MapWindowsTest, ASuspectsWindowIsOfTheThreadThatRecurses) {
  prober_.breakpoint = 10us;
  prober_.hits_a_window = 10;
  Start();
  windows_->OnRecursion(kProcess, {.tid = 77, .seen = clock_.Boot(), .load_bias = 0x1000, .cycle = {8}});
  windows_->SetSuspects({kProcess});
  ASSERT_TRUE(Eventually([this] { return done() > 0; }));
  windows_->Stop();
  EXPECT_EQ(prober_.specs.front().thread, 77u);
  EXPECT_EQ(prober_.specs.front().load_bias, 0x1000u);
  EXPECT_TRUE(done_.front().one_thread);
  EXPECT_THAT(prober_.armings, IsEmpty()) << "it is armed by itself";
  EXPECT_EQ(windows_->Totals().tally.worst, 115us) << "ten breakpoints, and half as much again of their program";
}

// A binary of four functions, two of which read by any key.
class RecursionWindowsTest : public MapWindowsTest {
 protected:
  RecursionWindowsTest() {
    auto binary = std::make_shared<MapBinary>();
    binary->fd.Reset(fcntl(binary_->fd.get(), F_DUPFD_CLOEXEC, 0));
    for (uint8_t i = 0; i < 4; ++i) {
      MapFunction function;
      function.key = i == 1 || i == 2 ? MapFunction::Key::kPointer : MapFunction::Key::kFast64;
      function.code = {.offset = 4, .code = "4567"};
      binary->functions.push_back(function);
      binary->sites.push_back({.offset = 4u + i, .function = i});
    }
    binary_ = binary;
    prober_.breakpoint = 10us;
    Start();
    Recurse({8});
    windows_->SetSuspects({kProcess});
  }
  void Recurse(std::vector<uint64_t> cycle) {
    windows_->OnRecursion(kProcess, {.tid = 77, .seen = clock_.Boot(), .cycle = std::move(cycle)});
  }
  /// The functions of that window.
  std::vector<uint8_t> Of(size_t window) {
    std::vector<uint8_t> functions;
    for (const MapProbeSite& site : prober_.specs.at(window).sites) functions.push_back(site.function);
    return functions;
  }
};

TEST_F(RecursionWindowsTest, LookAtOneFunctionAfterTheOtherAtOnceThenAtFour) {
  ASSERT_TRUE(Eventually([this] { return done() >= 2; }));
  const auto begun = clock_.Boot();
  ASSERT_TRUE(Eventually([this] { return done() >= 3; }));
  EXPECT_LT(clock_.Boot() - begun, 5s);
  windows_->Stop();
  EXPECT_THAT(Of(0), ElementsAre(2)) << "a read by any key, as libraries call it";
  EXPECT_THAT(Of(1), ElementsAre(1));
  EXPECT_THAT(Of(2), SizeIs(4));
  EXPECT_LT(done_.at(0).use.length, 150ms) << "its guess was short";
  EXPECT_LT(done_.at(1).end - done_.at(0).end, 100ms) << "a guess that missed is followed at once";
}

TEST_F(RecursionWindowsTest, AreNotBegunAnewByTheSameCycleFromAnotherLeaf) {
  ASSERT_TRUE(Eventually([this] { return done() >= 1; }));
  for (int i = 0; i < 20 && done() < 3; ++i) {
    Recurse(i % 2 ? std::vector<uint64_t>{8, 4} : std::vector<uint64_t>{4, 8});
    std::this_thread::sleep_for(20ms);
  }
  ASSERT_TRUE(Eventually([this] { return done() >= 3; }));
  windows_->Stop();
  EXPECT_THAT(Of(2), SizeIs(4));
}

TEST_F(RecursionWindowsTest, BeginAnewWithTheNextSuspicion) {
  ASSERT_TRUE(Eventually([this] { return done() >= 3; }));
  windows_->SetSuspects({});
  ASSERT_TRUE(Eventually([this] { return prober_.open() == 0; }));
  const size_t before = prober_.specs.size();
  Recurse({8});
  windows_->SetSuspects({kProcess});
  ASSERT_TRUE(Eventually([this, before] { return done() > before; }));
  windows_->Stop();
  EXPECT_THAT(Of(before), ElementsAre(2));
}

TEST_F(MapWindowsTest, AFunctionThatIsHitSeldomIsLookedAtForLonger) {
  auto binary = std::make_shared<MapBinary>(MapBinary{.path = "/bin/shop"});
  binary->fd.Reset(fcntl(binary_->fd.get(), F_DUPFD_CLOEXEC, 0));
  binary->functions = binary_->functions;
  binary->functions.front().key = MapFunction::Key::kPointer;
  binary->sites = binary_->sites;
  binary_ = binary;
  prober_.breakpoint = 10us;
  prober_.hits_a_window = 2;
  Start();
  windows_->OnRecursion(kProcess, {.tid = 77, .seen = clock_.Boot(), .cycle = {8}});
  windows_->SetSuspects({kProcess});
  ASSERT_TRUE(Eventually([this] { return done() >= 2; }));
  windows_->Stop();
  EXPECT_LT(done_.at(0).use.length, 150ms);
  EXPECT_GE(done_.at(1).use.length, 150ms);
  EXPECT_EQ(prober_.specs.at(0).sites.at(0).function, prober_.specs.at(1).sites.at(0).function);
}

TEST_F(MapWindowsTest, AWindowFollowsAGoroutineToAnotherThread) {
  prober_.breakpoint = 10us;
  Start();
  windows_->OnRecursion(kProcess, {.tid = 77, .goroutine = 5, .seen = clock_.Boot()});
  windows_->SetSuspects({kProcess});
  ASSERT_TRUE(Eventually([this] { return prober_.open() > 0; }));
  windows_->OnThread(kProcess, 6, 79);
  windows_->OnThread(kOther, 5, 79);
  windows_->OnThread(kProcess, 5, 78);
  ASSERT_TRUE(Eventually([this] { return done() > 1; }));
  windows_->Stop();
  EXPECT_EQ(prober_.specs.at(0).thread, 77u);
  EXPECT_EQ(prober_.specs.at(1).thread, 78u);
  EXPECT_LT(done_.front().use.length, 200ms) << "it did not wait for its end";
}

TEST_F(MapWindowsTest, ARecursionThatIsNotThereAnyMoreIsNotLookedFor) {
  prober_.breakpoint = 10us;
  Start();
  windows_->OnRecursion(kProcess, {.tid = 77, .seen = clock_.Boot() - 2s});
  windows_->SetSuspects({kProcess});
  ASSERT_TRUE(Eventually([this] { return windows_->Totals().tally.failed > 0; }));
  windows_->Stop();
  EXPECT_THAT(prober_.specs, IsEmpty()) << "nor is the whole process probed";
  EXPECT_THAT(errors_, IsEmpty()) << "that is nothing to tell";
}

TEST_F(MapWindowsTest, WithoutBreakpointsASuspectIsNotProbed) {
  prober_.breakpoint = 10us;
  prober_.no_breakpoints_left = true;
  Start();
  windows_->OnRecursion(kProcess, {.tid = 77, .seen = clock_.Boot()});
  windows_->SetSuspects({kProcess});
  ASSERT_TRUE(Eventually([this] { return windows_->Totals().tally.failed > 1; }));
  windows_->Stop();
  EXPECT_THAT(prober_.specs, IsEmpty());
  EXPECT_THAT(errors_, ElementsAre("the maps of pid 10: all taken")) << "once";
}

}  // namespace
}  // namespace profd
