// `status`: how the daemon is, what it costs and what it lost.
#include <fmt/format.h>

#include "profctl/answer_text.h"
#include "profctl/client.h"
#include "profctl/commands/commands.h"
#include "profctl/escape.h"
#include "profctl/exit_code.h"
#include "profctl/number_text.h"
#include "profctl/table.h"
#include "profctl/terminal.h"
#include "profctl/time_text.h"

namespace profd::profctl {
namespace {

double Seconds(const google::protobuf::Duration& length) {
  return std::chrono::duration<double>(ToNanoseconds(length)).count();
}

std::string Mean(double nanoseconds) { return nanoseconds > 0 ? fmt::format("{:.2f} us", nanoseconds / 1000) : "-"; }

double OwnCpuPercent(const v1::GetStatusResponse& status) {
  const double uptime = Seconds(status.uptime());
  return uptime > 0 ? 100 * Seconds(status.cpu()) / uptime : 0;
}

void PrintHeading(const v1::GetStatusResponse& status) {
  fmt::print("profd {}, up {}, sampling {} CPUs at {} Hz\n", Escape(status.version()),
             FormatDuration(ToNanoseconds(status.uptime())), status.cpus(), status.sample_hz());
  fmt::print("itself: {:.2f}% of a CPU ({:.2f} s, {:.2f} s of it until ready), {} of memory; workers: {:.2f} s\n",
             OwnCpuPercent(status), Seconds(status.cpu()), Seconds(status.cpu_until_ready()),
             FormatBytes(status.rss_bytes()), Seconds(status.workers_cpu()));
  fmt::print("knows {} processes, stores {} of history\n", FormatCount(status.processes()),
             FormatBytes(status.store_bytes()));
  if (!status.probe_mechanism().empty()) {
    fmt::print("probes: {}, by {}, {:.2f} us a hit\n", status.probes_on() ? "on" : "off",
               Escape(status.probe_mechanism()), Seconds(status.probe_trap_cost()) * 1e6);
  }
  if (status.has_map_windows()) {
    const v1::MapWindows& maps = status.map_windows();
    uint64_t windows = 0;
    for (const auto& [reason, count] : maps.windows()) windows += count;
    const std::string breakpoint =
        maps.has_breakpoint_cost() ? fmt::format(" and {:.2f}", Seconds(maps.breakpoint_cost()) * 1e6) : "";
    fmt::print(
        "map probes: by {}, {:.2f}{} us a hit; {} with {} took {} of other programs' time (worst {}), of {} that they "
        "may\n",
        Escape(maps.mechanism()), Seconds(maps.trap_cost()) * 1e6, breakpoint, FormatCount(windows, "window"),
        FormatCount(maps.hits(), "hit"), FormatDuration(ToNanoseconds(maps.cost())),
        FormatDuration(ToNanoseconds(maps.worst())), FormatDuration(ToNanoseconds(maps.budget())));
  }
  if (status.http_address().empty()) {
    fmt::print("HTTP: off\n");
  } else {
    fmt::print("HTTP: {}, token in {}\n", Escape(status.http_address()), Escape(status.http_token_file()));
  }
}

Table Outcomes(const v1::GetStatusResponse& status, bool wide) {
  uint64_t total = 0;
  for (const auto& outcome : status.outcomes()) total += outcome.count();
  Table table({{"TICKS", true}, {"SHARE", true}, {"OUTCOME"}, {"MEANING"}});
  for (const auto& outcome : status.outcomes()) {
    if (outcome.count() == 0 && outcome.kind() != "recorded" && !wide) continue;
    table.Add(
        {FormatCount(outcome.count()), FormatShare(outcome.count(), total), outcome.outcome(), outcome.explanation()});
  }
  return table;
}

Table Probes(const v1::GetStatusResponse& status) {
  Table table({{"HITS", true}, {"COST", true}, {"GO"}, {"PROBES"}, {"BINARY"}});
  for (const auto& probe : status.probes()) {
    const bool told = probe.hits() > 0;
    table.Add({told ? FormatCount(probe.hits()) : "-", told ? FormatDuration(ToNanoseconds(probe.cost())) : "-",
               probe.go_version(), probe.state(), probe.path()});
  }
  return table;
}

// Where a hit is as cheap as told above.
Table MapPlacements(const v1::GetStatusResponse& status) {
  Table table({{"AT ENTRY", true}, {"BEHIND", true}, {"REFUSED", true}, {"MAP FUNCTIONS OF"}});
  for (const auto& placement : status.map_windows().placements()) {
    table.Add({FormatCount(placement.at_entry()), FormatCount(placement.behind_entry()),
               FormatCount(placement.refused()), placement.path()});
  }
  return table;
}

Table Programs(const v1::GetStatusResponse& status) {
  Table table({{"RUNS", true}, {"MEAN", true}, {"RECORDED", true}, {"VERIFIED", true}, {"PROGRAM"}});
  for (const auto& program : status.programs()) {
    table.Add({FormatCount(program.runs()), Mean(program.mean_ns()), Mean(program.recorded_mean_ns()),
               FormatCount(program.verified_instructions()), program.name()});
  }
  return table;
}

Table Maps(const v1::GetStatusResponse& status) {
  Table table({{"ENTRIES", true}, {"OF", true}, {"FULL", true}, {"MAP"}});
  for (const auto& map : status.maps()) {
    table.Add({FormatCount(map.entries()), FormatCount(map.max_entries()),
               FormatShare(map.entries(), map.max_entries()), map.name()});
  }
  return table;
}

Table Queues(const v1::GetStatusResponse& status) {
  Table table({{"WAITING", true}, {"DROPPED", true}, {"QUEUE"}});
  for (const auto& queue : status.queues()) {
    table.Add({FormatCount(queue.size()), FormatCount(queue.dropped()), queue.name()});
  }
  return table;
}

Table Analyses(const v1::GetStatusResponse& status) {
  Table table({{"COUNT", true}, {"OBJECT ANALYSES"}});
  for (const auto& counter : status.analyses()) table.Add({FormatCount(counter.count()), counter.name()});
  return table;
}

Table Losses(const v1::GetStatusResponse& status, bool wide) {
  Table table({{"COUNT", true}, {"LOSS"}, {"MEANING"}});
  for (const auto& loss : status.losses()) {
    if (loss.count() > 0 || wide) table.Add({FormatCount(loss.count()), loss.name(), loss.explanation()});
  }
  return table;
}

void PrintTables(const v1::GetStatusResponse& status, const Options& options) {
  const bool color = UseColor(options.color);
  for (const Table& table : {Outcomes(status, options.wide()), Programs(status), Maps(status), Queues(status),
                             Probes(status), MapPlacements(status), Analyses(status), Losses(status, options.wide())}) {
    const std::vector<std::string> lines = table.Render();
    if (lines.size() == 1) continue;
    fmt::print("\n");
    PrintLines(lines, color);
  }
}

Json KernelSideJson(const v1::GetStatusResponse& status) {
  Json json{
      {"programs", Json::array()}, {"maps", Json::array()}, {"queues", Json::array()}, {"outcomes", Json::array()}};
  for (const auto& outcome : status.outcomes()) {
    json["outcomes"].push_back({{"outcome", outcome.outcome()}, {"kind", outcome.kind()}, {"count", outcome.count()}});
  }
  for (const auto& program : status.programs()) {
    json["programs"].push_back({{"name", program.name()},
                                {"runs", program.runs()},
                                {"mean_ns", program.mean_ns()},
                                {"recorded_mean_ns", program.recorded_mean_ns()},
                                {"verified_instructions", program.verified_instructions()}});
  }
  for (const auto& map : status.maps()) {
    json["maps"].push_back({{"name", map.name()}, {"entries", map.entries()}, {"max_entries", map.max_entries()}});
  }
  for (const auto& queue : status.queues()) {
    json["queues"].push_back({{"name", queue.name()}, {"size", queue.size()}, {"dropped", queue.dropped()}});
  }
  return json;
}

Json MapWindowsJson(const v1::MapWindows& windows) {
  Json reasons = Json::object();
  for (const auto& [reason, count] :
       std::map<std::string, uint64_t>(windows.windows().begin(), windows.windows().end())) {
    reasons[reason] = count;
  }
  Json placements = Json::array();
  for (const auto& placement : windows.placements()) {
    placements.push_back({{"path", placement.path()},
                          {"at_entry", placement.at_entry()},
                          {"behind_entry", placement.behind_entry()},
                          {"refused", placement.refused()}});
  }
  return {{"mechanism", windows.mechanism()},
          {"placements", std::move(placements)},
          {"trap_cost_ns", ToNanoseconds(windows.trap_cost()).count()},
          {"breakpoint_cost_ns",
           windows.has_breakpoint_cost() ? Json(ToNanoseconds(windows.breakpoint_cost()).count()) : Json(nullptr)},
          {"windows", std::move(reasons)},
          {"failed", windows.failed()},
          {"hits", windows.hits()},
          {"cost_ns", ToNanoseconds(windows.cost()).count()},
          {"worst_ns", ToNanoseconds(windows.worst()).count()},
          {"budget_ns", ToNanoseconds(windows.budget()).count()}};
}

Json JsonOf(const v1::GetStatusResponse& status) {
  Json json{{"schema", "profctl.status/v1"},
            {"version", status.version()},
            {"start_time", Rfc3339(ToWall(status.start_time()))},
            {"uptime_seconds", Seconds(status.uptime())},
            {"sample_hz", status.sample_hz()},
            {"cpus", status.cpus()},
            {"cpu_seconds", Seconds(status.cpu())},
            {"cpu_percent", OwnCpuPercent(status)},
            {"cpu_until_ready_seconds", Seconds(status.cpu_until_ready())},
            {"workers_cpu_seconds", Seconds(status.workers_cpu())},
            {"rss_bytes", status.rss_bytes()},
            {"store_bytes", status.store_bytes()},
            {"processes", status.processes()},
            {"http_address", status.http_address()},
            {"http_token_file", status.http_token_file()},
            {"analyses", Json::object()},
            {"losses", Json::object()}};
  for (const auto& counter : status.analyses()) json["analyses"][counter.name()] = counter.count();
  for (const auto& loss : status.losses()) json["losses"][loss.name()] = loss.count();
  if (status.has_map_windows()) json["map_windows"] = MapWindowsJson(status.map_windows());
  json["probes"] = {{"on", status.probes_on()},
                    {"mechanism", status.probe_mechanism()},
                    {"trap_cost_ns", ToNanoseconds(status.probe_trap_cost()).count()},
                    {"binaries", Json::array()}};
  for (const auto& probe : status.probes()) {
    json["probes"]["binaries"].push_back({{"path", probe.path()},
                                          {"go_version", probe.go_version()},
                                          {"state", probe.state()},
                                          {"hits", probe.hits()},
                                          {"cost_ns", ToNanoseconds(probe.cost()).count()}});
  }
  json.update(KernelSideJson(status));
  return json;
}

}  // namespace

int RunStatus(const Options& options) {
  const auto client = Client::Connect(options.address);
  if (!client.ok()) return Fail(client.status());
  const auto status = (*client)->GetStatus();
  if (!status.ok()) return Fail(status.status());
  if (options.json()) {
    PrintJson(JsonOf(*status));
    return kExitOk;
  }
  PrintHeading(*status);
  PrintTables(*status, options);
  return kExitOk;
}

}  // namespace profd::profctl
