#include "recursion/cycle.h"

#include <gmock/gmock.h>

#include "stack_of.h"

namespace profd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Functions(const ReadStack& stack) {
  const auto cycle = FindCycle(stack);
  return cycle ? NamesOf(cycle->functions) : std::vector<std::string>{};
}

std::string Identity(const ReadStack& stack) {
  const auto cycle = FindCycle(stack);
  return cycle ? cycle->identity : "";
}

TEST(ReadStack, ItsDepthCountsEachFoldInFull) {
  const ReadStack stack = StackOf({"leaf"}).Then({"a", "b"}).Repeat(1'000'000).Then({"main"});
  EXPECT_EQ(stack.Depth(), 2'000'002u);
  EXPECT_FALSE(stack.DepthEstimated());
  EXPECT_TRUE(ReadStack(StackOf({"leaf"}).Then({"a"}).About(9)).DepthEstimated());
}

TEST(FindCycle, AStackWithoutRepetitionHasNone) {
  EXPECT_FALSE(FindCycle(StackOf({"leaf", "get", "handle", "main"})));
  EXPECT_FALSE(FindCycle(ReadStack{}));
}

TEST(FindCycle, TwiceIsNoRecursionYet) {
  EXPECT_FALSE(FindCycle(StackOf({"leaf"}).Then({"a", "b"}).Repeat(2).Then({"main"})));
  EXPECT_FALSE(FindCycle(StackOf({"leaf"}).Then({"a", "b"}).Written(2).Then({"main"})));
}

TEST(FindCycle, ThreeTimesIs) {
  const auto folded = FindCycle(StackOf({"leaf"}).Then({"a"}).Repeat(3).Then({"main"}));
  const auto written = FindCycle(StackOf({"leaf"}).Then({"a"}).Written(3).Then({"main"}));
  ASSERT_TRUE(folded && written);
  EXPECT_EQ(folded->repeats, 3u);
  EXPECT_EQ(written->repeats, 3u);
  EXPECT_EQ(folded->identity, written->identity) << "a short stack is the same recursion as a deep one";
}

TEST(FindCycle, ItsFunctionsStandInTheOrderOfTheirCalls) {
  // Leaf first: c was called by b, and b by a.
  const auto cycle = FindCycle(StackOf({"leaf"}).Then({"c", "b", "a"}).Repeat(50).Then({"main"}));
  ASSERT_TRUE(cycle);
  EXPECT_THAT(NamesOf(cycle->functions), ElementsAre("a", "b", "c"));
  EXPECT_EQ(cycle->repeats, 50u);
  EXPECT_TRUE(cycle->periodic);
  EXPECT_TRUE(cycle->named);
}

TEST(FindCycle, IsTheSameWhereverTheStackWasCaught) {
  const std::string identity = Identity(StackOf({"leaf"}).Then({"c", "b", "a"}).Repeat(50).Then({"main"}));
  EXPECT_NE(identity, "");
  EXPECT_EQ(Identity(StackOf({"leaf"}).Then({"b", "a", "c"}).Repeat(7).Then({"main"})), identity);
  EXPECT_EQ(Identity(StackOf({"leaf"}).Then({"a", "c", "b"}).Written(4).Then({"other"})), identity);
  EXPECT_NE(Identity(StackOf({"leaf"}).Then({"a", "b", "c"}).Repeat(50).Then({"main"})), identity)
      << "the other way round is another recursion";
}

TEST(FindCycle, TheRotationIsTheSameWhereFunctionsStandSeveralTimes) {
  const std::string identity = Identity(StackOf({"leaf"}).Then({"a", "b", "a", "c"}).Repeat(9));
  EXPECT_EQ(Identity(StackOf({"leaf"}).Then({"a", "c", "a", "b"}).Repeat(9)), identity);
  EXPECT_EQ(Identity(StackOf({"leaf"}).Then({"c", "a", "b", "a"}).Repeat(9)), identity);
}

TEST(FindCycle, AFoldOfSeveralCyclesIsTheShortestOne) {
  // Two call sites in one function: different return addresses, one function.
  EXPECT_THAT(Functions(StackOf({"leaf"}).Then({"walk", "walk"}).Repeat(9)), ElementsAre("walk"));
  EXPECT_THAT(Functions(StackOf({"leaf"}).Then({"b", "a", "b", "a"}).Repeat(9)), ElementsAre("a", "b"));
}

TEST(FindCycle, IsWhatMostOfTheStackConsistsOf) {
  EXPECT_THAT(Functions(StackOf({"leaf"}).Then({"small"}).Repeat(5).Then({"large"}).Repeat(500).Then({"main"})),
              ElementsAre("large"));
  EXPECT_THAT(Functions(StackOf({"leaf"}).Then({"large"}).Written(9).Then({"small"}).Written(4).Then({"main"})),
              ElementsAre("large"));
}

TEST(FindCycle, AFoldBeyondTheFramesIsNone) {
  ReadStack stack = StackOf({"leaf", "a", "main"});
  stack.folds = {{.first = 2, .length = 2, .repeats = 1000}};
  EXPECT_FALSE(FindCycle(stack));
}

TEST(FindCycle, ItsEntryIsWhoCalledIntoItNearestFirst) {
  const auto cycle =
      FindCycle(StackOf({"leaf"}).Then({"get"}).Repeat(9).Then({"load", "serve", "run", "main", "start"}));
  ASSERT_TRUE(cycle);
  EXPECT_THAT(NamesOf(cycle->entry), ElementsAre("load", "serve", "run", "main", "start"));
  EXPECT_THAT(NamesOf(cycle->root), ElementsAre("serve", "run", "main", "start"));
}

TEST(FindCycle, TheRootIsNeverOfTheCycle) {
  const auto cycle = FindCycle(StackOf({"leaf"}).Then({"get"}).Repeat(9).Then({"main"}));
  ASSERT_TRUE(cycle);
  EXPECT_THAT(NamesOf(cycle->root), ElementsAre("main"));
  EXPECT_THAT(FindCycle(StackOf({"leaf"}).Then({"get"}).Repeat(9))->root, IsEmpty());
}

TEST(FindCycle, ACycleThatIsIncompleteAtItsRootIsNoEntry) {
  // main called b: the last round lacks its a.
  const auto cycle = FindCycle(StackOf({"leaf"}).Then({"b", "a"}).Repeat(9).Then({"b", "main"}));
  ASSERT_TRUE(cycle);
  EXPECT_THAT(NamesOf(cycle->entry), ElementsAre("main"));
  EXPECT_EQ(cycle->outermost.name, "b");
  EXPECT_EQ(FindCycle(StackOf({"leaf"}).Then({"b", "a"}).Repeat(9).Then({"main"}))->outermost.name, "a");
}

TEST(FindCycle, WithoutAPeriodItIsTheFunctionsThatRepeat) {
  // A parser: one function stands only twice.
  const auto cycle = FindCycle(StackOf({"leaf", "term", "expr", "expr", "term", "term", "once", "expr", "factor",
                                        "term", "factor", "expr", "expr", "main"}));
  ASSERT_TRUE(cycle);
  EXPECT_FALSE(cycle->periodic);
  EXPECT_THAT(NamesOf(cycle->functions), ElementsAre("expr", "term"));
  EXPECT_EQ(cycle->repeats, 5u);
  EXPECT_THAT(NamesOf(cycle->entry), ElementsAre("main"));
  EXPECT_EQ(cycle->outermost.name, "expr");
}

TEST(FindCycle, AnEstimatedFoldIsTheFunctionsThatRepeatInIt) {
  const auto cycle =
      FindCycle(StackOf({"leaf"}).Then({"b", "a", "a", "b", "x", "a", "b"}).About(10'000).Then({"main", "start"}));
  ASSERT_TRUE(cycle);
  EXPECT_FALSE(cycle->periodic);
  EXPECT_THAT(NamesOf(cycle->functions), ElementsAre("a", "b"));
  EXPECT_THAT(NamesOf(cycle->entry), ElementsAre("main", "start"));
}

TEST(FindCycle, GoesByPlacesWhileNamesAreToCome) {
  const auto cycle = FindCycle(StackOf({"leaf"}).Then({"b", "a"}).Repeat(9).Then({"main"}).Unnamed("server"));
  ASSERT_TRUE(cycle);
  EXPECT_FALSE(cycle->named);
  EXPECT_THAT(NamesOf(cycle->functions), ElementsAre("server+a", "server+b"));
  EXPECT_THAT(NamesOf(cycle->entry), ElementsAre("server+main"));
}

TEST(FindCycle, IsNamedWhenItsOwnFunctionsAre) {
  ReadStack stack = StackOf({"leaf"}).Then({"a"}).Repeat(9).Then({"main"});
  stack.frames.back().named = false;
  EXPECT_TRUE(FindCycle(stack)->named);
  EXPECT_FALSE(stack.Named());
}

TEST(FindCycle, NamesMakeOneCycleOfTwoBinaries) {
  // The same function was compiled twice.
  const StackOf stack = StackOf({"leaf"}).Then({"a"}).Repeat(9).Then({"main"});
  EXPECT_NE(Identity(StackOf(stack).Unnamed("old")), Identity(StackOf(stack).Unnamed("new")));
  ReadStack moved = stack;
  for (ReadFrame& frame : moved.frames) frame.place += "moved";
  EXPECT_EQ(Identity(moved), Identity(stack));
}

TEST(Cycle, SharesAFunctionOrDoesNot) {
  const auto one = FindCycle(StackOf({"leaf"}).Then({"a", "b"}).Repeat(9));
  const auto other = FindCycle(StackOf({"leaf"}).Then({"b", "c"}).Repeat(9));
  const auto third = FindCycle(StackOf({"leaf"}).Then({"c", "d"}).Repeat(9));
  EXPECT_TRUE(one->SharesFunctionWith(other->functions));
  EXPECT_FALSE(one->SharesFunctionWith(third->functions));
  EXPECT_FALSE(one->SharesFunctionWith({}));
}

}  // namespace
}  // namespace profd
