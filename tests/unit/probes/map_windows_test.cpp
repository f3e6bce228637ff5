#include "probes/map_windows.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

namespace profd {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr ProcessId kProcess{.tgid = 10, .exec_id = 1, .start_time_ns = 5}, kOther{.tgid = 11};

/// A kernel that has the hits that it is told to have. Thread safe.
class FakeProber final : public MapProber {
 public:
  FakeProber() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  absl::Status Open(uint32_t slot, const MapWindowSpec& spec) override {
    std::lock_guard lock(mutex_);
    if (fails) return Error(absl::StatusCode::kInternal, "no room");
    if (spec.thread != 0 && no_breakpoints_left) return Error(absl::StatusCode::kResourceExhausted, "all taken");
    opened.push_back(spec.process);
    specs.push_back(spec);
    open_[slot] = spec.process;
    for (uint64_t i = 0; i < hits_a_window; ++i) {
      const BootTime soon = SystemClock().Boot() + 5ms;  // it is armed by then
      ring_.push_back({.window = spec.number,
                       .time = soon,
                       .function = static_cast<uint8_t>(i % 2),
                       .caller = i,
                       .key = i < keys.size() ? keys[i] : "",
                       .last = i + 1 == spec.most_hits});
      if (i + 1 == spec.most_hits) break;
    }
    const uint64_t one = 1;
    if (hits_a_window >= spec.most_hits) (void)!write(fd_.get(), &one, sizeof(one));
    return absl::OkStatus();
  }
  void SetArmed(uint32_t, bool armed) override {
    std::lock_guard lock(mutex_);
    armings.push_back(armed);
  }
  MapWindowCount Close(uint32_t slot) override {
    std::lock_guard lock(mutex_);
    open_.erase(slot);
    const std::chrono::microseconds program(hits_a_window);
    return {.hits = hits_a_window, .program = program, .armed_hits = hits_a_window, .program_of_told = program};
  }
  int hits_fd() const override { return fd_.get(); }
  void Read(std::vector<MapHit>& out) override {
    std::lock_guard lock(mutex_);
    uint64_t count;
    (void)!read(fd_.get(), &count, sizeof(count));
    for (MapHit& hit : ring_) out.push_back(std::move(hit));
    ring_.clear();
  }
  std::chrono::nanoseconds trap_cost() const override { return 1us; }
  std::optional<std::chrono::nanoseconds> breakpoint_cost() const override { return breakpoint; }
  size_t open() const {
    std::lock_guard lock(mutex_);
    return open_.size();
  }

  std::atomic<uint64_t> hits_a_window = 0;
  std::atomic<bool> fails = false;
  std::vector<ProcessId> opened;
  std::vector<MapWindowSpec> specs;
  std::vector<bool> armings;
  std::optional<std::chrono::nanoseconds> breakpoint;
  bool no_breakpoints_left = false;
  std::vector<std::string> keys;  // of the first hits

 private:
  mutable std::mutex mutex_;
  UniqueFd fd_;
  std::map<uint32_t, ProcessId> open_;
  std::vector<MapHit> ring_;
};

class MapWindowsTest : public ::testing::Test {
 protected:
  MapWindowsTest() {
    auto binary = std::make_shared<MapBinary>();
    binary->path = "/bin/shop";
    binary->fd.Reset(memfd_create("code", MFD_CLOEXEC));
    EXPECT_EQ(write(binary->fd.get(), "0123456789abcdef", 16), 16);
    MapFunction function, of_numbers;
    function.code = of_numbers.code = {.offset = 4, .code = "4567"};
    of_numbers.key = MapFunction::Key::kFast64;
    binary->functions = {function, of_numbers};
    binary->sites = {{.offset = 4}};
    binary_ = binary;
  }
  void Start(bool enabled = true, bool key_text = false) {
    windows_ = std::make_unique<MapWindows>(
        MapWindowsParts{.prober = &prober_,
                        .cpu_time = [](const ProcessId&) { return std::optional(std::chrono::nanoseconds(1h)); },
                        .clock = &clock_,
                        .options = {.length = 50ms},
                        .cpus = 2,
                        .key_text = key_text,
                        .functions_of = [this](const ProcessId&) { return functions_; },
                        .on_window =
                            [this](MapWindow window) {
                              std::lock_guard lock(mutex_);
                              done_.push_back(std::move(window));
                            },
                        .on_error =
                            [this](const absl::Status& status) {
                              std::lock_guard lock(mutex_);
                              errors_.push_back(Message(status));
                            }},
        enabled);
    windows_->Add(kProcess, binary_);
  }
  template <typename Condition>
  static bool Eventually(Condition condition) {
    for (int i = 0; i < 500 && !condition(); ++i) std::this_thread::sleep_for(10ms);
    return condition();
  }
  size_t done() const {
    std::lock_guard lock(mutex_);
    return done_.size();
  }

  FakeProber prober_;
  SystemClock clock_;
  std::shared_ptr<const MapBinary> binary_;
  mutable std::mutex mutex_;
  MapFunctionSet functions_;
  std::vector<MapWindow> done_;
  std::vector<std::string> errors_;
  std::unique_ptr<MapWindows> windows_;
};

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
  EXPECT_EQ(windows_->CostOf(kProcess), windows_->Totals().tally.cost);
  EXPECT_EQ(windows_->CostOf(kOther), 0us);
  EXPECT_EQ(window.use.hits, 30u);
  EXPECT_EQ(window.use.price, 60us) << "traps and program";
  EXPECT_THAT(prober_.armings, ElementsAre(true)) << "once its traps were in place";
  EXPECT_EQ(prober_.open(), 0u);
}

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
