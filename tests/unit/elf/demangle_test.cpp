#include "elf/demangle.h"

#include <gmock/gmock.h>

#include "elf/bytes.h"

namespace profd::elf {
namespace {

TEST(Demangle, ReadsCpp) {
  EXPECT_EQ(Demangle("_ZNK4shop6detail5TableIiLi7EE4FillERKi"), "shop::detail::Table<int, 7>::Fill(int const&) const");
  EXPECT_EQ(Demangle("_ZN12_GLOBAL__N_111hidden_workEv"), "(anonymous namespace)::hidden_work()");
}

TEST(Demangle, ReadsBothEncodingsOfRustWithoutTheHash) {
  EXPECT_EQ(Demangle("_ZN4core3fmt9Formatter3pad17h0123456789abcdefE"), "core::fmt::Formatter::pad");
  EXPECT_EQ(Demangle("_RNvNtCs1234_7mycrate3foo3bar"), "mycrate::foo::bar");
}

TEST(Demangle, DropsTheVersionOfALibrarysSymbol) {
  EXPECT_EQ(Demangle("memcpy@@GLIBC_2.14"), "memcpy");
  EXPECT_EQ(Demangle("_Z3addi@VERSION"), "add(int)");
}

TEST(Demangle, LeavesOtherNamesAsTheyAre) {
  for (const char* name : {"main", "_Zebra", "_R", "_ZN", "@", "runtime.(*mheap).alloc"}) {
    EXPECT_EQ(Demangle(name), name);
  }
}

// S_ stands for what came before, so that every step may double the text.
TEST(Demangle, BoundsNamesThatUnfoldWithoutEnd) {
  std::string name = "_Z1fI1AE";
  for (int i = 0; i < 200; ++i) name += "N1BIS_S0_EE";
  EXPECT_LE(Demangle(name).size(), kMaxName);
  std::string nested = "_Z1f";
  for (int i = 0; i < 3000; ++i) nested += 'P';
  EXPECT_LE(Demangle(nested + "i").size(), kMaxName + 1);
}

TEST(Demangle, LeavesEndlessNamesAlone) {
  const std::string name = "_Z" + std::string(100000, 'x');
  EXPECT_EQ(Demangle(name), name);
}

}  // namespace
}  // namespace profd::elf
