#include "profctl/commands/top_view.h"

#include <algorithm>

#include "profctl/commands/top_rows.h"
#include "profctl/escape.h"
#include "profctl/recursion_json.h"
#include "profctl/table.h"

namespace profd::profctl {
namespace {

size_t Shown(size_t rows, const TopView& view) { return view.limit == 0 ? rows : std::min(rows, view.limit); }

}  // namespace

const std::vector<std::string>& SortKeys(bool functions) {
  static const std::vector<std::string> of_processes{"cpu", "samples", "frames", "stack", "pid", "command"};
  static const std::vector<std::string> of_functions{"flat", "cum", "repeats", "name"};
  return functions ? of_functions : of_processes;
}

TopText RenderTop(const v1::TopResponse& response, const TopView& view) {
  TopText text;
  std::string about = WindowText(response.window(), response.samples());
  if (response.has_process()) about = ProcessText(response.process()) + ", " + about;
  text.heading.push_back({Escape(about)});
  const std::vector<HeadingLine> banner = RecursionBanner(response);
  text.heading.insert(text.heading.end(), banner.begin(), banner.end());
  if (view.functions) {
    const auto rows = SortedFunctions(response, view.sort);
    const std::string deep = banner.empty() ? DeepestRepeat(rows) : "";
    if (!deep.empty()) text.heading.push_back({Escape(deep), true});
    if (rows.empty()) text.heading.push_back({"no samples: it used no CPU, is excluded, or is a kernel thread"});
    text.table = FunctionTable(rows, Shown(rows.size(), view), response.samples(), view.wide).Render(view.max_width);
    text.hidden = rows.size() - Shown(rows.size(), view);
  } else {
    v1::TopResponse merged = response;
    MergeEnded(merged);
    const auto rows = SortedProcesses(merged, view.sort);
    text.table = ProcessTable(rows, Shown(rows.size(), view), view.wide).Render(view.max_width);
    text.hidden = rows.size() - Shown(rows.size(), view);
  }
  for (HeadingLine& line : text.heading) {
    if (view.max_width > 0) line.text = Truncate(line.text, view.max_width);
  }
  return text;
}

Json TopJson(const v1::TopResponse& response, const TopView& view) {
  Json json{{"schema", view.functions ? "profctl.top/v1" : "profctl.top_processes/v1"}};
  if (view.functions) {
    json["pid"] = response.process().pid();
    json["command"] = response.process().command();
  }
  AddWindow(response.window(), response.samples(), json);
  Json& list = json[view.functions ? "functions" : "processes"] = Json::array();
  if (view.functions) {
    const auto rows = SortedFunctions(response, view.sort);
    for (size_t i = 0; i < Shown(rows.size(), view); ++i) list.push_back(FunctionJson(*rows[i], response.samples()));
  } else {
    const auto rows = SortedProcesses(response, view.sort);
    for (size_t i = 0; i < Shown(rows.size(), view); ++i) list.push_back(ProcessJson(*rows[i]));
  }
  Json& recursion = json["recursion"] = Json::array();
  for (const v1::RecursionEvent& event : response.recursion()) recursion.push_back(RecursionJson(event));
  return json;
}

}  // namespace profd::profctl
