// From addresses in files to frames.
#include "unit/symbols/symbolizer_fixture.h"

#include <future>

namespace profd {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

TEST_F(SymbolizerTest, TheLeafIsExactAndAllOthersAreLookedUpAtTheCallBefore) {
  const auto process = Process(7);
  const auto file = Mapped(Write("app", "app"), "/app");
  MapInto(7, Path("app"));
  const auto result =
      symbolizer_.Symbolize(process, std::vector{In(file, 0x400010), In(file, 0x400020), In(file, kStart)});
  EXPECT_EQ(result[0].lines[0].function, "app+1010");
  EXPECT_EQ(result[1].lines[0].function, "app+101f");
  EXPECT_EQ(result[2].lines[0].function, "app+1000") << "there is nothing before the mapping";
  EXPECT_EQ(result[1].address, 0x400020u);
}

TEST_F(SymbolizerTest, AnAddressCarriesAllThatIsKnown) {
  const auto process = Process(7);
  const auto file = Mapped(Write("app", "app"), "/srv/app (deleted)");
  MapInto(7, Path("app"));
  const SymbolizedAddress result = symbolizer_.Symbolize(process, std::vector{In(file, 0x400010)})[0];
  EXPECT_EQ(result.file, "/srv/app");
  EXPECT_EQ(result.build_id, "abcd");
  EXPECT_EQ(result.mapping_start, kStart);
  EXPECT_EQ(result.mapping_limit, kLimit);
  EXPECT_EQ(result.mapping_offset, kOffset);
  ASSERT_EQ(result.lines.size(), 1u);
  EXPECT_EQ(result.lines[0].system_name, "_app+1010");
  EXPECT_EQ(result.lines[0].file, "/src/file.go");
  EXPECT_EQ(result.lines[0].line, 0x1010);
  EXPECT_EQ(result.lines[0].start_line, 7);
}

TEST_F(SymbolizerTest, InlinedCallsKeepTheirOrder) {
  const auto process = Process(7);
  const auto file = Mapped(Write("app", "app"), "/app");
  MapInto(7, Path("app"));
  analyzer_.answer = [](const ObjectRef&, std::span<const uint64_t> positions) {
    return std::vector<FrameLines>(positions.size(), {{"inner"}, {"middle"}, {"outer"}});
  };
  for (int round = 0; round < 2; ++round) {
    const auto lines = symbolizer_.Symbolize(process, std::vector{In(file, 0x400010)})[0].lines;
    ASSERT_EQ(lines.size(), 3u);
    EXPECT_EQ(lines[0].function, "inner");
    EXPECT_EQ(lines[1].function, "middle");
    EXPECT_EQ(lines[2].function, "outer");
  }
  EXPECT_EQ(analyzer_.CallCount(), 1u);
}

TEST_F(SymbolizerTest, AStackIsOneQuestionToEachObjectAndAskedOnce) {
  const auto process = Process(7);
  const auto file = Mapped(Write("app", "app"), "/app");
  MapInto(7, Path("app"));
  auto library = In(Mapped(Write("lib", "lib"), "/lib"), 0x700010);
  library.mapping_start = 0x700000;
  library.mapping_limit = 0x701000;
  proc_.files["7/map_files/700000-701000"] = Path("lib");
  const std::vector stack = {In(file, 0x400010), library, In(file, 0x400031), In(file, 0x400021), In(file, 0x400021)};
  symbolizer_.Symbolize(process, stack);
  const auto again = symbolizer_.Symbolize(process, stack);
  ASSERT_EQ(analyzer_.calls.size(), 2u);
  EXPECT_THAT(analyzer_.calls[0].positions, ElementsAre(0x1010, 0x1020, 0x1030));
  EXPECT_EQ(analyzer_.calls[0].content, "app");
  EXPECT_THAT(analyzer_.calls[1].positions, ElementsAre(0x100f));
  EXPECT_EQ(analyzer_.calls[1].content, "lib");
  EXPECT_EQ(again[3].lines[0].function, "app+1020");
  EXPECT_EQ(again[4].lines[0].function, "app+1020");
  EXPECT_EQ(analyzer_.describes, 2);
  EXPECT_EQ(symbolizer_.cached(), 4u);
  EXPECT_EQ(symbolizer_.counters().lookups, 10u);
  EXPECT_EQ(symbolizer_.counters().hits, 5u);
}

TEST_F(SymbolizerTest, ProcessesThatMapTheSameFileShareAnswers) {
  const auto file = Mapped(Write("app", "app"), "/app");
  for (uint32_t pid = 7; pid < 12; ++pid) {
    const auto process = Process(pid);
    MapInto(pid, Path("app"));
    EXPECT_EQ(NameAt(process, In(Mapped(Path("app"), "/app"), 0x400010)), "app+1010");
  }
  EXPECT_EQ(analyzer_.CallCount(), 1u);
}

TEST_F(SymbolizerTest, NothingFoundIsRememberedToo) {
  const auto process = Process(7);
  const auto file = Mapped(Write("app", "app"), "/app");
  MapInto(7, Path("app"));
  analyzer_.answer = [](const ObjectRef&, std::span<const uint64_t> positions) {
    return std::vector<FrameLines>(positions.size());
  };
  EXPECT_EQ(NameAt(process, In(file, 0x400010)), "?");
  EXPECT_EQ(NameAt(process, In(file, 0x400010)), "?");
  EXPECT_EQ(analyzer_.CallCount(), 1u);
}

TEST_F(SymbolizerTest, WhereNothingIsMappedThereIsNobodyToAsk) {
  const auto process = Process(7);
  ResolvedAddress nowhere;
  nowhere.address = 0x1234;
  const auto result = symbolizer_.Symbolize(process, std::vector{nowhere, In(Memory("[uprobes]"), 0x400000)});
  EXPECT_EQ(result[0].address, 0x1234u);
  EXPECT_EQ(result[0].file, "");
  EXPECT_THAT(result[0].lines, IsEmpty());
  EXPECT_EQ(result[1].file, "[uprobes]");
  EXPECT_THAT(result[1].lines, IsEmpty());
  EXPECT_THAT(symbolizer_.Symbolize(process, {}), IsEmpty());
  EXPECT_EQ(analyzer_.CallCount(), 0u);
}

TEST_F(SymbolizerTest, ARefusedObjectIsNotAskedAgain) {
  const auto process = Process(7);
  const auto file = Mapped(Write("app", "app"), "/app");
  MapInto(7, Path("app"));
  analyzer_.describe_error = absl::InvalidArgumentError("section table lies");
  for (int round = 0; round < 5; ++round) {
    EXPECT_EQ(NameAt(process, In(file, 0x400010)), "?");
    clock_.now += std::chrono::hours(1);
  }
  EXPECT_EQ(analyzer_.describes, 1);
  EXPECT_EQ(analyzer_.CallCount(), 0u);
  EXPECT_EQ(symbolizer_.StateOf(*file).symbols, "failed: section table lies");
  EXPECT_EQ(symbolizer_.counters().failed_objects, 1u);
  EXPECT_EQ(symbolizer_.counters().unanswered, 5u);
}

TEST_F(SymbolizerTest, AfterAWorkersDeathTheObjectIsAskedAgainLaterAndLater) {
  const auto process = Process(7);
  const auto file = Mapped(Write("app", "app"), "/app");
  MapInto(7, Path("app"));
  analyzer_.resolve_error = absl::InternalError("worker died");
  for (int second = 0; second < 600; ++second) {
    NameAt(process, In(file, 0x400010));
    clock_.now += std::chrono::seconds(1);
  }
  EXPECT_GE(analyzer_.CallCount(), 5u);
  EXPECT_LE(analyzer_.CallCount(), 9u);
  analyzer_.resolve_error = absl::OkStatus();
  clock_.now += std::chrono::minutes(6);  // the file was closed meanwhile, and is opened again
  EXPECT_EQ(NameAt(process, In(file, 0x400010)), "app+1010");
  EXPECT_EQ(symbolizer_.StateOf(*file).symbols, "gopclntab");
}

TEST_F(SymbolizerTest, WhenNoWorkerIsToBeHadTheNextSecondIsTried) {
  const auto process = Process(7);
  const auto file = Mapped(Write("app", "app"), "/app");
  MapInto(7, Path("app"));
  analyzer_.resolve_error = absl::UnavailableError("all busy");
  for (int tenth = 0; tenth < 100; ++tenth) {
    NameAt(process, In(file, 0x400010));
    clock_.now += std::chrono::milliseconds(100);
  }
  EXPECT_EQ(analyzer_.CallCount(), 10u);
}

TEST_F(SymbolizerTest, AnAnswerOfTheWrongLengthIsNone) {
  const auto process = Process(7);
  const auto file = Mapped(Write("app", "app"), "/app");
  MapInto(7, Path("app"));
  analyzer_.answer = [](const ObjectRef&, std::span<const uint64_t>) { return std::vector<FrameLines>(5, {{"x"}}); };
  EXPECT_EQ(NameAt(process, In(file, 0x400010)), "?");
  EXPECT_EQ(symbolizer_.cached(), 0u);
}

TEST_F(SymbolizerTest, FactsThatMakeNoSenseAreDropped) {
  const auto process = Process(7);
  const auto file = Mapped(Write("app", "app"), "/app");
  MapInto(7, Path("app"));
  analyzer_.facts = {.build_id = "\x1b[31m", .go_version = std::string(5000, 'g'), .symbols = std::string(5000, 's')};
  EXPECT_EQ(symbolizer_.Symbolize(process, std::vector{In(file, 0x400010)})[0].build_id, "");
  EXPECT_LE(symbolizer_.StateOf(*file).runtime.size(), 64u);
  EXPECT_LE(symbolizer_.StateOf(*file).symbols.size(), 64u);
}

TEST_F(SymbolizerTest, CachedLookupsDoNotWaitForASlowWorker) {
  const auto process = Process(7);
  const auto file = Mapped(Write("app", "app"), "/app");
  MapInto(7, Path("app"));
  EXPECT_EQ(NameAt(process, In(file, 0x400010)), "app+1010");
  std::promise<void> asked, go_on;
  analyzer_.before_answer = [&] {
    asked.set_value();
    go_on.get_future().wait();
  };
  std::thread slow([&] { EXPECT_EQ(NameAt(process, In(file, 0x400020)), "app+1020"); });
  asked.get_future().wait();
  EXPECT_EQ(NameAt(process, In(file, 0x400010)), "app+1010");
  EXPECT_EQ(symbolizer_.StateOf(*file).runtime, "go1.26.1");
  go_on.set_value();
  slow.join();
}

TEST_F(SymbolizerTest, StackDeltasAndTypesAreAskedOnceAlsoWhereThereIsNone) {
  const auto process = Process(7);
  const auto file = Mapped(Write("app", "app"), "/app");
  MapInto(7, Path("app"));
  const ResolvedAddress even = In(file, 0x400010), odd = In(file, 0x400011);
  for (int again = 0; again < 2; ++again) {
    EXPECT_TRUE(symbolizer_.StackDelta(process, even).has_value());
    EXPECT_FALSE(symbolizer_.StackDelta(process, odd).has_value());
    EXPECT_EQ(symbolizer_.GoTypeName(process, even, 0x10), "map[int]10");
    EXPECT_EQ(symbolizer_.GoTypeName(process, even, 0x11), "") << "it has none, and that is known";
  }
  EXPECT_EQ(analyzer_.stack_questions, 2);
  EXPECT_EQ(analyzer_.type_questions, 2);
}

TEST_F(SymbolizerTest, GoFactsAreAskedOnceAndOnlyOfGoPrograms) {
  const auto process = Process(7);
  const auto file = Mapped(Write("app", "app"), "/app");
  MapInto(7, Path("app"));
  EXPECT_EQ(symbolizer_.AskGo(process, In(file, 0x400010))->version, "go1.26.1");
  EXPECT_EQ(symbolizer_.AskGo(process, In(file, 0x400010))->version, "go1.26.1");
  EXPECT_EQ(analyzer_.go_questions, 1);

  analyzer_.facts.go_version = "";
  const auto other = Process(8);
  Write("other", "other");
  MapInto(8, Path("other"));
  const auto other_file = Mapped(Path("other"), "/other");
  EXPECT_TRUE(absl::IsNotFound(symbolizer_.AskGo(other, In(other_file, 0x400010)).status()));
  EXPECT_EQ(analyzer_.go_questions, 1);
  EXPECT_EQ(symbolizer_.StateOf(*other_file).runtime, "native");
  EXPECT_TRUE(absl::IsNotFound(symbolizer_.AskGo(other, In(Memory("//anon"), 0x400010)).status()));
}

TEST_F(SymbolizerTest, AnUnknownGoLayoutDoesNotTakeTheSymbolsAway) {
  const auto process = Process(7);
  const auto file = Mapped(Write("app", "app"), "/app");
  MapInto(7, Path("app"));
  analyzer_.go = absl::FailedPreconditionError("go1.99 is not known");
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(symbolizer_.AskGo(process, In(file, 0x400010)).status().code(), absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_EQ(analyzer_.go_questions, 1);
  EXPECT_EQ(NameAt(process, In(file, 0x400010)), "app+1010");
  EXPECT_EQ(symbolizer_.StateOf(*file).symbols, "gopclntab (goroutines unknown: go1.99 is not known)");
}

TEST_F(SymbolizerTest, OfAnUnknownFileNothingIsKnown) {
  EXPECT_EQ(symbolizer_.StateOf({1, 2, 3, "/x"}).runtime, "");
  EXPECT_EQ(symbolizer_.StateOf({1, 2, 3, "/x"}).symbols, "");
}

}  // namespace
}  // namespace profd
