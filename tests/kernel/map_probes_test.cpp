// The probes on map functions in the real kernel, on a function that is called as Go calls them.
#include "kernel/map_probes.h"

#include <gmock/gmock.h>
#include <poll.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <thread>

#include "children.h"
#include "kernel/calibration.h"

// Sets AX, BX, CX, DI and R14 from the five words that it gets, and calls profd's own function that begins as Go's do.
asm(R"(
  .text
  .globl profd_test_call
  .type profd_test_call, @function
profd_test_call:
  push %rbx
  push %r14
  mov 0(%rdi), %rax
  mov 8(%rdi), %rbx
  mov 16(%rdi), %rcx
  mov 32(%rdi), %r14
  mov 24(%rdi), %rdi
  call profd_calibration
  .globl profd_test_caller
profd_test_caller:
  pop %r14
  pop %rbx
  ret
  .size profd_test_call, .-profd_test_call
)");
extern "C" {
void profd_test_call(const uint64_t* registers);
extern const char profd_test_caller[];
}

namespace profd {
namespace {

using std::chrono::milliseconds;

constexpr uint32_t kGoid = 152, kStackHi = 8;
constexpr uint8_t kStringKind = 24, kStructKind = 25, kInterfaceKind = 20;

/// What the functions look at, as Go lays it out.
struct Memory {
  alignas(8) std::array<char, 256> key_type{}, map_type{}, map{}, g{};
  std::array<uint64_t, 2> key{};

  template <typename Value>
  static void Put(std::array<char, 256>& where, size_t offset, Value value) {
    std::memcpy(where.data() + offset, &value, sizeof(value));
  }
  void SetKeyType(uint64_t size, uint8_t kind) {
    Put(key_type, 0, size);
    Put(key_type, 23, kind);
    Put(map_type, 48, reinterpret_cast<uint64_t>(key_type.data()));
  }
};

class MapProbesTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    auto holder = ProbeHolder::Start([this](const absl::Status& status) { errors_.push_back(Message(status)); });
    ASSERT_TRUE(holder.ok()) << holder.status();
    holder_ = *std::move(holder);
    auto probes = MapProbes::Create(holder_.get());
    ASSERT_TRUE(probes.ok()) << probes.status();
    probes_ = *std::move(probes);
    auto site = FindCalibrationSite();
    ASSERT_TRUE(site.ok()) << site.status();
    site_ = *std::move(site);
    memory_.Put(memory_.map, 0, uint64_t{100});
    memory_.Put(memory_.g, kGoid, uint64_t{17});
    memory_.Put(memory_.g, kStackHi, ~uint64_t{0} >> 17);
    memory_.SetKeyType(8, kStructKind);
  }

  std::array<uint64_t, 5> Registers(uint64_t key, uint64_t key_length = 0) {
    return {Address(memory_.map_type), Address(memory_.map), key, key_length, Address(memory_.g)};
  }
  static uint64_t Address(const auto& object) { return reinterpret_cast<uint64_t>(&object); }

  MapWindowSpec Spec(const ProcessId& process, MapFunction::Key key) {
    MapWindowSpec spec{.process = process, .number = 42, .fd = site_.file.get(), .most_hits = 20};
    spec.sites = {{.offset = site_.offset, .function = 9, .key = key}};
    spec.g_goid = kGoid;
    spec.g_stack_hi = kStackHi;
    return spec;
  }

  void TearDown() override { EXPECT_THAT(errors_, testing::SizeIs(expected_errors_)); }

  /// What a window sees of a child that calls without end.
  std::vector<MapHit> Watch(const std::array<uint64_t, 5>& registers, MapFunction::Key key, bool key_text = false,
                            bool swiss = false) {
    const Child child([&registers] { CallWithoutEnd(registers); }, 1 << 20);
    MapWindowSpec spec = Spec(IdOf(child.pid()), key);
    spec.key_text = key_text;
    spec.swiss = swiss;
    const absl::Status opened = probes_->Open(3, spec);
    EXPECT_TRUE(opened.ok()) << opened;
    probes_->SetArmed(3, true);
    std::this_thread::sleep_for(milliseconds(100));
    count_ = probes_->Close(3);
    std::vector<MapHit> hits;
    probes_->Read(hits);
    return hits;
  }
  static void CallWithoutEnd(const std::array<uint64_t, 5>& registers) {
    while (true) profd_test_call(registers.data());
  }

  /// That calls: not its first one.
  static uint32_t ThreadOf(const Child& child) {
    for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(child.pid()) + "/task")) {
      const auto tid = static_cast<uint32_t>(std::stoul(task.path().filename()));
      if (tid != child.pid()) return tid;
    }
    return 0;
  }

  std::vector<std::string> errors_;  // of the holder
  size_t expected_errors_ = 0;
  std::unique_ptr<ProbeHolder> holder_;
  std::unique_ptr<MapProbes> probes_;
  CalibrationSite site_;
  Memory memory_;
  MapWindowCount count_;
};

TEST_F(MapProbesTest, AHitSaysWhoAsksWhichMap) {
  const auto hits = Watch(Registers(7), MapFunction::Key::kFast64);
  ASSERT_EQ(hits.size(), 20u) << "as many as were wanted";
  const MapHit& hit = hits.front();
  EXPECT_EQ(hit.window, 42u);
  EXPECT_EQ(hit.function, 9);
  EXPECT_EQ(hit.caller, reinterpret_cast<uint64_t>(profd_test_caller));
  EXPECT_EQ(hit.map, Address(memory_.map));
  EXPECT_EQ(hit.type, Address(memory_.map_type));
  EXPECT_EQ(hit.entries, 100u);
  EXPECT_EQ(hit.goroutine, 17u);
  EXPECT_GT(hit.stack_bytes, 0u);
  EXPECT_EQ(hit.key_size, 8u);
  EXPECT_NE(hit.key_hash, 0u);
  EXPECT_THAT(hit.key, testing::IsEmpty()) << "keys are nobody's business";
  EXPECT_FALSE(hit.nil || hit.unreadable || hit.being_written || hit.last);
  EXPECT_TRUE(hits.back().last);
  for (const MapHit& other : hits) EXPECT_EQ(other.key_hash, hit.key_hash);
}

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

TEST_F(MapProbesTest, AFunctionThatIsNotGosIsReadByItsArguments) {
  constexpr uint8_t kRdi = 0, kRcx = 3;  // by their places
  const std::string text = "apples and pears";
  const auto key_of = [&](uint8_t kind, uint64_t cx, uint64_t di, MapArguments arguments) {
    arguments.key_kind = kind;
    const Child child([registers = Registers(cx, di)] { CallWithoutEnd(registers); }, 1 << 20);
    MapWindowSpec spec = Spec(IdOf(child.pid()), MapFunction::Key::kNone);
    spec.key_text = true;
    spec.sites.front().arguments = arguments;
    EXPECT_TRUE(probes_->Open(3, spec).ok());
    probes_->SetArmed(3, true);
    std::this_thread::sleep_for(milliseconds(50));
    probes_->Close(3);
    std::vector<MapHit> hits;
    probes_->Read(hits);
    if (hits.empty()) return MapHit{};
    EXPECT_EQ(hits.front().caller, reinterpret_cast<uint64_t>(profd_test_caller));
    EXPECT_EQ(hits.front().goroutine, 0u);
    return hits.front();
  };
  const auto at = reinterpret_cast<uint64_t>(text.c_str());
  const MapHit number = key_of(1, 0x1122334455667788, 77, {.map = kRdi, .key = kRcx, .key_length = 15});
  EXPECT_EQ(number.map, 77u);
  EXPECT_EQ(number.key, "\x88\x77\x66\x55") << "its low half";
  EXPECT_EQ(key_of(2, 0x1122334455667788, 77, {.map = kRdi, .key = kRcx, .key_length = 15}).key_size, 8u);
  EXPECT_EQ(key_of(3, at, 77, {.map = kRdi, .key = kRcx, .key_length = 15}).key, text);
  const MapHit cut = key_of(4, at, 6, {.map = kRcx, .key = kRcx, .key_length = kRdi});
  EXPECT_EQ(cut.key, "apples");
  EXPECT_EQ(cut.map, at);
  const MapHit wild = key_of(3, 1, 0, {.map = kRdi, .key = kRcx, .key_length = 15});
  EXPECT_EQ(wild.key_hash, 0u) << "nothing is there";
  EXPECT_TRUE(wild.nil);
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

TEST_F(MapProbesTest, KeysAreHashedByWhatTheyAre) {
  const auto hash = [this](uint64_t key, uint64_t length, MapFunction::Key kind) {
    const auto hits = Watch(Registers(key, length), kind);
    return hits.empty() ? 0 : hits.front().key_hash;
  };
  const std::array<char, 8> one{"apples"}, same{"apples"}, other{"pears"};
  const uint64_t of_one = hash(Address(one), 6, MapFunction::Key::kString);
  EXPECT_NE(of_one, 0u);
  EXPECT_EQ(of_one, hash(Address(same), 6, MapFunction::Key::kString)) << "another string of the same text";
  EXPECT_NE(of_one, hash(Address(other), 5, MapFunction::Key::kString));
  EXPECT_NE(of_one, hash(Address(one), 5, MapFunction::Key::kString));
  EXPECT_EQ(hash(0x1'0000'0007, 0, MapFunction::Key::kFast32), hash(7, 0, MapFunction::Key::kFast32));
  EXPECT_NE(hash(0x1'0000'0007, 0, MapFunction::Key::kFast64), hash(7, 0, MapFunction::Key::kFast64));
}

TEST_F(MapProbesTest, KeysBehindPointersAreReadByTheirType) {
  const std::array<char, 8> text{"apples"};
  memory_.SetKeyType(16, kStringKind);
  memory_.key = {Address(text), 6};
  auto hits = Watch(Registers(Address(memory_.key)), MapFunction::Key::kPointer, true);
  ASSERT_FALSE(hits.empty());
  EXPECT_EQ(hits.front().key, "apples");

  Memory dynamic;
  dynamic.SetKeyType(16, kStringKind);
  memory_.SetKeyType(16, kInterfaceKind);
  const std::array<uint64_t, 2> string{Address(text), 6};
  memory_.key = {Address(dynamic.key_type), Address(string)};
  hits = Watch(Registers(Address(memory_.key)), MapFunction::Key::kPointer, true);
  ASSERT_FALSE(hits.empty());
  EXPECT_EQ(hits.front().key, "apples");
}

TEST_F(MapProbesTest, LongKeysAreCut) {
  const std::string text(1000, 'x');
  const auto hits = Watch(Registers(Address(text[0]), 1000), MapFunction::Key::kString, true);
  ASSERT_FALSE(hits.empty());
  EXPECT_EQ(hits.front().key, text.substr(0, 64));
  EXPECT_EQ(hits.front().key_size, 1000u);
}

TEST_F(MapProbesTest, MapsThatCannotBeReadAreCountedAllTheSame) {
  auto registers = Registers(7);
  registers[1] = 0;
  auto hits = Watch(registers, MapFunction::Key::kFast64);
  ASSERT_FALSE(hits.empty());
  EXPECT_TRUE(hits.front().nil);
  registers[1] = 0xffff'8000'0000'0000;  // the kernel's
  hits = Watch(registers, MapFunction::Key::kFast64);
  ASSERT_FALSE(hits.empty());
  EXPECT_TRUE(hits.front().unreadable);
  EXPECT_EQ(hits.front().entries, 0u);
  registers = Registers(8, 6);
  registers[2] = 8;  // a string that is nowhere
  hits = Watch(registers, MapFunction::Key::kString, true);
  ASSERT_FALSE(hits.empty());
  EXPECT_EQ(hits.front().key_hash, 0u);
  EXPECT_THAT(hits.front().key, testing::IsEmpty());
}

TEST_F(MapProbesTest, TheRoomOfAMapIsReadInBothLayouts) {
  memory_.Put(memory_.map, 9, uint8_t{5});
  memory_.Put(memory_.map, 10, uint16_t{31});
  MapHit hit = Watch(Registers(7), MapFunction::Key::kFast64).at(0);
  EXPECT_EQ(hit.room, 8u << 5);
  EXPECT_FALSE(hit.overflows);
  memory_.Put(memory_.map, 10, uint16_t{32});
  EXPECT_TRUE(Watch(Registers(7), MapFunction::Key::kFast64).at(0).overflows);
  hit = Watch(Registers(7), MapFunction::Key::kFast64, false, true).at(0);
  EXPECT_EQ(hit.room, 8u) << "one group";
  EXPECT_FALSE(hit.overflows);
  memory_.Put(memory_.map, 24, uint64_t{16});
  EXPECT_EQ(Watch(Registers(7), MapFunction::Key::kFast64, false, true).at(0).room, 16u << 10);
}

TEST_F(MapProbesTest, AMapThatIsWrittenIsSeenInBothLayouts) {
  memory_.Put(memory_.map, 8, uint8_t{4});
  EXPECT_TRUE(Watch(Registers(7), MapFunction::Key::kFast64).at(0).being_written);
  EXPECT_FALSE(Watch(Registers(7), MapFunction::Key::kFast64, false, true).at(0).being_written);
  memory_.Put(memory_.map, 34, uint8_t{1});
  EXPECT_TRUE(Watch(Registers(7), MapFunction::Key::kFast64, false, true).at(0).being_written);
}

}  // namespace
}  // namespace profd
