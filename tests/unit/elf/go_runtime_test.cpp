// What is known about Go's runtime by version, and where its goroutine is.
#include "elf/go_runtime.h"

#include <gmock/gmock.h>

namespace profd::elf {
namespace {

using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Optional;

TEST(GoOffsets, ChangeWithTheVersion) {
  EXPECT_EQ(GoOffsetsOf("go1.19.13")->m_curg, 192u);
  EXPECT_EQ(GoOffsetsOf("go1.19.13")->g_goid, 152u);
  EXPECT_EQ(GoOffsetsOf("go1.22")->g_sched_bp, 104u);
  EXPECT_EQ(GoOffsetsOf("go1.23.12")->g_goid, 160u);
  EXPECT_EQ(GoOffsetsOf("go1.24.4")->m_gsignal, 80u);
  EXPECT_EQ(GoOffsetsOf("go1.25.5")->m_curg, 184u);
  EXPECT_EQ(GoOffsetsOf("go1.25.5")->g_sched_bp, 96u);
  EXPECT_EQ(GoOffsetsOf("go1.27.4")->g_goid, 152u);
  EXPECT_EQ(GoOffsetsOf("go1.27.4")->m_gsignal, 72u);
}

TEST(GoOffsets, ExperimentsAndReleaseCandidatesAreThatVersion) {
  for (const char* version : {"go1.24.4 X:noswissmap", "go1.24rc1", "go1.24-vendor", "go1.24"}) {
    EXPECT_TRUE(GoOffsetsOf(version).ok()) << version;
  }
}

TEST(GoOffsets, OtherVersionsAreRefusedByName) {
  for (const char* version :
       {"go1.17.3", "go1.28", "go1.280", "go2.24", "devel go1.27-abc", "go1.27-devel_0123abc", "go1.", "go1.24x", ""}) {
    const auto offsets = GoOffsetsOf(version);
    ASSERT_FALSE(offsets.ok()) << version;
    EXPECT_THAT(Message(offsets.status()), HasSubstr(version));
  }
}

using namespace std::string_literals;
using namespace std::string_view_literals;

std::optional<TlsPlace> Tls(std::string_view code) { return DecodeTlsPlace(Bytes(code)); }

TEST(TlsPlace, IsInTheCodeOfStackcheck) {
  EXPECT_EQ(Tls("\x64\x48\x8b\x04\x25\xf8\xff\xff\xff\x48\x39\x60\x08"sv), TlsPlace{.offset = -8});
  EXPECT_EQ(Tls("\x64\x48\x8b\x0c\x25\xa8\xff\xff\xff"sv), TlsPlace{.offset = -88}) << "another register, static glibc";
  EXPECT_EQ(Tls("\x48\xc7\xc1\xf8\xff\xff\xff\x64\x48\x8b\x01\x48\x39"sv), TlsPlace{.offset = -8}) << "PIE";
}

TEST(TlsPlace, IsInAWordOfTheLoadersInASharedLibrary) {
  EXPECT_EQ(Tls("\x48\x8b\x0d\xe1\x34\x0e\x00\x64\x48\x8b\x01"sv), TlsPlace{.slot = 7 + 0xe34e1});
}

TEST(TlsPlace, IsUnknownWhenTheCodeIsCutOffOrAnother) {
  EXPECT_EQ(Tls("\x64\x48\x8b\x04\x25\xf8\xff"sv), std::nullopt);
  EXPECT_EQ(Tls("\x64\x48\x8b"sv), std::nullopt);
  EXPECT_EQ(Tls("\x48\xc7\xc1\xf8\xff\xff\xff\x90\x90"sv), std::nullopt);
  EXPECT_EQ(Tls("\x48\x8b\x0d\xe1\x34"sv), std::nullopt);
  EXPECT_EQ(Tls("\x64\x48\x8b\x01\x25\xf8\xff\xff\xff"sv), std::nullopt) << "through a register";
  EXPECT_EQ(Tls(""sv), std::nullopt);
}

// As Go 1.27 has it: from `mov 0x30(%r14),%rbx` to `cmp 0xb8(%rbx),%r14`.
constexpr std::string_view kNanotime =
    "\x55\x48\x89\xe5\x48\x83\xec\x10\x49\x89\xe4\x49\x8b\x5e\x30\x48\x8b\x8b\x88\x03\x00\x00"
    "\x48\x8b\x93\x80\x03\x00\x00\x48\x89\x0c\x24\x4c\x3b\xb3\xb8\x00\x00\x00"sv;

TEST(ThreadPlaces, AreInTheCodeOfNanotime) {
  EXPECT_EQ(DecodeThreadPlaces(Bytes(kNanotime)), (ThreadPlaces{.g_m = 48, .m_curg = 184, .m_vdso_sp = 896}));
}

TEST(ThreadPlaces, AreUnknownWhenTheCodeIsCutOffOrAnother) {
  for (size_t size = 0; size < kNanotime.size(); ++size) {
    EXPECT_EQ(DecodeThreadPlaces(Bytes(kNanotime.substr(0, size))), std::nullopt) << size;
  }
  std::string apart(kNanotime);
  apart[18] = '\x90';
  EXPECT_EQ(DecodeThreadPlaces(Bytes(apart)), std::nullopt) << "the two words are not side by side";
}

// As Go 1.24 has it at the start of runtime.main: `movq $0x3b9aca00,0x1d0c35(%rip)`.
constexpr std::string_view kSetMaxStack = "\x48\xc7\x05\x35\x0c\x1d\x00\x00\xca\x9a\x3b"sv;

std::optional<int64_t> MaxStack(std::string_view code) { return DecodeMaxStack(Bytes(code)); }

TEST(MaxStack, IsInTheCodeOfMain) {
  EXPECT_THAT(MaxStack(kSetMaxStack), Optional(11 + 0x1d0c35));
  EXPECT_THAT(MaxStack("\x55\x48\x89\xe5" + std::string(kSetMaxStack)), Optional(15 + 0x1d0c35)) << "from the start";
  EXPECT_THAT(MaxStack("\x48\xc7\x05\xf0\xff\xff\xff\x00\xca\x9a\x3b"sv), Optional(11 - 16)) << "before the code";
}

TEST(MaxStack, IsTheWordThatGetsTheDefaultAndNoOther) {
  const std::string other = "\x48\xc7\x05\x11\x00\x00\x00\x01\x00\x00\x00"s;
  EXPECT_EQ(MaxStack(other), std::nullopt);
  EXPECT_THAT(MaxStack(other + std::string(kSetMaxStack)), Optional(22 + 0x1d0c35));
  EXPECT_THAT(MaxStack("\x48\xc7\x05" + std::string(kSetMaxStack)), Optional(14 + 0x1d0c35)) << "a beginning in it";
  EXPECT_EQ(MaxStack("\x48\xc7\x05\x35\x0c\x1d\x00\x80\xb2\xe6\x0e"sv), std::nullopt) << "a 32-bit machine's";
}

TEST(MaxStack, IsUnknownWhenTheCodeIsCutOffOrAnother) {
  for (size_t size = 0; size < kSetMaxStack.size(); ++size) {
    EXPECT_EQ(MaxStack(kSetMaxStack.substr(0, size)), std::nullopt) << size;
  }
  EXPECT_EQ(MaxStack("\x48\xc7\x00\x35\x0c\x1d\x00\x00\xca\x9a\x3b"sv), std::nullopt) << "not relative to %rip";
}

}  // namespace
}  // namespace profd::elf
