#include "probes/place.h"

#include <gmock/gmock.h>

namespace profd {
namespace {

using namespace std::string_view_literals;
using ::testing::HasSubstr;

ProbePlace Place(std::string_view code) {
  const auto place = PlaceProbe(code);
  EXPECT_TRUE(place.ok()) << place.status();
  return place.value_or(ProbePlace{});
}

// cmp 0x10(%r14),%rsp; jbe; push %rbp; mov %rsp,%rbp
constexpr std::string_view kSmallFrame = "\x49\x3b\x66\x10\x76\x55\x55\x48\x89\xe5\x48\x83\xec\x18\x90\x90"sv;
// lea -0x28(%rsp),%r12; cmp 0x10(%r14),%r12; jbe far; push %rbp
constexpr std::string_view kMiddleFrame = "\x4c\x8d\x64\x24\xd8\x4d\x3b\x66\x10\x0f\x86\x31\x02\x00\x00\x55"sv;
// lea -0x1228(%rsp),%r12; cmp 0x10(%r14),%r12; jbe
constexpr std::string_view kLargeFrame = "\x4c\x8d\xa4\x24\xd8\xed\xff\xff\x4d\x3b\x66\x10\x76\x20\x55\x48"sv;

TEST(PlaceProbe, IsTheJumpBehindTheStackCheck) {
  EXPECT_EQ(Place(kSmallFrame), (ProbePlace{.distance = 4, .emulated = true}));
  EXPECT_EQ(Place(kMiddleFrame), (ProbePlace{.distance = 9, .emulated = true}));
  EXPECT_EQ(Place(kLargeFrame), (ProbePlace{.distance = 12, .emulated = true}));
}

TEST(PlaceProbe, IsTheEntryWhereThatIsEmulated) {
  const ProbePlace entry{.distance = 0, .emulated = true};
  EXPECT_EQ(Place("\x55\x48\x89\xe5"sv), entry) << "push %rbp";
  EXPECT_EQ(Place("\x41\x57\x41\x56"sv), entry) << "push %r15";
  EXPECT_EQ(Place("\xe9\x01\x02\x03\x04"sv), entry) << "jmp";
  EXPECT_EQ(Place("\xe8\x01\x02\x03\x04"sv), entry) << "call";
  EXPECT_EQ(Place("\x90\x90"sv), entry) << "nop";
  EXPECT_EQ(Place("\xf3\x0f\x1e\xfa\x55\x48"sv), (ProbePlace{.distance = 4, .emulated = true})) << "endbr64; push %rbp";
}

TEST(PlaceProbe, IsTheEntrySingleSteppedWhereNothingBetterIsNear) {
  const ProbePlace entry{.distance = 0, .emulated = false};
  EXPECT_EQ(Place("\x48\x83\xec\x18\x48\x89\x44\x24"sv), entry) << "sub $0x18,%rsp moves the stack pointer";
  EXPECT_EQ(Place("\x48\x89\xc3\x55\x90\x90"sv), entry) << "mov %rax,%rbx changes an argument";
  EXPECT_EQ(Place("\x49\x3b\x66\x10\x48\x89\xc3\x55"sv), entry) << "behind the check, too";
  EXPECT_EQ(Place("\x41\x89\xc3\x55"sv), entry) << "41 is no push by itself";
  EXPECT_EQ(Place("\x0f\x10\x00\x55"sv), entry) << "0f is no jump by itself";
}

TEST(PlaceProbe, RefusesABreakpointThatIsThereAlready) {
  const auto place = PlaceProbe("\xcc\x3b\x66\x10\x76\x55"sv);
  EXPECT_TRUE(absl::IsFailedPrecondition(place.status())) << place.status();
  EXPECT_THAT(Message(place.status()), HasSubstr("breakpoint"));
}

TEST(PlaceProbe, RefusesCodeThatIsNotKnown) {
  EXPECT_TRUE(absl::IsFailedPrecondition(PlaceProbe(""sv).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(PlaceProbe("\x55"sv).status()));
}

TEST(PlaceProbe, CodeThatIsCutOffHasNoPlaceBeyondItsEnd) {
  for (const std::string_view whole : {kSmallFrame, kMiddleFrame, kLargeFrame}) {
    for (size_t size = 0; size <= whole.size(); ++size) {
      const auto place = PlaceProbe(whole.substr(0, size));
      EXPECT_TRUE(!place.ok() || place->distance < size) << size;
    }
  }
}

}  // namespace
}  // namespace profd
