// Perf maps and kallsyms, as JIT compilers and the kernel write them, and as somebody hostile does.
#include <gmock/gmock.h>

#include "elf/object.h"
#include "unit/elf/elf_builder.h"

namespace profd::elf {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing_elf::FileOf;

std::unique_ptr<Object> PerfMap(std::string_view text) {
  auto object = OpenPerfMap(FileOf(text));
  EXPECT_TRUE(object.ok()) << object.status();
  return *std::move(object);
}
std::unique_ptr<Object> Kallsyms(std::string_view text) {
  auto object = OpenKallsyms(FileOf(text));
  EXPECT_TRUE(object.ok()) << object.status();
  return *std::move(object);
}
std::string NameAt(Object& object, uint64_t address) {
  const auto lines = object.Resolve(address);
  return lines->empty() ? "" : (*lines)[0].function;
}

TEST(PerfMap, NamesMayHaveBlanks) {
  const auto map = PerfMap("7f0000001000 40 LazyCompile:*work /srv/app.js:10:5\n0x2000 0x10 prefixed\n");
  EXPECT_EQ(NameAt(*map, 0x7f000000103f), "LazyCompile:*work /srv/app.js:10:5");
  EXPECT_EQ(NameAt(*map, 0x7f0000001040), "");
  EXPECT_EQ(NameAt(*map, 0x200f), "prefixed");
}

TEST(PerfMap, ALaterLineWinsWhereCodeWasReplaced) {
  const auto map = PerfMap("1000 100 old\n1040 20 new_in_the_middle\n2000 10 first\n2000 10 second\n");
  EXPECT_EQ(NameAt(*map, 0x1050), "new_in_the_middle");
  EXPECT_EQ(NameAt(*map, 0x1030), "old");
  EXPECT_EQ(NameAt(*map, 0x1070), "old");
  EXPECT_EQ(NameAt(*map, 0x2000), "second");
}

TEST(PerfMap, ALargeNewFunctionHidesTheSmallOldOnesInIt) {
  const auto map = PerfMap("1010 10 old\n1000 100 new\n");
  EXPECT_EQ(NameAt(*map, 0x1018), "new");
}

TEST(PerfMap, AnUnfinishedLastLineWaitsForItsEnd) {
  const auto map = PerfMap("1000 10 whole\n2000 10 unfini");
  EXPECT_EQ(NameAt(*map, 0x1000), "whole");
  EXPECT_EQ(NameAt(*map, 0x2000), "");
}

TEST(PerfMap, LinesThatAreNoneArePassedOver) {
  const auto map = PerfMap("nonsense\n\n1000\n1000 10\n1000 10 \n2000 10 good\nffffffffffffffffff 10 too_large\n");
  EXPECT_EQ(NameAt(*map, 0x1000), "");
  EXPECT_EQ(NameAt(*map, 0x2000), "good");
}

TEST(PerfMap, AFileWithoutOneGoodLineIsRefused) {
  EXPECT_THAT(Message(OpenPerfMap(FileOf("what is this\nno map\n")).status()), HasSubstr("no line"));
  EXPECT_TRUE(OpenPerfMap(FileOf("")).ok()) << "a JIT that has not compiled anything yet";
}

TEST(PerfMap, EntriesThatWrapAroundAreHarmless) {
  const auto map = PerfMap("ffffffffffffffff ffffffffffffffff end\n0 ffffffffffffffff all\n");
  EXPECT_EQ(NameAt(*map, 0x1000), "all");
  EXPECT_EQ(NameAt(*map, UINT64_MAX), "end");
}

TEST(PerfMap, MoreThanAWorkerCanHoldIsRefused) {
  std::string text;
  for (int i = 0; i < 2'100'000; ++i) text += "1 1 a\n";
  EXPECT_THAT(Message(OpenPerfMap(FileOf(text)).status()), HasSubstr("more than"));
  EXPECT_THAT(Message(OpenPerfMap(FileOf(std::string(size_t{65} << 20, ' '))).status()), HasSubstr("larger than"));
}

TEST(PerfMap, AnEndlessLineIsPassedOver) {
  const auto map = PerfMap("1000 10 " + std::string(200'000, 'x') + "\n2000 10 good\n");
  EXPECT_EQ(NameAt(*map, 0x1000), "");
  EXPECT_EQ(NameAt(*map, 0x2000), "good");
}

constexpr std::string_view kSymbols =
    "0000000000000000 A fixed_percpu_data\n"
    "ffffffff81000000 T _stext\n"
    "ffffffff81001000 t local_name\n"
    "ffffffff81001000 T global_name\n"
    "ffffffff81002000 W weak\n"
    "ffffffff81003000 D some_data\n"
    "ffffffffc0000000 t ext4_readdir\t[ext4]\n";

TEST(Kallsyms, AFunctionReachesToTheNextSymbol) {
  const auto kernel = Kallsyms(kSymbols);
  EXPECT_EQ(NameAt(*kernel, 0xffffffff81000fff), "_stext");
  EXPECT_EQ(NameAt(*kernel, 0xffffffff81001004), "global_name");
  EXPECT_EQ(NameAt(*kernel, 0xffffffff81002ffe), "weak");
}

TEST(Kallsyms, DataIsNoFunction) {
  const auto kernel = Kallsyms(kSymbols);
  EXPECT_EQ(NameAt(*kernel, 0xffffffff81003000), "");
  EXPECT_EQ(NameAt(*kernel, 0xffffffffbfffffff), "") << "far behind the last symbol before a gap";
}

TEST(Kallsyms, TheModuleStaysInTheRawName) {
  const auto kernel = Kallsyms(kSymbols);
  const auto lines = kernel->Resolve(0xffffffffc0000010);
  EXPECT_EQ((*lines)[0].function, "ext4_readdir");
  EXPECT_EQ((*lines)[0].system_name, "ext4_readdir\t[ext4]");
}

TEST(Kallsyms, HiddenAddressesAreRefusedWithTheRemedy) {
  const auto kernel = OpenKallsyms(FileOf("0000000000000000 T _stext\n0000000000000000 T vfs_read\n"));
  ASSERT_FALSE(kernel.ok());
  EXPECT_THAT(Message(kernel.status()), HasSubstr("CAP_SYSLOG"));
}

}  // namespace
}  // namespace profd::elf
