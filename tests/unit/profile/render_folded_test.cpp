#include <gtest/gtest.h>

#include "profile/render.h"
#include "support/profiles.h"

namespace profd {
namespace {

using testing::ProfileText;
using testing::StackOf;

std::string Folded(std::initializer_list<StackOf> stacks) { return RenderFolded(ProfileText(stacks).Build()); }

TEST(Folded, StandsRootFirstWithItsTicks) {
  EXPECT_EQ(Folded({StackOf({"f", "g", "main"}).Ticks(3), StackOf({"a", "main"})}), "main;a 1\nmain;g;f 3\n");
}

TEST(Folded, AddsUpThreadsAndProcessesOfOneProgram) {
  EXPECT_EQ(Folded({StackOf({"f"}).Thread(1), StackOf({"f"}).Thread(2), StackOf({"f"}).In("app", 2)}), "f 3\n");
}

TEST(Folded, BeginsWithTheCommandWhereThereAreSeveral) {
  EXPECT_EQ(Folded({StackOf({"f"}).In("web"), StackOf({"f"}).In("db", 2)}), "db;f 1\nweb;f 1\n");
}

TEST(Folded, ACycleStandsOnceWithItsRepeatsAfterIt) {
  EXPECT_EQ(Folded({StackOf({"leaf", "b", "a", "main"}).Repeat(1, 2, 1000)}), "main;a;b;[recursion x1000];leaf 1\n");
  EXPECT_EQ(Folded({StackOf({"leaf", "a"}).Repeat(1, 1, 9, true)}), "a;[recursion ~x9];leaf 1\n");
  EXPECT_EQ(Folded({StackOf({"x", "b", "a", "m"}).Repeat(1, 1, 3).Repeat(2, 1, 4)}),
            "m;a;[recursion x4];b;[recursion x3];x 1\n");
}

TEST(Folded, MarksKernelFunctions) { EXPECT_EQ(Folded({StackOf({"[k] sys_read", "read"})}), "read;sys_read_[k] 1\n"); }

TEST(Folded, ExpandsInlinedCalls) { EXPECT_EQ(Folded({StackOf({"inner <- outer", "main"})}), "main;outer;inner 1\n"); }

TEST(Folded, ShowsWhatIsKnownOfFramesWithoutSymbols) {
  EXPECT_EQ(Folded({StackOf({"?0x2345", "?", "main"})}),
            "main;[unknown];[unknown] libfoo.so+0x2345 (build ID abcdef12) 1\n");
}

TEST(Folded, ForeignNamesCannotForgeLinesOrFrames) {
  EXPECT_EQ(Folded({StackOf({"a;b 7\nmain 9", "main\x1b[2J"})}), "main?[2J;a:b 7?main 9 1\n");
}

TEST(Folded, ASampleWithoutAStackIsVisible) { EXPECT_EQ(Folded({StackOf({})}), "[no stack] 1\n"); }

TEST(Folded, AnEmptyProfileIsAnEmptyText) { EXPECT_EQ(Folded({}), ""); }

}  // namespace
}  // namespace profd
