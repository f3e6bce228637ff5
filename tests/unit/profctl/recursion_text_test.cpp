// What is said of recursion: in a sentence, in a table, on a screen, above `top`, as JSON.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <limits>

#include "profctl/commands/recursion_rows.h"
#include "profctl/commands/recursion_screen.h"
#include "profctl/commands/top_view.h"
#include "profctl/recursion_json.h"
#include "profctl/recursion_text.h"
#include "recursion_event.h"

namespace profd::profctl {
namespace {

using namespace std::chrono_literals;
using testing::AddFrame;
using ::testing::AllOf;
using testing::Crashed;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kStoryEnd;
using ::testing::Not;
using testing::Runaway;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr char kHostile[] = "\x1b[31mred\n\u202e";
constexpr char kHarmless[] = "\\x1b[31mred\\n\\u202e";

v1::RecursionEvent Graded(const std::string& grade) {
  v1::RecursionEvent event = Runaway();
  event.set_grade(grade);
  return event;
}

v1::RecursionEvent CycleOf(const std::vector<std::string>& names) {
  v1::RecursionEvent event = Runaway();
  event.clear_cycle();
  for (const std::string& name : names) AddFrame(*event.mutable_cycle(), name);
  return event;
}

class RecursionText : public ::testing::Test {
 protected:
  RecursionText() {
    setenv("TZ", "UTC", 1);
    tzset();
  }
};

TEST_F(RecursionText, TheVerdictSaysItAll) {
  EXPECT_EQ(Verdict(Runaway(), kStoryEnd),
            "RUNAWAY orders (pid 30321): main.(*Config).Get calls itself, 3,532,112 frames deep, 162 MiB of 512 MiB "
            "stack (goroutine stack limit); +92.1 MiB/s, dies in about 3.8 s; it may still return");
}

TEST_F(RecursionText, TheVerdictIsNoHarderThanTheGrade) {
  EXPECT_THAT(Verdict(Graded("proven"), kStoryEnd),
              AllOf(StartsWith("RUNAWAY "), EndsWith("dies in about 3.8 s; it cannot end by itself")));
  EXPECT_THAT(Verdict(Graded("growing"), kStoryEnd),
              AllOf(StartsWith("growing orders"), EndsWith("; +92.1 MiB/s, at this rate full in about 3.8 s")));
  EXPECT_THAT(Verdict(Graded("observed"), kStoryEnd), AllOf(StartsWith("recursing orders"), Not(HasSubstr("dies"))));
}

TEST_F(RecursionText, WhatIsOverSaysSoAndWhen) {
  EXPECT_EQ(Verdict(Crashed(), kStoryEnd + 200s),
            "CRASHED orders (pid 30321) at 08:00:00: main.(*Config).Get called itself, 3,532,112 frames deep, "
            "162 MiB of 512 MiB stack (goroutine stack limit)");
  v1::RecursionEvent event = Crashed();
  event.set_state("oom_killed");
  EXPECT_THAT(Verdict(event, kStoryEnd + 48h), StartsWith("OOM-KILLED orders (pid 30321) at 2027-01-15 08:00:00: "));
  event.set_state("ended");
  EXPECT_THAT(Verdict(event, kStoryEnd), StartsWith("ended orders (pid 30321) at 08:00:00: "));
}

TEST_F(RecursionText, WhatIsNotKnownIsNotSaid) {
  v1::RecursionEvent event;
  event.set_state("active");
  event.set_grade("observed");
  event.set_pid(7);
  EXPECT_EQ(Verdict(event, kStoryEnd), "recursing pid 7: a function of unknown name calls itself");
  event = Runaway();
  event.clear_seconds_to_overflow();
  event.set_stack_limit_bytes(0);
  event.set_depth(1);
  event.set_depth_exact(false);
  EXPECT_EQ(Verdict(event, kStoryEnd),
            "RUNAWAY orders (pid 30321): main.(*Config).Get calls itself, about 1 frame deep, 162 MiB of stack; "
            "+92.1 MiB/s; it may still return");
  event.set_growth_bytes_per_second(-5);
  EXPECT_THAT(Verdict(event, kStoryEnd), EndsWith("162 MiB of stack; it may still return"));
}

TEST_F(RecursionText, TheTimeLeftIsNeverNonsense) {
  v1::RecursionEvent event = Runaway();
  for (const auto& [seconds, text] : std::vector<std::pair<double, std::string>>{
           {0, "1 ms"}, {0.35, "350 ms"}, {200, "3m 20s"}, {1e300, "37037d 0h"}}) {
    event.set_seconds_to_overflow(seconds);
    EXPECT_EQ(LeftText(event), text);
  }
  for (const double seconds : {-1.0, std::numeric_limits<double>::quiet_NaN()}) {
    event.set_seconds_to_overflow(seconds);
    EXPECT_EQ(LeftText(event), std::nullopt);
  }
  event.set_growth_bytes_per_second(std::numeric_limits<double>::infinity());
  EXPECT_THAT(GrowthText(event), StartsWith("+"));
}

TEST_F(RecursionText, CyclesOfAnyLength) {
  EXPECT_THAT(Verdict(CycleOf({"a", "b"}), kStoryEnd), HasSubstr(": a and b call each other, "));
  EXPECT_THAT(Verdict(CycleOf({"a", "b", "c"}), kStoryEnd), HasSubstr(": a calls itself through b and c, "));
  EXPECT_THAT(Verdict(CycleOf({"a", "b", "c", "d"}), kStoryEnd),
              HasSubstr(": a calls itself through b and 2 other functions, "));
  EXPECT_EQ(CycleText(CycleOf({"a"}), true), "a -> a");
  EXPECT_EQ(CycleText(CycleOf({"a", "b", "c", "d", "e"}), true), "a -> b -> c -> (2 more) -> a");
  EXPECT_EQ(CycleText(CycleOf({"a", "b", "c", "d", "e"}), false), "a -> b -> c -> d -> e -> a");
  EXPECT_EQ(CycleText(CycleOf({}), true), "-");
}

TEST_F(RecursionText, BriefNamesLoseDirectoriesOnly) {
  EXPECT_EQ(CycleText(CycleOf({"github.com/shop/orders/config.(*Config).Get"}), true),
            "config.(*Config).Get -> config.(*Config).Get");
  for (const char* name : {"ns::operator/(ns::T, ns::T)", "f<a/b>", "main.F[go.shape/x]", "/"}) {
    EXPECT_EQ(CycleText(CycleOf({name}), true), std::string(name) + " -> " + name);
  }
}

TEST_F(RecursionText, TheTable) {
  v1::RecursionEvent unknown = CycleOf({"walk", "visit"});
  unknown.set_id("01");
  unknown.set_grade("observed");
  unknown.set_depth_exact(false);
  unknown.set_stack_bytes(0);
  unknown.set_growth_bytes_per_second(0);
  unknown.clear_seconds_to_overflow();
  EXPECT_THAT(
      RecursionTable({Runaway(), unknown}, kStoryEnd + 2s, false).Render(),
      ElementsAre("ID                STATE   GRADE        PID  COMMAND       DEPTH               STACK       GROWTH   "
                  "LEFT  LAST SEEN  COUNT  CYCLE",
                  "9f3c12ab00000001  active  projected  30321  orders    3,532,112  162 MiB of 512 MiB  +92.1 MiB/s  "
                  "3.8 s  2.0 s ago      1  main.(*Config).Get -> main.(*Config).Get",
                  "01                active  observed   30321  orders   ~3,532,112                   -            -  "
                  "    -  2.0 s ago      1  walk -> visit -> walk"));
}

TEST_F(RecursionText, TheWideTableHasMore) {
  v1::RecursionEvent event = Runaway();
  event.mutable_container()->set_name_space("shop");
  event.mutable_container()->set_pod("orders-0");
  event.mutable_container()->set_id(std::string(64, 'a'));
  const auto lines = RecursionTable({event}, kStoryEnd, true).Render();
  EXPECT_THAT(lines[0], HasSubstr("NAMESPACE  POD       CONTAINER       TID  GOROUTINE  TRIGGER  CYCLE"));
  EXPECT_THAT(lines[1], HasSubstr("shop       orders-0  aaaaaaaaaaaa  30325          7  sample   main."));
}

TEST_F(RecursionText, SortsByWhatIsAskedFor) {
  RecursionEvents events(3, Runaway());
  events[0].set_id("old");
  events[0].mutable_last_seen()->set_seconds(1);
  events[0].set_grade("proven");
  events[1].set_id("deep");
  events[1].set_depth(4000000);
  events[1].set_grade("observed");
  events[2].set_id("big");
  events[2].set_stack_bytes(400 << 20);
  events[2].set_occurrences(9);
  const std::vector<std::string> first{"deep", "old", "deep", "big", "big"};
  for (size_t key = 0; key < RecursionSortKeys().size(); ++key) {
    RecursionEvents sorted = events;
    SortRecursion(sorted, key);
    EXPECT_EQ(sorted[0].id(), first[key]) << RecursionSortKeys()[key];
  }
}

TEST_F(RecursionText, AWatchLineIsOneLine) {
  v1::RecursionEvent event = Runaway();
  event.set_command(kHostile);
  EXPECT_THAT(WatchLine(event, kStoryEnd, false),
              StartsWith("08:00:00  9f3c12ab00000001  RUNAWAY " + std::string(kHarmless) + " (pid 30321): "));
  event.mutable_container()->set_pod("orders-0");
  EXPECT_THAT(WatchLine(event, kStoryEnd, true), EndsWith(" [orders-0] [projected, active, by sample]"));
}

TEST_F(RecursionText, AnIdMayBeItsBeginning) {
  RecursionEvents events(2, Runaway());
  events[1].set_id("9f3c12ab00000002");
  EXPECT_EQ(FindRecursion(events, "9f3c12ab00000002")->id(), "9f3c12ab00000002");
  EXPECT_EQ(FindRecursion({events[0]}, "9f")->id(), "9f3c12ab00000001");
  const absl::Status several = FindRecursion(events, "9f3c").status();
  EXPECT_EQ(Message(several),
            "several recursion stories have ids that begin with '9f3c': 9f3c12ab00000001, 9f3c12ab00000002. Give more "
            "of it");
  const absl::Status none = FindRecursion(events, "9f3d").status();
  EXPECT_EQ(none.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(none), HasSubstr("'profctl recursion list'"));
  events[0].set_id("9f3c");
  EXPECT_EQ(FindRecursion(events, "9f3c")->id(), "9f3c") << "a whole id is never ambiguous";
}

TEST_F(RecursionText, TheScreen) {
  EXPECT_THAT(
      RecursionScreen(Runaway(), kStoryEnd + 2s, false),
      ElementsAre(Verdict(Runaway(), kStoryEnd), "", "story      9f3c12ab00000001, projected, active",
                  "since      2027-01-15 07:59:58.250 (3.8 s ago)",
                  "last seen  2027-01-15 08:00:00.000 (2.0 s ago), 1 occurrence in all",
                  "cycle      main.(*Config).Get  config.go:42", "called by  main.handle  server.go:10",
                  "root       main.main  main.go:5", "thread     30325, goroutine 7",
                  "stack      162 MiB of 512 MiB (31.6%); limit: goroutine stack limit",
                  "growth     +92.1 MiB/s, full in about 3.8 s",
                  "depth      3,532,112 frames, exact; 41 places of the stack were looked at",
                  "trigger    sample: a tick of the sampler found it", "why        a third of the limit is in use",
                  "advice     a guard belongs into main.(*Config).Get",
                  "history    2027-01-15 07:59:58.250  growing: three times as deep"));
}

TEST_F(RecursionText, TheScreenNamesTheMap) {
  v1::RecursionEvent event = Runaway();
  v1::RecursionMap& map = *event.mutable_map();
  map.set_address(0xc000123456);
  map.set_type("map[string]interface {}");
  map.set_entries(1);
  map.set_key_hash("00000000deadbeef");
  map.set_same_key_hits(199);
  EXPECT_THAT(RecursionScreen(event, kStoryEnd, false),
              ::testing::Contains("map        map[string]interface {} at 0xc000123456 of 1 entry; asked for key "
                                  "#00000000deadbeef 199 times in a row, deeper each time"));
  EXPECT_EQ(RecursionJson(event)["map"].dump(),
            R"({"address":"0xc000123456","type":"map[string]interface {}","entries":1,"key_hash":"00000000deadbeef",)"
            R"("key":null,"same_key_hits":199})");
  map.set_key("k");
  map.clear_type();
  EXPECT_THAT(RecursionScreen(event, kStoryEnd, false),
              ::testing::Contains("map        a map at 0xc000123456 of 1 entry; asked for key 'k' 199 times in a row, "
                                  "deeper each time"));
  EXPECT_EQ(RecursionJson(event)["map"]["key"], "k");
}

TEST_F(RecursionText, TheScreenOwnsUpToWhatItDoesNotKnow) {
  v1::RecursionEvent event = Runaway();
  event.set_depth_exact(false);
  event.set_depth_error(1200);
  event.set_positions_verified(1);
  event.set_stack_limit_bytes(0);
  event.clear_seconds_to_overflow();
  event.clear_entry();
  const auto lines = RecursionScreen(event, kStoryEnd, false);
  EXPECT_THAT(lines,
              ::testing::Contains("depth      about 3,532,112 frames +- 1,200; 1 place of the stack was looked at"));
  EXPECT_THAT(lines, ::testing::Contains("stack      162 MiB, its limit is not known"));
  EXPECT_THAT(lines, ::testing::Contains("growth     +92.1 MiB/s"));
  EXPECT_THAT(lines, Each(Not(StartsWith("called by"))));
  EXPECT_THAT(RecursionScreen(Crashed(), kStoryEnd, false), Each(Not(StartsWith("growth"))));
}

TEST_F(RecursionText, TheScreenStaysOneUnlessWide) {
  v1::RecursionEvent event = CycleOf(std::vector<std::string>(30, "f"));
  for (int i = 0; i < 30; ++i) *event.add_history() = event.history(0);
  const auto lines = RecursionScreen(event, kStoryEnd, false);
  EXPECT_THAT(lines, SizeIs(::testing::Le(40u)));
  EXPECT_THAT(lines, ::testing::Contains("           and 18 more: -o wide shows them"));
  EXPECT_THAT(lines, ::testing::Contains("history    19 earlier: -o wide shows them"));
  EXPECT_THAT(RecursionScreen(event, kStoryEnd, true), SizeIs(::testing::Ge(70u)));
}

TEST_F(RecursionText, NoNameSteersATerminal) {
  v1::RecursionEvent event = CycleOf({kHostile, kHostile});
  AddFrame(*event.mutable_entry(), kHostile, kHostile, 1);
  event.mutable_container()->set_pod(kHostile);
  event.mutable_history(0)->set_what(kHostile);
  for (std::string* text : {event.mutable_id(), event.mutable_command(), event.mutable_reason(), event.mutable_advice(),
                            event.mutable_limit_reason(), event.mutable_trigger(), event.mutable_grade()}) {
    *text = kHostile;
  }
  std::vector<std::string> lines = RecursionScreen(event, kStoryEnd, true);
  for (const bool wide : {false, true}) {
    const auto rows = RecursionTable({event}, kStoryEnd, wide).Render();
    lines.insert(lines.end(), rows.begin(), rows.end());
    lines.push_back(WatchLine(event, kStoryEnd, wide));
  }
  event.set_grade("growing");
  v1::TopResponse response;
  *response.add_recursion() = event;
  for (const HeadingLine& line : RecursionBanner(response)) lines.push_back(line.text);
  EXPECT_THAT(lines, Each(AllOf(Not(HasSubstr("\x1b")), Not(HasSubstr("\n")), Not(HasSubstr("\u202e")))));
  EXPECT_THAT(lines[0], HasSubstr(kHarmless));
}

TEST_F(RecursionText, JsonHasTheAgreedKeysInTheirOrder) {
  v1::RecursionEvent event = Runaway();
  event.mutable_container()->set_name_space("shop");
  EXPECT_EQ(
      RecursionListJson({event}).dump(),
      R"({"schema":"profctl.recursion/v1","events":[{"id":"9f3c12ab00000001","grade":"projected","state":"active",)"
      R"("pid":30321,"command":"orders","container":{"name":"","id":"","pod":"","namespace":"shop"},"tid":30325,)"
      R"("goroutine":7,"cycle":[{"name":"main.(*Config).Get","file":"config.go","line":42}],)"
      R"("entry":[{"name":"main.handle","file":"server.go","line":10}],)"
      R"("root":[{"name":"main.main","file":"main.go","line":5}],"depth":3532112,"depth_exact":true,)"
      R"("stack_bytes":169554739,"stack_limit_bytes":536870912,"limit_reason":"goroutine stack limit",)"
      R"("growth_bytes_per_second":96573849.6,"seconds_to_overflow":3.8,)"
      R"("first_seen":"2027-01-15T07:59:58.250000000Z","last_seen":"2027-01-15T08:00:00.000000000Z",)"
      R"("trigger":"sample","reason":"a third of the limit is in use","positions_verified":41,"depth_error":null,)"
      R"("occurrences":1,"map":null,"advice":"a guard belongs into main.(*Config).Get",)"
      R"("history":[{"time":"2027-01-15T07:59:58.250000000Z","what":"growing: three times as deep"}]}]})");
}

TEST_F(RecursionText, JsonHasNullForWhatIsNotKnown) {
  v1::RecursionEvent event = Crashed();
  event.set_depth_error(0);
  const Json json = RecursionJson(event);
  EXPECT_EQ(json["seconds_to_overflow"], nullptr);
  EXPECT_EQ(json["container"], nullptr);
  EXPECT_EQ(json["depth_error"], 0);
}

v1::TopResponse TopWith(const std::vector<v1::RecursionEvent>& events) {
  v1::TopResponse response;
  *response.mutable_window()->mutable_end() = FromWall(kStoryEnd);
  for (const v1::RecursionEvent& event : events) *response.add_recursion() = event;
  v1::FunctionRow& row = *response.add_functions();
  row.set_name("main.(*Config).Get");
  row.set_max_repeats(3532112);
  return response;
}

TEST_F(RecursionText, TheBannerHasTheMostUrgentFirst) {
  v1::RecursionEvent later = Runaway();
  later.set_seconds_to_overflow(60);
  v1::RecursionEvent ended = Graded("growing");
  ended.set_state("ended");
  const auto lines =
      RecursionBanner(TopWith({Graded("observed"), Graded("growing"), ended, Crashed(), later, Runaway()}));
  ASSERT_THAT(lines, SizeIs(4));
  EXPECT_EQ(lines[0].text,
            "RUNAWAY orders (pid 30321), dies in about 3.8 s: main.(*Config).Get calls itself, 3,532,112 frames deep, "
            "162 MiB of 512 MiB stack; profctl recursion show 9f3c12ab00000001");
  EXPECT_THAT(lines[1].text, StartsWith("RUNAWAY orders (pid 30321), dies in about 1m 0s: "));
  EXPECT_THAT(lines[2].text, StartsWith("CRASHED orders (pid 30321) at 08:00:00: "));
  EXPECT_THAT(lines[3].text, StartsWith("growing orders (pid 30321), at this rate full in about 3.8 s: "));
  EXPECT_TRUE(lines[2].alarm);
  EXPECT_FALSE(lines[3].alarm);
  EXPECT_THAT(HeadingText(lines, true)[0], AllOf(StartsWith("\x1b[1;31mRUNAWAY"), EndsWith("\x1b[0m")));
  EXPECT_THAT(HeadingText(lines, true)[3], Not(HasSubstr("\x1b")));
  EXPECT_THAT(HeadingText(lines, false), Each(Not(HasSubstr("\x1b"))));
}

TEST_F(RecursionText, TheBannerOfOneProcessHasItsEvidence) {
  v1::RecursionEvent event = Runaway();
  v1::RecursionMap& map = *event.mutable_map();
  map.set_type("map[string]interface {}");
  map.set_address(0xc000123450);
  map.set_entries(1);
  map.set_key_hash("1f2e");
  map.set_same_key_hits(12);
  v1::TopResponse response = TopWith({event});
  EXPECT_THAT(RecursionBanner(response), SizeIs(1)) << "all of the machine's would take the table's room";
  response.mutable_process()->set_pid(30321);
  const auto lines = RecursionBanner(response);
  ASSERT_THAT(lines, SizeIs(3));
  EXPECT_EQ(lines[1].text, "  called by  main.handle at server.go:10");
  EXPECT_EQ(lines[2].text,
            "  map        map[string]interface {} at 0xc000123450 of 1 entry; asked for key #1f2e 12 times in a row, "
            "deeper each time");
  response.mutable_recursion(0)->clear_map();
  EXPECT_THAT(RecursionBanner(response), SizeIs(2));
}

TEST_F(RecursionText, TheBannerLeavesRoomForTheTable) {
  const auto growing = RecursionBanner(TopWith(std::vector(5, Graded("growing"))));
  ASSERT_THAT(growing, SizeIs(4));
  EXPECT_EQ(growing[3].text, "and 2 more: profctl recursion list");
  EXPECT_FALSE(growing[3].alarm);
  EXPECT_THAT(RecursionBanner(TopWith(std::vector(100, Runaway()))), SizeIs(9));
  EXPECT_THAT(RecursionBanner(TopWith({})), IsEmpty());
}

TEST_F(RecursionText, TopSaysEachThingOnce) {
  const TopView view{.functions = true};
  const TopText with = RenderTop(TopWith({Runaway()}), view);
  ASSERT_THAT(with.heading, SizeIs(2));
  EXPECT_THAT(with.heading[1].text, StartsWith("RUNAWAY"));
  const TopText without = RenderTop(TopWith({Graded("observed")}), view);
  ASSERT_THAT(without.heading, SizeIs(2));
  EXPECT_THAT(without.heading[1].text, StartsWith("deep recursion: "));
  EXPECT_EQ(TopJson(TopWith({Runaway()}), view)["recursion"][0], RecursionJson(Runaway()));
}

}  // namespace
}  // namespace profd::profctl
