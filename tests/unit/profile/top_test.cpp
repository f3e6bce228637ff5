#include "profile/top.h"

#include <gmock/gmock.h>

#include "support/profiles.h"

namespace profd {

void PrintTo(const FunctionShare& share, std::ostream* out) {
  *out << share.name << " flat " << share.flat << " cum " << share.cum << " repeats " << share.max_repeats;
}

namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using testing::ProfileText;
using testing::StackOf;

auto Row(const std::string& name, uint64_t flat, uint64_t cum, uint64_t repeats = 1) {
  return AllOf(Field("name", &FunctionShare::name, name), Field("flat", &FunctionShare::flat, flat),
               Field("cum", &FunctionShare::cum, cum), Field("max_repeats", &FunctionShare::max_repeats, repeats));
}

TEST(Top, CountsTheLeafAsFlatAndEveryFunctionAsCum) {
  const TopFunctions top =
      ComputeTop(ProfileText({StackOf({"f", "main"}).Ticks(3), StackOf({"g", "main"}).Ticks(2)}).Build());
  EXPECT_EQ(top.samples, 5u);
  EXPECT_THAT(top.functions, ElementsAre(Row("f", 3, 3), Row("g", 2, 2), Row("main", 0, 5)));
}

TEST(Top, CountsAFunctionOnceASample) {
  const TopFunctions top = ComputeTop(ProfileText({StackOf({"f", "f", "g", "f", "main"})}).Build());
  EXPECT_THAT(top.functions, ElementsAre(Row("f", 1, 1, 3), Row("g", 0, 1), Row("main", 0, 1)));
}

TEST(Top, CountsTheInnermostInlinedCallAsTheLeaf) {
  const TopFunctions top = ComputeTop(ProfileText({StackOf({"inner <- outer", "main"})}).Build());
  EXPECT_THAT(top.functions, ElementsAre(Row("inner", 1, 1), Row("main", 0, 1), Row("outer", 0, 1)));
}

TEST(Top, CountsFoldsInFullInRepeatsButNotInTicks) {
  const TopFunctions top =
      ComputeTop(ProfileText({StackOf({"leaf", "a", "b", "a", "main"}).Repeat(1, 2, 1000).Ticks(4)}).Build());
  EXPECT_THAT(top.functions,
              ElementsAre(Row("leaf", 4, 4), Row("a", 0, 4, 1001), Row("b", 0, 4, 1000), Row("main", 0, 4)));
}

TEST(Top, TakesTheRepeatsOfTheDeepestSample) {
  const TopFunctions top = ComputeTop(ProfileText({StackOf({"leaf", "a"}).Repeat(1, 1, 7), StackOf({"x", "a"}),
                                                   StackOf({"y", "a", "b"}).Repeat(1, 1, 9).Repeat(2, 1, 3)})
                                          .Build());
  for (const FunctionShare& share : top.functions) {
    EXPECT_EQ(share.max_repeats, share.name == "a" ? 9u : share.name == "b" ? 3u : 1u) << share.name;
  }
}

TEST(Top, KnowsFunctionsByNameAlone) {
  ProfileText text;
  Sample sample{.count = 1};
  for (const uint64_t address : {1, 2}) {
    const uint32_t function = text.builder.AddFunction({"f", "", address == 1 ? "" : "f.c", 0});
    sample.stack.locations.push_back(text.builder.AddLocation({.address = address, .lines = {{function, 0}}}));
  }
  text.builder.AddSample(sample);
  const TopFunctions top = ComputeTop(text.Build());
  EXPECT_THAT(top.functions, ElementsAre(Row("f", 1, 1, 2)));
  EXPECT_EQ(top.functions[0].file, "f.c");
}

TEST(Top, ShowsWhatIsKnownOfFramesWithoutSymbols) {
  const TopFunctions top =
      ComputeTop(ProfileText({StackOf({"?0x2345", "?", "[k] read", "[no frame pointer]"})}).Build());
  EXPECT_THAT(top.functions, ElementsAre(Row("[unknown] libfoo.so+0x2345 (build ID abcdef12)", 1, 1),
                                         Row("[no frame pointer]", 0, 1), Row("[unknown]", 0, 1), Row("read", 0, 1)));
}

TEST(Top, CountsSamplesWithoutAStack) {
  const TopFunctions top = ComputeTop(ProfileText({StackOf({}).Ticks(4)}).Build());
  EXPECT_EQ(top.samples, 4u);
  EXPECT_TRUE(top.functions.empty());
}

TEST(Top, FileAndLineAreThoseOfTheFunction) {
  const TopFunctions top = ComputeTop(ProfileText({StackOf({"f"})}).Build());
  EXPECT_EQ(top.functions[0].file, "f.go");
  EXPECT_EQ(top.functions[0].line, 7);
}

}  // namespace
}  // namespace profd
