#include "profctl/commands/recursion_rows.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <functional>

#include "profctl/answer_text.h"
#include "profctl/escape.h"
#include "profctl/number_text.h"
#include "profctl/recursion_text.h"
#include "profctl/time_text.h"

namespace profd::profctl {
namespace {

constexpr size_t kNamedIds = 5;  // of those that an ambiguous beginning may mean

std::string CountOrDash(uint64_t count) { return count == 0 ? "-" : std::to_string(count); }

std::string DepthText(const v1::RecursionEvent& event) {
  return event.depth() == 0 ? "-" : (event.depth_exact() ? "" : "~") + FormatCount(event.depth());
}

std::string OrDash(std::string text) { return text.empty() ? "-" : text; }

/// `shop/web-0/app`, what is known of it.
std::string WhereText(const v1::Container& container) {
  std::vector<std::string> parts{container.name_space(), container.pod(), ContainerText(container)};
  std::erase(parts, "");
  return fmt::format("{}", fmt::join(parts, "/"));
}

}  // namespace

const std::vector<std::string>& RecursionSortKeys() {
  static const std::vector<std::string> keys{"seen", "grade", "depth", "stack", "count"};
  return keys;
}

void SortRecursion(RecursionEvents& events, size_t key) {
  switch (key) {
    case 1: std::ranges::stable_sort(events, std::greater(), GradeRank); break;
    case 2: std::ranges::stable_sort(events, std::greater(), &v1::RecursionEvent::depth); break;
    case 3: std::ranges::stable_sort(events, std::greater(), &v1::RecursionEvent::stack_bytes); break;
    case 4: std::ranges::stable_sort(events, std::greater(), &v1::RecursionEvent::occurrences); break;
    default:
      std::ranges::stable_sort(events, std::greater(),
                               [](const v1::RecursionEvent& event) { return ToWall(event.last_seen()); });
      break;
  }
}

Table RecursionTable(const RecursionEvents& events, WallTime now, bool wide) {
  std::vector<Column> columns{{"ID"},         {"STATE"},           {"GRADE"},       {"PID", true},
                              {"COMMAND"},    {"DEPTH", true},     {"STACK", true}, {"GROWTH", true},
                              {"LEFT", true}, {"LAST SEEN", true}, {"COUNT", true}};
  if (wide) {
    columns.insert(columns.end(),
                   {{"NAMESPACE"}, {"POD"}, {"CONTAINER"}, {"TID", true}, {"GOROUTINE", true}, {"TRIGGER"}});
  }
  columns.push_back({"CYCLE"});
  Table table(std::move(columns));
  for (const v1::RecursionEvent& event : events) {
    std::vector<std::string> cells{event.id(),
                                   event.state(),
                                   event.grade(),
                                   CountOrDash(event.pid()),
                                   event.command(),
                                   DepthText(event),
                                   StackText(event),
                                   OrDash(GrowthText(event)),
                                   LeftText(event).value_or("-"),
                                   FormatAge(ToWall(event.last_seen()), now),
                                   FormatCount(event.occurrences())};
    if (wide) {
      const v1::Container& container = event.container();
      cells.insert(cells.end(), {container.name_space(), container.pod(), ContainerText(container),
                                 CountOrDash(event.tid()), CountOrDash(event.goroutine()), event.trigger()});
    }
    cells.push_back(CycleText(event, !wide));
    table.Add(std::move(cells));
  }
  return table;
}

std::string WatchLine(const v1::RecursionEvent& event, WallTime now, bool wide) {
  std::string line = fmt::format("{}  {}  {}", ClockTime(ToWall(event.last_seen())), event.id(), Verdict(event, now));
  if (wide) {
    if (const std::string where = WhereText(event.container()); !where.empty()) line += fmt::format(" [{}]", where);
    line += fmt::format(" [{}, {}, by {}]", event.grade(), event.state(), event.trigger());
  }
  return Escape(line);
}

absl::StatusOr<v1::RecursionEvent> FindRecursion(const RecursionEvents& events, std::string_view id) {
  std::vector<std::string> ids;
  const v1::RecursionEvent* found = nullptr;
  for (const v1::RecursionEvent& event : events) {
    if (event.id() == id) return event;
    if (!event.id().starts_with(id)) continue;
    found = &event;
    if (ids.size() < kNamedIds) ids.push_back(event.id());
  }
  if (found == nullptr) {
    return Error(absl::StatusCode::kFailedPrecondition,
                 "no recursion story has the id '{}': 'profctl recursion list' shows them with their ids", id);
  }
  if (ids.size() > 1) {
    return Error(absl::StatusCode::kFailedPrecondition,
                 "several recursion stories have ids that begin with '{}': {}. "
                 "Give more of it",
                 id, fmt::join(ids, ", "));
  }
  return *found;
}

}  // namespace profd::profctl
