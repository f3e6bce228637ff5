#include "profctl/commands/recursion_screen.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

#include "profctl/answer_text.h"
#include "profctl/escape.h"
#include "profctl/number_text.h"
#include "profctl/recursion_text.h"
#include "profctl/time_text.h"

namespace profd::profctl {
namespace {

using Frames = google::protobuf::RepeatedPtrField<v1::CodeFrame>;

constexpr size_t kMaxLines = 12;  // of a cycle, of a history

/// Lines with a label each, in two columns. What says nothing is left out.
class Sheet {
 public:
  void Add(std::string_view label, const std::string& text) {
    if (!text.empty()) lines_.push_back(Escape(fmt::format("{:<11}{}", label, text)));
  }
  /// The label stands at the first.
  void Add(std::string_view label, const std::vector<std::string>& texts) {
    for (const std::string& text : texts) {
      Add(label, text);
      label = "";
    }
  }
  std::vector<std::string> Take() { return std::move(lines_); }

 private:
  std::vector<std::string> lines_;
};

/// The functions, and where they are in a second column.
std::vector<std::string> FrameLines(const Frames& frames, size_t limit) {
  std::vector<std::string> names;
  size_t width = 0;
  for (const v1::CodeFrame& frame : frames) {
    if (names.size() == limit) break;
    names.push_back(Escape(NameOf(frame)));
    if (!PlaceText(frame).empty()) width = std::max(width, DisplayWidth(names.back()));
  }
  std::vector<std::string> lines;
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string place = PlaceText(frames[static_cast<int>(i)]);
    lines.push_back(place.empty() ? names[i] : names[i] + std::string(width - DisplayWidth(names[i]) + 2, ' ') + place);
  }
  const size_t count = static_cast<size_t>(frames.size());
  if (count > names.size()) lines.push_back(fmt::format("and {} more: -o wide shows them", count - names.size()));
  return lines;
}

std::string TimeText(const google::protobuf::Timestamp& time, WallTime now) {
  return fmt::format("{} ({})", DateTime(ToWall(time)), FormatAge(ToWall(time), now));
}

std::string ContainerLine(const v1::Container& container) {
  std::string line;
  const auto add = [&line](std::string_view what, const std::string& value) {
    if (!value.empty()) line += fmt::format("{}{} {}", line.empty() ? "" : ", ", what, value);
  };
  add("namespace", container.name_space());
  add("pod", container.pod());
  add("container", ContainerText(container));
  return line;
}

std::string ThreadText(const v1::RecursionEvent& event) {
  if (event.tid() == 0 && event.goroutine() == 0) return "";
  if (event.tid() == 0) return fmt::format("goroutine {}", event.goroutine());
  return event.goroutine() == 0 ? fmt::format("{}", event.tid())
                                : fmt::format("{}, goroutine {}", event.tid(), event.goroutine());
}

std::string DepthLine(const v1::RecursionEvent& event) {
  if (event.depth() == 0) return "not known";
  std::string line = FormatCount(event.depth(), "frame");
  if (event.depth_exact()) {
    line += ", exact";
  } else {
    line.insert(0, "about ");
    line += event.has_depth_error() ? " +- " + FormatCount(event.depth_error()) : ", an estimate";
  }
  if (event.positions_verified() == 0) return line;
  return line + fmt::format("; {} of the stack {} looked at", FormatCount(event.positions_verified(), "place"),
                            event.positions_verified() == 1 ? "was" : "were");
}

std::string StackLine(const v1::RecursionEvent& event) {
  if (event.stack_bytes() == 0) return "";
  std::string line = StackText(event);
  if (event.stack_limit_bytes() == 0) return line + ", its limit is not known";
  line += fmt::format(" ({})", FormatShare(event.stack_bytes(), event.stack_limit_bytes()));
  return event.limit_reason().empty() ? line : line + "; limit: " + event.limit_reason();
}

std::string GrowthLine(const v1::RecursionEvent& event) {
  if (!IsActive(event)) return "";
  const std::string growth = GrowthText(event).empty() ? "none" : GrowthText(event);
  const std::optional<std::string> left = LeftText(event);
  return left ? fmt::format("{}, full in about {}", growth, *left) : growth;
}

std::string TriggerText(const std::string& trigger) {
  if (trigger == "sample") return "sample: a tick of the sampler found it";
  if (trigger == "stack_growth") return "stack_growth: the runtime made the stack larger";
  if (trigger == "fatal_error") return "fatal_error: the runtime gave up";
  if (trigger == "fatal_signal") return "fatal_signal: a signal that kills, near the end of the stack";
  if (trigger == "oom_kill") return "oom_kill: the kernel killed the process for its memory";
  return trigger;
}

std::vector<std::string> HistoryLines(const v1::RecursionEvent& event, size_t limit) {
  const size_t count = static_cast<size_t>(event.history_size());
  const size_t skipped = count > limit ? count - limit : 0;
  std::vector<std::string> lines;
  if (skipped > 0) lines.push_back(fmt::format("{} earlier: -o wide shows them", skipped));
  for (size_t i = skipped; i < count; ++i) {
    const v1::RecursionStep& step = event.history(static_cast<int>(i));
    lines.push_back(DateTime(ToWall(step.time())) + "  " + step.what());
  }
  return lines;
}

// Then the root has been shown.
bool EndsWithRoot(const v1::RecursionEvent& event) {
  if (event.root().empty() || event.entry_size() < event.root_size()) return event.root().empty();
  const v1::CodeFrame& last = event.entry(event.entry_size() - 1);
  const v1::CodeFrame& root = event.root(event.root_size() - 1);
  return last.name() == root.name() && last.line() == root.line();
}

}  // namespace

std::vector<std::string> RecursionScreen(const v1::RecursionEvent& event, WallTime now, bool wide) {
  const size_t limit = wide ? SIZE_MAX : kMaxLines;
  Sheet sheet;
  sheet.Add("story", fmt::format("{}, {}, {}", event.id(), event.grade(), event.state()));
  sheet.Add("since", TimeText(event.first_seen(), now));
  sheet.Add("last seen", fmt::format("{}, {} in all", TimeText(event.last_seen(), now),
                                     FormatCount(event.occurrences(), "occurrence")));
  sheet.Add("cycle", FrameLines(event.cycle(), limit));
  sheet.Add("called by", FrameLines(event.entry(), limit));
  if (!EndsWithRoot(event)) sheet.Add("root", FrameLines(event.root(), limit));
  sheet.Add("in", ContainerLine(event.container()));
  sheet.Add("thread", ThreadText(event));
  sheet.Add("stack", StackLine(event));
  sheet.Add("growth", GrowthLine(event));
  sheet.Add("depth", DepthLine(event));
  sheet.Add("map", MapText(event));
  sheet.Add("trigger", TriggerText(event.trigger()));
  sheet.Add("why", event.reason());
  sheet.Add("advice", event.advice());
  sheet.Add("history", HistoryLines(event, limit));
  std::vector<std::string> lines = sheet.Take();
  lines.insert(lines.begin(), {Escape(Verdict(event, now)), ""});
  return lines;
}

}  // namespace profd::profctl
