#include "profctl/recursion_text.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "profctl/answer_text.h"
#include "profctl/escape.h"
#include "profctl/number_text.h"
#include "profctl/time_text.h"

namespace profd::profctl {
namespace {

constexpr int kNamesOfCycle = 3;
constexpr size_t kBriefName = 40;
constexpr double kMinSeconds = 0.001;
constexpr double kMaxSeconds = 3.2e9;  // a hundred years
constexpr double kMaxRate = 1e18;

bool IsFatal(const v1::RecursionEvent& event) { return event.grade() == "projected" || event.grade() == "proven"; }

/// `github.com/shop/config.(*Config).Get` without its directories; other names are left alone.
std::string BriefName(const v1::CodeFrame& frame) {
  std::string name = NameOf(frame);
  const size_t slash = name.substr(0, name.find_first_of("([<{ ")).rfind('/');
  if (slash != std::string::npos && slash + 1 < name.size() && name[slash + 1] != '(') name.erase(0, slash + 1);
  return Truncate(Escape(name), kBriefName);
}

std::string Label(const v1::RecursionEvent& event) {
  if (event.state() == "crashed") return "CRASHED";
  if (event.state() == "oom_killed") return "OOM-KILLED";
  if (!IsActive(event)) return event.state().empty() ? "ended" : event.state();
  if (IsFatal(event)) return "RUNAWAY";
  return event.grade() == "growing" ? "growing" : "recursing";
}

std::string ProcessOf(const v1::RecursionEvent& event) {
  v1::ProcessInfo process;
  process.set_pid(event.pid());
  process.set_command(event.command());
  return ProcessText(process);
}

/// `12:00:00`, with the date unless it is today's.
std::string MomentText(WallTime time, WallTime now) {
  const std::string moment = DateTime(time);
  return moment.substr(0, 10) == DateTime(now).substr(0, 10) ? ClockTime(time) : moment.substr(0, 19);
}

std::string CallsText(const v1::RecursionEvent& event) {
  const bool over = !IsActive(event);
  const int length = event.cycle_size();
  const std::string first = length == 0 ? "a function of unknown name" : NameOf(event.cycle(0));
  if (length < 2) return fmt::format("{} {} itself", first, over ? "called" : "calls");
  const std::string second = NameOf(event.cycle(1));
  if (length == 2) return fmt::format("{} and {} {} each other", first, second, over ? "called" : "call");
  const std::string others =
      length == 3 ? NameOf(event.cycle(2)) : FormatCount(static_cast<uint64_t>(length - 2), "other function");
  return fmt::format("{} {} itself through {} and {}", first, over ? "called" : "calls", second, others);
}

/// What calls itself, how deep, and how much of its stack is used.
std::string StoryText(const v1::RecursionEvent& event) {
  std::string text = CallsText(event);
  if (event.depth() > 0) {
    text += fmt::format(", {}{} deep", event.depth_exact() ? "" : "about ", FormatCount(event.depth(), "frame"));
  }
  if (event.stack_bytes() == 0) return text;
  return text + fmt::format(", {}{} stack", StackText(event), event.stack_limit_bytes() == 0 ? " of" : "");
}

}  // namespace

std::string NameOf(const v1::CodeFrame& frame) { return frame.name().empty() ? "[unknown]" : frame.name(); }

int GradeRank(const v1::RecursionEvent& event) {
  constexpr std::array kGrades{"", "observed", "growing", "projected", "proven"};
  const auto found = std::ranges::find(kGrades, event.grade());
  return found == kGrades.end() ? 0 : static_cast<int>(found - kGrades.begin());
}

bool IsActive(const v1::RecursionEvent& event) { return event.state() == "active"; }

bool IsAlarm(const v1::RecursionEvent& event) {
  return event.state() == "crashed" || event.state() == "oom_killed" || (IsActive(event) && IsFatal(event));
}

std::string CycleText(const v1::RecursionEvent& event, bool brief) {
  if (event.cycle().empty()) return "-";
  const auto name = brief ? BriefName : NameOf;
  std::vector<std::string> names;
  for (int i = 0; i < event.cycle_size() && (!brief || i < kNamesOfCycle); ++i) names.push_back(name(event.cycle(i)));
  if (brief && event.cycle_size() > kNamesOfCycle) {
    names.push_back(fmt::format("({} more)", event.cycle_size() - kNamesOfCycle));
  }
  names.push_back(names.front());
  return fmt::format("{}", fmt::join(names, " -> "));
}

std::string PlaceText(const v1::CodeFrame& frame) {
  return frame.line() > 0 ? fmt::format("{}:{}", frame.file(), frame.line()) : frame.file();
}

std::string StackText(const v1::RecursionEvent& event) {
  if (event.stack_bytes() == 0) return "-";
  if (event.stack_limit_bytes() == 0) return FormatBytes(event.stack_bytes());
  return fmt::format("{} of {}", FormatBytes(event.stack_bytes()), FormatBytes(event.stack_limit_bytes()));
}

std::string GrowthText(const v1::RecursionEvent& event) {
  const double rate = event.growth_bytes_per_second();
  if (!IsActive(event) || !(rate >= 0.5)) return "";
  return fmt::format("+{}/s", FormatBytes(static_cast<uint64_t>(std::llround(std::min(rate, kMaxRate)))));
}

std::optional<std::string> LeftText(const v1::RecursionEvent& event) {
  const double seconds = event.seconds_to_overflow();
  if (!IsActive(event) || !event.has_seconds_to_overflow() || !(seconds >= 0)) return std::nullopt;
  const auto left = std::chrono::duration<double>(std::clamp(seconds, kMinSeconds, kMaxSeconds));
  return FormatDuration(std::chrono::duration_cast<std::chrono::nanoseconds>(left));
}

std::string FateText(const v1::RecursionEvent& event) {
  const std::optional<std::string> left = LeftText(event);
  return left ? fmt::format("{} in about {}", IsFatal(event) ? "dies" : "at this rate full", *left) : "";
}

// The address finds it in a core dump or a debugger.
std::string MapText(const v1::RecursionEvent& event) {
  if (!event.has_map()) return "";
  const v1::RecursionMap& map = event.map();
  const std::string key = map.has_key() ? "'" + map.key() + "'" : "#" + map.key_hash();
  return fmt::format("{} at {:#x} of {} {}; asked for key {} {} in a row, deeper each time",
                     map.type().empty() ? "a map" : map.type(), map.address(), FormatCount(map.entries()),
                     map.entries() == 1 ? "entry" : "entries", key, FormatCount(map.same_key_hits(), "time"));
}

std::string Verdict(const v1::RecursionEvent& event, WallTime now) {
  const std::string when = IsActive(event) ? "" : " at " + MomentText(ToWall(event.last_seen()), now);
  std::string text = fmt::format("{} {}{}: {}", Label(event), ProcessOf(event), when, StoryText(event));
  if (event.stack_limit_bytes() > 0 && !event.limit_reason().empty())
    text += fmt::format(" ({})", event.limit_reason());
  if (!IsActive(event)) return text;
  const std::string growth = GrowthText(event), fate = FateText(event);
  if (!growth.empty() || !fate.empty()) {
    text += fmt::format("; {}{}{}", growth, growth.empty() || fate.empty() ? "" : ", ", fate);
  }
  if (event.grade() == "projected") text += "; it may still return";
  if (event.grade() == "proven") text += "; it cannot end by itself";
  return text;
}

std::string BannerText(const v1::RecursionEvent& event, WallTime now) {
  std::string urgent;
  if (!IsActive(event)) {
    urgent = " at " + MomentText(ToWall(event.last_seen()), now);
  } else if (const std::string fate = FateText(event), growth = GrowthText(event); !fate.empty() || !growth.empty()) {
    urgent = ", " + (fate.empty() ? growth : fate);
  }
  return fmt::format("{} {}{}: {}; profctl recursion show {}", Label(event), ProcessOf(event), urgent, StoryText(event),
                     event.id());
}

}  // namespace profd::profctl
