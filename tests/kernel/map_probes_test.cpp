// The probes on map functions in the real kernel, on a function that is called as Go calls them.
#include "map_probes_fixture.h"

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

namespace profd {
namespace {

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
