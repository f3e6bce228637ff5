// When the probes on map functions are there, and whom they look at.
#include <poll.h>

#include "map_probes_fixture.h"

namespace profd {
namespace {

TEST_F(MapProbesTest, HitsBeyondTheEndAreCountedAndNotTold) {
  Watch(Registers(7), MapFunction::Key::kFast64);
  EXPECT_GT(count_.hits, 20u);
  EXPECT_GT(count_.program.count(), 0);
  EXPECT_GT(count_.armed_hits, 20u);
  EXPECT_LE(count_.armed_hits, count_.hits);
  EXPECT_GT(count_.program_of_told.count(), 0);
  EXPECT_LT(count_.program_of_told, count_.program);
}

TEST_F(MapProbesTest, HitsThatAreToPassAreCountedAndNotTold) {
  const Child child([registers = Registers(7)] { CallWithoutEnd(registers); }, 1 << 20);
  MapWindowSpec spec = Spec(IdOf(child.pid()), MapFunction::Key::kFast64);
  spec.skip_hits = 3000;
  ASSERT_TRUE(probes_->Open(3, spec).ok());
  const BootTime armed = SystemClock().Boot();
  probes_->SetArmed(3, true);
  std::vector<MapHit> hits;
  for (int i = 0; i < 200 && (hits.empty() || !hits.back().last); ++i) {
    std::this_thread::sleep_for(milliseconds(10));
    probes_->Read(hits);
  }
  const MapWindowCount count = probes_->Close(3);
  ASSERT_EQ(hits.size(), spec.most_hits);
  EXPECT_TRUE(hits.back().last);
  EXPECT_GE(count.armed_hits, spec.skip_hits + spec.most_hits);
  EXPECT_GE(count.first, armed);
  EXPECT_GT(hits.front().time - count.first, std::chrono::microseconds(300)) << "three thousand traps";
}

TEST_F(MapProbesTest, BeforeAWindowIsArmedItsHitsAreCountedAndNotTold) {
  const Child child([registers = Registers(7)] { CallWithoutEnd(registers); }, 1 << 20);
  ASSERT_TRUE(probes_->Open(3, Spec(IdOf(child.pid()), MapFunction::Key::kFast64)).ok());
  std::this_thread::sleep_for(milliseconds(50));
  const MapWindowCount count = probes_->Close(3);
  EXPECT_GT(count.hits, 20u);
  EXPECT_EQ(count.armed_hits, 0u);
  std::vector<MapHit> hits;
  probes_->Read(hits);
  EXPECT_THAT(hits, testing::IsEmpty());
}

TEST_F(MapProbesTest, NothingIsLeftWhenAWindowIsClosed) {
  const Child child([registers = Registers(7)] { CallWithoutEnd(registers); }, 1 << 20);
  ASSERT_TRUE(probes_->Open(0, Spec(IdOf(child.pid()), MapFunction::Key::kFast64)).ok());
  std::this_thread::sleep_for(milliseconds(50));
  EXPECT_GT(probes_->Close(0).hits, 0u);
  std::this_thread::sleep_for(milliseconds(100));  // older kernels take traps away later
  const uint64_t before = probes_->Stats().front().runs;
  std::this_thread::sleep_for(milliseconds(100));
  EXPECT_EQ(probes_->Stats().front().runs, before);
}

TEST_F(MapProbesTest, WithoutTheProcessThatHoldsThemProbesStayAndCanBeTakenAway) {
  const Child child([registers = Registers(7)] { CallWithoutEnd(registers); }, 1 << 20);
  ASSERT_TRUE(probes_->Open(0, Spec(IdOf(child.pid()), MapFunction::Key::kFast64)).ok());
  kill(holder_->pid(), SIGKILL);
  std::this_thread::sleep_for(milliseconds(100));
  const uint64_t before = probes_->Stats().front().runs;
  std::this_thread::sleep_for(milliseconds(50));
  EXPECT_GT(probes_->Stats().front().runs, before) << "profd holds them, too";
  probes_->Close(0);
  std::this_thread::sleep_for(milliseconds(100));
  const uint64_t closed = probes_->Stats().front().runs;
  std::this_thread::sleep_for(milliseconds(50));
  EXPECT_EQ(probes_->Stats().front().runs, closed);
  EXPECT_THAT(Watch(Registers(7), MapFunction::Key::kFast64), testing::SizeIs(20)) << "and puts new ones in";
  EXPECT_GT(holder_->cpu_time(), std::chrono::nanoseconds(0)) << "what it has used remains";
  expected_errors_ = 1;
}

TEST_F(MapProbesTest, AFullWindowWakesWhoeverReads) {
  const Child child([registers = Registers(7)] { CallWithoutEnd(registers); }, 1 << 20);
  pollfd waiting{.fd = probes_->hits_fd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&waiting, 1, 0), 0);
  ASSERT_TRUE(probes_->Open(0, Spec(IdOf(child.pid()), MapFunction::Key::kFast64)).ok());
  EXPECT_EQ(poll(&waiting, 1, 100), 0) << "it is not armed";
  probes_->SetArmed(0, true);
  EXPECT_EQ(poll(&waiting, 1, 2000), 1);
  probes_->Close(0);
}

TEST_F(MapProbesTest, ABreakpointIsOfOneThreadAndEndsByItself) {
  ASSERT_TRUE(probes_->breakpoint_cost()) << "this machine has no breakpoints of the CPU";
  EXPECT_GT(*probes_->breakpoint_cost(), std::chrono::nanoseconds(100));
  const Child child([registers = Registers(7)] { CallWithoutEnd(registers); }, 1 << 20);
  MapWindowSpec spec = Spec(IdOf(child.pid()), MapFunction::Key::kFast64);
  std::this_thread::sleep_for(milliseconds(20));  // until it runs
  spec.thread = ThreadOf(child);
  spec.load_bias = site_.address - site_.offset;
  const absl::Status opened = probes_->Open(3, spec);
  ASSERT_TRUE(opened.ok()) << opened;
  std::this_thread::sleep_for(milliseconds(100));
  const MapWindowCount count = probes_->Close(3);
  EXPECT_EQ(count.hits, spec.most_hits) << "not one more";
  EXPECT_EQ(count.other_hits, 0u);
  std::vector<MapHit> hits;
  probes_->Read(hits);
  ASSERT_EQ(hits.size(), spec.most_hits);
  EXPECT_EQ(hits.front().caller, reinterpret_cast<uint64_t>(profd_test_caller));
  EXPECT_EQ(hits.front().map, Address(memory_.map));
  EXPECT_EQ(hits.front().tid, spec.thread);
  EXPECT_EQ(hits.front().goroutine, 17u);
  EXPECT_TRUE(hits.back().last);
}

TEST_F(MapProbesTest, EachBreakpointHasItsOwnEnd) {
  const Child child([registers = Registers(7)] { CallWithoutEnd(registers); }, 1 << 20);
  MapWindowSpec spec = Spec(IdOf(child.pid()), MapFunction::Key::kFast64);
  std::this_thread::sleep_for(milliseconds(20));
  spec.thread = ThreadOf(child);
  spec.load_bias = site_.address - site_.offset;
  spec.sites.push_back({.offset = site_.offset + 2, .function = 10});  // the next instruction
  ASSERT_TRUE(probes_->Open(3, spec).ok());
  std::this_thread::sleep_for(milliseconds(100));
  EXPECT_EQ(probes_->Close(3).hits, 2 * spec.most_hits);
  std::vector<MapHit> hits;
  probes_->Read(hits);
  EXPECT_EQ(std::ranges::count(hits, 9, &MapHit::function), spec.most_hits);
  EXPECT_EQ(std::ranges::count(hits, 10, &MapHit::function), spec.most_hits);
  EXPECT_EQ(std::ranges::count(hits, true, &MapHit::last), 2);
}

TEST_F(MapProbesTest, AThreadOfAnotherProcessIsNotTouched) {
  const Child child([registers = Registers(7)] { CallWithoutEnd(registers); }, 1 << 20);
  const Child other([registers = Registers(7)] { CallWithoutEnd(registers); }, 1 << 20);
  MapWindowSpec spec = Spec(IdOf(child.pid()), MapFunction::Key::kFast64);
  std::this_thread::sleep_for(milliseconds(20));
  spec.thread = ThreadOf(other);
  spec.load_bias = site_.address - site_.offset;
  EXPECT_TRUE(absl::IsNotFound(probes_->Open(3, spec)));
}

TEST_F(MapProbesTest, AThreadThatIsGoneHasNoBreakpoints) {
  MapWindowSpec spec = Spec({.tgid = 0x3fffff}, MapFunction::Key::kFast64);
  spec.thread = 0x3fffff;
  EXPECT_TRUE(absl::IsNotFound(probes_->Open(3, spec)));
}

TEST_F(MapProbesTest, AnotherProcessOfTheBinaryIsNotTold) {
  const Child other([registers = Registers(9)] { CallWithoutEnd(registers); }, 1 << 20);
  const auto hits = Watch(Registers(7), MapFunction::Key::kFast64);
  ASSERT_FALSE(hits.empty());
  for (const MapHit& hit : hits) EXPECT_EQ(hit.key_hash, hits.front().key_hash);
  if (std::string(probes_->mechanism()) == "uprobe_multi") {
    EXPECT_EQ(count_.other_hits, 0u) << "it was not even delayed";
  }
}

}  // namespace
}  // namespace profd
