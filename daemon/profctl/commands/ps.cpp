// `ps`: the processes that profd knows.
#include <fmt/ranges.h>

#include <algorithm>

#include "profctl/answer_text.h"
#include "profctl/client.h"
#include "profctl/commands/commands.h"
#include "profctl/exit_code.h"
#include "profctl/table.h"
#include "profctl/terminal.h"
#include "profctl/time_text.h"

namespace profd::profctl {
namespace {

const std::vector<std::string> kSortKeys{"pid", "command", "runtime", "start"};

using Processes = std::vector<v1::ProcessInfo>;

void Sort(Processes& processes, size_t key) {
  switch (key) {
    case 1: std::ranges::stable_sort(processes, {}, &v1::ProcessInfo::command); break;
    case 2: std::ranges::stable_sort(processes, {}, &v1::ProcessInfo::runtime); break;
    case 3:
      std::ranges::stable_sort(processes, {},
                               [](const v1::ProcessInfo& process) { return ToWall(process.start_time()); });
      break;
    default: break;
  }
}

std::string StartText(const v1::ProcessInfo& process) {
  return process.has_start_time() ? Rfc3339(ToWall(process.start_time())) : "";
}

Table TableOf(const Processes& processes, bool wide) {
  std::vector<Column> columns{{"PID", true}, {"RUNTIME"}, {"SYMBOLS"}, {"NAMESPACE"}, {"POD"}, {"CONTAINER"}};
  if (wide) columns.insert(columns.end(), {{"NS-PIDS"}, {"STARTED"}, {"EXECUTABLE"}});
  columns.push_back({"COMMAND"});
  Table table(std::move(columns));
  for (const v1::ProcessInfo& process : processes) {
    const v1::Container& container = process.container();
    std::vector<std::string> cells{std::to_string(process.pid()), process.runtime(), process.symbols(),
                                   container.name_space(),        container.pod(),   ContainerText(container)};
    if (wide) {
      cells.insert(cells.end(),
                   {fmt::format("{}", fmt::join(process.ns_pids(), ",")), StartText(process), process.executable()});
    }
    cells.push_back(process.command());
    table.Add(std::move(cells));
  }
  return table;
}

Json JsonOf(const Processes& processes) {
  Json list = Json::array();
  for (const v1::ProcessInfo& process : processes) {
    Json ns_pids = Json::array();
    for (const uint32_t pid : process.ns_pids()) ns_pids.push_back(pid);
    list.push_back({{"pid", process.pid()},
                    {"ns_pids", std::move(ns_pids)},
                    {"command", process.command()},
                    {"executable", process.executable()},
                    {"start_time", process.has_start_time() ? Json(StartText(process)) : Json(nullptr)},
                    {"runtime", process.runtime()},
                    {"symbols", process.symbols()},
                    {"container", ContainerJson(process.container())}});
  }
  return {{"schema", "profctl.ps/v1"}, {"processes", std::move(list)}};
}

absl::StatusOr<Processes> Ask(const Options& options) {
  v1::ListProcessesRequest request;
  ASSIGN_OR_RETURN(const size_t sort, SortIndex(options, kSortKeys));
  ASSIGN_OR_RETURN(*request.mutable_selector(), options.Selector());
  ASSIGN_OR_RETURN(const std::unique_ptr<Client> client, Client::Connect(options.address));
  ASSIGN_OR_RETURN(const v1::ListProcessesResponse response, client->ListProcesses(request));
  Processes processes(response.processes().begin(), response.processes().end());
  Sort(processes, sort);
  if (options.limit > 0 && processes.size() > static_cast<size_t>(options.limit)) {
    processes.resize(static_cast<size_t>(options.limit));
  }
  return processes;
}

}  // namespace

int RunPs(const Options& options) {
  const auto processes = Ask(options);
  if (!processes.ok()) return Fail(processes.status());
  if (options.json()) {
    PrintJson(JsonOf(*processes));
  } else {
    PrintLines(TableOf(*processes, options.wide()).Render(), UseColor(options.color));
  }
  return kExitOk;
}

}  // namespace profd::profctl
