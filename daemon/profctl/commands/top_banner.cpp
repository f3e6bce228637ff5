#include "profctl/commands/top_banner.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <tuple>

#include "profctl/answer_text.h"
#include "profctl/escape.h"
#include "profctl/recursion_text.h"
#include "profctl/terminal.h"

namespace profd::profctl {
namespace {

constexpr size_t kAlarms = 8;
constexpr size_t kGrowing = 3;

bool IsGrowing(const v1::RecursionEvent& event) { return IsActive(event) && event.grade() == "growing"; }

/// Smaller is more urgent: alarms, what still runs, what is surer, what dies sooner.
auto Order(const v1::RecursionEvent* event) {
  const double left =
      event->has_seconds_to_overflow() ? event->seconds_to_overflow() : std::numeric_limits<double>::max();
  return std::tuple(!IsAlarm(*event), !IsActive(*event), -GradeRank(*event), left);
}

/// Who began it, and through which map it goes.
void AddEvidence(const v1::RecursionEvent& event, std::vector<HeadingLine>& lines) {
  const auto add = [&lines](std::string_view title, const std::string& text) {
    if (!text.empty()) lines.push_back({fmt::format("  {:<9}  {}", title, Escape(text))});
  };
  if (!event.entry().empty()) {
    const v1::CodeFrame& caller = event.entry(0);
    const std::string place = PlaceText(caller);
    add("called by", NameOf(caller) + (place.empty() ? "" : " at " + place));
  }
  add("map", MapText(event));
}

}  // namespace

std::vector<HeadingLine> RecursionBanner(const v1::TopResponse& response) {
  std::vector<const v1::RecursionEvent*> events;
  for (const v1::RecursionEvent& event : response.recursion()) {
    if (IsAlarm(event) || IsGrowing(event)) events.push_back(&event);
  }
  std::ranges::stable_sort(events, {}, Order);
  std::vector<HeadingLine> lines;
  size_t alarms = 0, growing = 0, more = 0;
  for (const v1::RecursionEvent* event : events) {
    const bool alarm = IsAlarm(*event);
    if (alarm ? ++alarms > kAlarms : ++growing > kGrowing) {
      ++more;
    } else {
      lines.push_back({Escape(BannerText(*event, ToWall(response.window().end()))), alarm});
      if (response.has_process()) AddEvidence(*event, lines);
    }
  }
  if (more > 0) lines.push_back({fmt::format("and {} more: profctl recursion list", more), alarms > kAlarms});
  return lines;
}

std::vector<std::string> HeadingText(const std::vector<HeadingLine>& heading, bool color) {
  std::vector<std::string> lines;
  for (const HeadingLine& line : heading) {
    lines.push_back(color && line.alarm ? kRed + line.text + kPlain : line.text);
  }
  return lines;
}

}  // namespace profd::profctl
