#include "recursion/advice.h"

#include <gmock/gmock.h>

namespace profd {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const CodeFrame kGet{.name = "main.(*Config).Get", .file = "/src/app/config.go", .line = 42};
const CodeFrame kPrint{.name = "fmt.(*pp).printValue", .file = "/usr/lib/go/src/fmt/print.go", .line = 760};
const CodeFrame kMarshal{.name = "encoding/json.(*encodeState).marshal", .file = "/go/encoding/json/encode.go"};
const CodeFrame kModule{.name = "example.org/tree/v2.(*Node).Walk", .file = "/m/tree/node.go", .line = 7};

std::string AdviceOn(std::vector<CodeFrame> functions, const CodeFrame& outermost, std::vector<CodeFrame> entry = {}) {
  Cycle cycle;
  cycle.functions = std::move(functions);
  cycle.entry = std::move(entry);
  cycle.outermost = outermost;
  return AdviceFor(cycle);
}

TEST(Advice, NamesTheFunctionThatCallsItself) {
  const std::string advice = AdviceOn({kGet}, kGet);
  EXPECT_THAT(advice, HasSubstr("main.(*Config).Get (config.go:42)"));
  EXPECT_THAT(advice, HasSubstr("a limit of the depth"));
}

TEST(Advice, OfSeveralOwnFunctionsTheOneThatWasCalledFirst) {
  const CodeFrame visit{.name = "main.visit", .file = "/src/app/visit.go", .line = 9};
  EXPECT_THAT(AdviceOn({kGet, visit}, visit), HasSubstr("main.visit (visit.go:9)"));
}

TEST(Advice, OwnCodeInALibrarysCycleIsThePlace) {
  EXPECT_THAT(AdviceOn({kPrint, kGet}, kPrint), HasSubstr("belongs into main.(*Config).Get"));
}

TEST(Advice, AModuleWithADomainIsTheProgramsOwn) {
  EXPECT_THAT(AdviceOn({kModule}, kModule), HasSubstr("belongs into example.org/tree/v2.(*Node).Walk (node.go:7)"));
}

TEST(Advice, WhereALibraryRecursesTheCallersValueHoldsItself) {
  for (const CodeFrame& library : {kPrint, kMarshal}) {
    EXPECT_THAT(
        AdviceOn({library}, library, {library, kGet}),
        AllOf(HasSubstr("main.(*Config).Get (config.go:42)"), HasSubstr("holds itself"), Not(HasSubstr(library.name))));
  }
}

TEST(Advice, WithoutAnyOwnCodeItIsAboutTheValue) { EXPECT_THAT(AdviceOn({kPrint}, kPrint), HasSubstr("holds itself")); }

TEST(Advice, NativeCodeIsTheProgramsOwn) {
  const CodeFrame walk{.name = "walk(Node const*)", .file = "/src/tree.cpp", .line = 5};
  EXPECT_THAT(AdviceOn({walk}, walk), HasSubstr("walk(Node const*) (tree.cpp:5)"));
}

TEST(Advice, WithoutALineOrAFileItNamesWhatIsKnown) {
  const CodeFrame no_line{.name = "main.f", .file = "/src/f.go"}, no_file{.name = "walk", .file = {}};
  EXPECT_THAT(AdviceOn({no_line}, no_line), HasSubstr("main.f (f.go)"));
  EXPECT_THAT(AdviceOn({no_file}, no_file), AllOf(HasSubstr("walk"), Not(HasSubstr("("))));
}

}  // namespace
}  // namespace profd
