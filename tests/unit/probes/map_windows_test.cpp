#include "map_windows_fixture.h"

namespace profd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(MapWindowsTest, ASuspectsWindowComesAtOnceWithItsHits) {
  prober_.hits_a_window = 30;
  Start();
  windows_->SetSuspects({kProcess});
  ASSERT_TRUE(Eventually([this] { return done() > 0; }));
  windows_->Stop();
  const MapWindow& window = done_.front();
  EXPECT_EQ(window.process, kProcess);
  EXPECT_EQ(window.reason, WindowReason::kSuspect);
  EXPECT_THAT(window.hits, SizeIs(30));
  EXPECT_EQ(window.binary, binary_);
  EXPECT_GE(window.use.length, 50ms) << "it was not full";
  EXPECT_EQ(windows_->Totals().tally.worst, 90us) << "traps and program, and half as much again";
  EXPECT_EQ(windows_->TallyOf(kProcess).cost, windows_->Totals().tally.cost);
  EXPECT_EQ(windows_->TallyOf(kOther).cost, 0us);
  EXPECT_EQ(window.use.hits, 30u);
  EXPECT_EQ(window.use.price, 60us) << "traps and program";
  EXPECT_THAT(prober_.armings, ElementsAre(true)) << "once its traps were in place";
  EXPECT_EQ(prober_.measured, 1) << "what a trap costs, as the machine is now";
  EXPECT_EQ(prober_.open(), 0u);
}

TEST(MapWindowCount, HitsThatAreNotToldTakeLess) {
  const MapWindowCount count{.hits = 150, .other_hits = 50, .program = 130us, .program_of_told = 100us};
  EXPECT_EQ(count.ProgramOf(100, 0), 100us);
  EXPECT_EQ(count.ProgramOf(100, 50), 115us) << "30 us are of 100 that were not told";
  EXPECT_EQ(MapWindowCount({.hits = 100, .program = 100us, .program_of_told = 100us}).ProgramOf(100, 50), 100us);
  EXPECT_EQ(MapWindowCount().ProgramOf(0, 0), 0us);
}

TEST_F(MapWindowsTest, AWindowIsOfTheFunctionsThatAreWanted) {
  auto binary = std::make_shared<MapBinary>();
  binary->fd.Reset(fcntl(binary_->fd.get(), F_DUPFD_CLOEXEC, 0));
  binary->functions = binary_->functions;
  binary->sites = {{.offset = 4, .function = 0}, {.offset = 8, .function = 1}};
  binary_ = binary;
  functions_.set(1);
  Start();
  windows_->Ask(kProcess, 10s);
  ASSERT_TRUE(Eventually([this] { return done() > 0; }));
  windows_->SetSuspects({kProcess});
  ASSERT_TRUE(Eventually([this] { return done() > 2; }));
  windows_->Stop();
  EXPECT_THAT(prober_.specs.front().sites, SizeIs(1));
  EXPECT_EQ(prober_.specs.front().sites.front().function, 1);
  EXPECT_EQ(done_.front().functions, functions_);
  const auto suspects = std::ranges::find(done_, WindowReason::kSuspect, &MapWindow::reason);
  ASSERT_NE(suspects, done_.end());
  EXPECT_TRUE(suspects->functions.none()) << "evidence may be in any";
}

TEST_F(MapWindowsTest, WhoRestsIsSeenAllOverItsBurstsButForSuspects) {
  prober_.hits_a_window = 30;
  prober_.rests = true;
  Start();
  windows_->Ask(kProcess, 10s);
  ASSERT_TRUE(Eventually([this] { return done() > 3; }));
  windows_->SetSuspects({kProcess});
  const auto of_suspect = [](const MapWindow& window) { return window.reason == WindowReason::kSuspect; };
  ASSERT_TRUE(Eventually([&] {
    std::lock_guard lock(mutex_);
    return std::ranges::count_if(done_, of_suspect) > 0;
  }));
  windows_->Stop();
  EXPECT_EQ(done_.at(0).use.burst_hits, 0u) << "it is not known yet";
  EXPECT_GE(done_.at(3).use.burst_hits, 30u);
  EXPECT_EQ(std::ranges::find_if(done_, of_suspect)->use.burst_hits, 0u) << "a runaway does not rest";
}

TEST_F(MapWindowsTest, AFullWindowEndsEarly) {
  prober_.hits_a_window = 1000;
  Start();
  const auto begin = clock_.Boot();
  EXPECT_TRUE(windows_->Ask(kProcess, 10s));
  ASSERT_TRUE(Eventually([this] { return done() > 0; }));
  EXPECT_LT(clock_.Boot() - begin, 45ms);
  windows_.reset();
  EXPECT_THAT(done_.front().hits, SizeIs(200));
  EXPECT_EQ(windows_, nullptr);
}

TEST_F(MapWindowsTest, KeysAreToldAsTextOrAsNumbersOrNotAtAll) {
  prober_.hits_a_window = 4;
  prober_.keys = {"apples", std::string("\x2a\0\0\0\0\0\0\0", 8), std::string("\5\0\0\0", 4)};
  Start(true, true);
  windows_->Ask(kProcess, 10s);
  ASSERT_TRUE(Eventually([this] { return done() > 0; }));
  windows_->Stop();
  const std::vector<MapHit>& hits = done_.front().hits;
  ASSERT_THAT(hits, SizeIs(4));
  EXPECT_EQ(hits[0].key, "apples");
  EXPECT_EQ(hits[1].key, "42");
  EXPECT_EQ(hits[2].key, "") << "no text: its hash has to do";
}

TEST_F(MapWindowsTest, NobodyIsProbedUnasked) {
  Start();
  EXPECT_FALSE(windows_->Ask(kOther, 10s)) << "not known";
  std::this_thread::sleep_for(100ms);
  EXPECT_THAT(prober_.opened, IsEmpty());
}

TEST_F(MapWindowsTest, SwitchedOffThereIsNoneAndNoneIsLeft) {
  prober_.hits_a_window = 10;
  Start();
  windows_->SetSuspects({kProcess});
  ASSERT_TRUE(Eventually([this] { return prober_.open() > 0; }));
  windows_->SetEnabled(false);
  EXPECT_EQ(prober_.open(), 0u);
  const size_t opened = prober_.opened.size();
  std::this_thread::sleep_for(300ms);
  EXPECT_EQ(prober_.opened.size(), opened);
  windows_->SetEnabled(true);
  EXPECT_TRUE(Eventually([&] { return prober_.open() > 0; }));
}

TEST_F(MapWindowsTest, AFailureIsToldAndChargedNothing) {
  prober_.fails = true;
  Start();
  windows_->Ask(kProcess, 10s);
  ASSERT_TRUE(Eventually([this] {
    std::lock_guard lock(mutex_);
    return !errors_.empty();
  }));
  const NodeWindows totals = windows_->Totals();
  EXPECT_GE(totals.tally.failed, 1u);
  EXPECT_EQ(totals.tally.cost, 0ns);
  EXPECT_THAT(errors_.front(), HasSubstr("no room"));
}

TEST_F(MapWindowsTest, CodeThatHasChangedIsNotProbed) {
  ASSERT_EQ(pwrite(binary_->fd.get(), "x", 1, 5), 1);
  Start();
  windows_->Ask(kProcess, 10s);
  ASSERT_TRUE(Eventually([this] {
    std::lock_guard lock(mutex_);
    return !errors_.empty();
  }));
  EXPECT_THAT(errors_.front(), HasSubstr("/bin/shop: its code has changed"));
  EXPECT_THAT(prober_.opened, IsEmpty());
}

TEST_F(MapWindowsTest, AProcessMayEndWhileItIsProbed) {
  Start();
  windows_->Ask(kProcess, 10s);
  ASSERT_TRUE(Eventually([this] { return prober_.open() > 0; }));
  windows_->OnEnd(kProcess);
  ASSERT_TRUE(Eventually([this] { return prober_.open() == 0; }));
  EXPECT_FALSE(windows_->Ask(kProcess, 10s));
}

TEST(MapBinaryOf, ProbesTheEmulatedInstructionBehindTheCheck) {
  GoFacts facts;
  facts.g_goid = 152;
  MapFunction good, odd;
  good.key = MapFunction::Key::kString;
  good.code = {.offset = 0x1000, .code = std::string("\x49\x3b\x66\x10\x76\x20", 6)};
  odd.code = {.offset = 0x2000, .code = std::string("\x90\x48\x89\xe5", 4).substr(1)};
  facts.map_functions = {odd, good};
  const auto binary = MapBinaryOf(facts, "/bin/shop", UniqueFd());
  ASSERT_TRUE(binary.ok()) << binary.status();
  ASSERT_THAT(binary->sites, SizeIs(1));
  EXPECT_EQ(binary->sites[0].offset, 0x1004u);
  EXPECT_EQ(binary->sites[0].function, 1) << "its place among the binary's functions";
  EXPECT_EQ(binary->sites[0].key, MapFunction::Key::kString);
  EXPECT_EQ(binary->g_goid, 152u);
  facts.map_functions = {odd};
  EXPECT_EQ(MapBinaryOf(facts, "/bin/shop", UniqueFd()).status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace profd
