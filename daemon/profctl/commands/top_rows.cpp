#include "profctl/commands/top_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <tuple>

#include "profctl/number_text.h"

namespace profd::profctl {
namespace {

constexpr uint64_t kDeepRepeats = 1000;

// The daemon's own order (by CPU, by flat) decides between equals.
template <typename Row, typename Key>
void SortDescending(std::vector<const Row*>& rows, Key key) {
  std::ranges::stable_sort(rows, std::greater(), key);
}

double Percent(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : 100 * static_cast<double>(part) / static_cast<double>(whole);
}

std::string CountOrDash(uint64_t count, bool estimated) {
  return count == 0 ? "-" : (estimated ? "~" : "") + FormatCount(count);
}

std::string Place(const v1::FunctionRow& row) {
  return row.line() > 0 ? fmt::format("{}:{}", row.file(), row.line()) : row.file();
}

using ProgramName = std::tuple<std::string, std::string, std::string>;  // command, container, pod
ProgramName NameOf(const v1::ProcessRow& row) {
  const v1::ProcessInfo& process = row.process();
  return {process.command(), process.container().id(), process.container().pod()};
}

int Urgency(const std::string& state) {
  return state == "RUNAWAY" ? 3 : state == "growing" ? 2 : state.empty() ? 0 : 1;
}

void Add(const v1::ProcessRow& row, v1::ProcessRow& sum) {
  if (Urgency(row.state()) > Urgency(sum.state())) sum.set_state(row.state());
  sum.set_cpu_percent(sum.cpu_percent() + row.cpu_percent());
  sum.set_samples(sum.samples() + row.samples());
  sum.set_deepest_stack_bytes(std::max(sum.deepest_stack_bytes(), row.deepest_stack_bytes()));
  if (row.deepest_frames() <= sum.deepest_frames()) return;
  sum.set_deepest_frames(row.deepest_frames());
  sum.set_deepest_estimated(row.deepest_estimated());
}

}  // namespace

void MergeEnded(v1::TopResponse& response) {
  std::map<ProgramName, std::vector<const v1::ProcessRow*>> ended;
  for (const v1::ProcessRow& row : response.processes()) {
    if (row.exited()) ended[NameOf(row)].push_back(&row);
  }
  google::protobuf::RepeatedPtrField<v1::ProcessRow> merged;
  for (const v1::ProcessRow& row : response.processes()) {
    if (!row.exited() || ended[NameOf(row)].size() < 2) *merged.Add() = row;
  }
  for (const auto& [name, rows] : ended) {
    if (rows.size() < 2) continue;
    v1::ProcessRow& sum = *merged.Add();
    for (const v1::ProcessRow* row : rows) Add(*row, sum);
    *sum.mutable_process()->mutable_container() = rows.front()->process().container();
    const std::string& command = std::get<0>(name);
    sum.mutable_process()->set_command(
        fmt::format("{} ({} that exited)", command.empty() ? "[unknown]" : command, FormatCount(rows.size())));
  }
  std::ranges::stable_sort(merged, std::greater(), &v1::ProcessRow::cpu_percent);
  response.mutable_processes()->Swap(&merged);
}

ProcessRows SortedProcesses(const v1::TopResponse& response, size_t sort) {
  ProcessRows rows;
  for (const v1::ProcessRow& row : response.processes()) {
    if (row.cpu_percent() > 0 || row.samples() > 0 || response.processes_size() == 1) rows.push_back(&row);
  }
  switch (sort) {
    case 1: SortDescending(rows, [](const v1::ProcessRow* row) { return row->samples(); }); break;
    case 2: SortDescending(rows, [](const v1::ProcessRow* row) { return row->deepest_frames(); }); break;
    case 3: SortDescending(rows, [](const v1::ProcessRow* row) { return row->deepest_stack_bytes(); }); break;
    case 4: std::ranges::stable_sort(rows, {}, [](const v1::ProcessRow* row) { return row->process().pid(); }); break;
    case 5:
      std::ranges::stable_sort(rows, {}, [](const v1::ProcessRow* row) { return row->process().command(); });
      break;
    default: break;
  }
  return rows;
}

FunctionRows SortedFunctions(const v1::TopResponse& response, size_t sort) {
  FunctionRows rows;
  for (const v1::FunctionRow& row : response.functions()) rows.push_back(&row);
  switch (sort) {
    case 1: SortDescending(rows, [](const v1::FunctionRow* row) { return row->cum(); }); break;
    case 2: SortDescending(rows, [](const v1::FunctionRow* row) { return row->max_repeats(); }); break;
    case 3: std::ranges::stable_sort(rows, {}, [](const v1::FunctionRow* row) { return row->name(); }); break;
    default: break;
  }
  return rows;
}

Table ProcessTable(const ProcessRows& rows, size_t count, bool wide) {
  std::vector<Column> columns{{"PID", true},    {"CPU%", true},  {"SAMPLES", true},
                              {"FRAMES", true}, {"STACK", true}, {"STATE"}};
  if (wide) {
    for (const char* title : {"RUNTIME", "SYMBOLS", "NAMESPACE", "POD", "CONTAINER"}) columns.push_back({title});
  }
  columns.push_back({"COMMAND"});
  Table table(std::move(columns));
  for (size_t i = 0; i < count; ++i) {
    const v1::ProcessRow& row = *rows[i];
    const v1::ProcessInfo& process = row.process();
    const uint64_t bytes = row.deepest_stack_bytes();
    std::vector<std::string> cells{process.pid() == 0 ? "-" : std::to_string(process.pid()),
                                   fmt::format("{:.1f}", row.cpu_percent()),
                                   FormatCount(row.samples()),
                                   CountOrDash(row.deepest_frames(), row.deepest_estimated()),
                                   bytes == 0 ? "-" : FormatBytes(bytes),
                                   row.state().empty() ? "-" : row.state()};
    if (wide) {
      const v1::Container& container = process.container();
      cells.insert(cells.end(), {process.runtime(), process.symbols(), container.name_space(), container.pod(),
                                 ContainerText(container)});
    }
    cells.push_back(process.command() + (row.exited() ? " (exited)" : ""));
    table.Add(std::move(cells));
  }
  return table;
}

Table FunctionTable(const FunctionRows& rows, size_t count, uint64_t samples, bool wide) {
  std::vector<Column> columns{{"FLAT", true}, {"FLAT%", true},   {"SUM%", true}, {"CUM", true},
                              {"CUM%", true}, {"REPEATS", true}, {"FUNCTION"}};
  if (wide) columns.push_back({"FILE"});
  Table table(std::move(columns));
  uint64_t sum = 0;
  for (size_t i = 0; i < count; ++i) {
    const v1::FunctionRow& row = *rows[i];
    sum += row.flat();
    table.Add({FormatCount(row.flat()), FormatShare(row.flat(), samples), FormatShare(sum, samples),
               FormatCount(row.cum()), FormatShare(row.cum(), samples),
               CountOrDash(row.max_repeats(), row.max_repeats_estimated()), row.name(), Place(row)});
  }
  return table;
}

std::string DeepestRepeat(const FunctionRows& rows) {
  const auto deepest =
      std::ranges::max_element(rows, {}, [](const v1::FunctionRow* row) { return row->max_repeats(); });
  if (deepest == rows.end() || (*deepest)->max_repeats() < kDeepRepeats) return "";
  return fmt::format("deep recursion: {} stands {} times on the deepest stack", (*deepest)->name(),
                     ((*deepest)->max_repeats_estimated() ? "about " : "") + FormatCount((*deepest)->max_repeats()));
}

Json ProcessJson(const v1::ProcessRow& row) {
  return {{"pid", row.process().pid()},
          {"command", row.process().command()},
          {"cpu_percent", row.cpu_percent()},
          {"samples", row.samples()},
          {"deepest_frames", row.deepest_frames()},
          {"deepest_estimated", row.deepest_estimated()},
          {"deepest_stack_bytes", row.deepest_stack_bytes()},
          {"state", row.state()},
          {"exited", row.exited()},
          {"runtime", row.process().runtime()},
          {"container", ContainerJson(row.process().container())}};
}

Json FunctionJson(const v1::FunctionRow& row, uint64_t samples) {
  return {{"name", row.name()},
          {"file", row.file()},
          {"line", row.line()},
          {"flat", row.flat()},
          {"flat_percent", Percent(row.flat(), samples)},
          {"cum", row.cum()},
          {"cum_percent", Percent(row.cum(), samples)},
          {"max_repeats", row.max_repeats()},
          {"max_repeats_estimated", row.max_repeats_estimated()}};
}

}  // namespace profd::profctl
