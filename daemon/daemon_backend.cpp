#include "daemon_backend.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/version.h"
#include "process/proc_maps.h"

namespace profd {
namespace {

constexpr size_t kMaxMapsBytes = 1 << 20;

std::chrono::nanoseconds CpuOf(__rusage_who who) {
  rusage usage{};
  getrusage(who, &usage);
  auto of = [](const timeval& time) {
    return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

void AddOwnMemory(DaemonStatus& status) {
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  std::ifstream statm("/proc/self/statm");
  uint64_t total = 0, resident = 0;
  statm >> total >> resident;
  status.virtual_bytes = total * page;
  status.rss_bytes = resident * page;
}

ProgramStatus ToStatus(const ProgramStats& stats) {
  ProgramStatus status;
  status.name = stats.name;
  status.runs = stats.runs;
  status.verified_instructions = stats.verified_instructions;
  if (stats.runs) status.mean_ns = static_cast<double>(stats.total.count()) / stats.runs;
  if (stats.recorded_runs) status.recorded_mean_ns = static_cast<double>(stats.recorded.count()) / stats.recorded_runs;
  return status;
}

}  // namespace

DaemonBackend::DaemonBackend(const Config& config, const Clock* clock, const ProfileStore* store,
                             std::vector<Check> checks)
    : config_(config),
      clock_(clock),
      store_(store),
      checks_(std::move(checks)),
      start_boot_(clock->Boot()),
      start_wall_(clock->Wall()) {}

void DaemonBackend::Attach(const DaemonParts& parts) {
  parts_ = parts;
  cpu_until_ready_ = CpuOf(RUSAGE_SELF);
  ready_ = true;
}

void DaemonBackend::AttachRecursion(const RecursionDetection& recursion) {
  recursion_ = recursion;
  detects_ = true;
}

void DaemonBackend::SetHttpAddress(std::string address) {
  const std::lock_guard lock(http_mutex_);
  http_address_ = std::move(address);
}

void DaemonBackend::Detach() {
  detects_ = false;
  ready_ = false;
}

void DaemonBackend::AddUsers(const GoDetail& detail, int change) {
  const std::lock_guard lock(detail_mutex_);
  if (detail.goroutine) goroutine_users_ += change;
  if (detail.labels) label_users_ += change;
  if (!ready()) return;
  parts_.sampler->NoteGoroutines(goroutine_users_ > 0);
  parts_.sampler->NoteLabels(label_users_ > 0);
}

std::shared_ptr<void> DaemonBackend::Note(const GoDetail& detail) {
  AddUsers(detail, 1);
  return {this, [detail](DaemonBackend* backend) { backend->AddUsers(detail, -1); }};
}

absl::StatusOr<WallTime> DaemonBackend::Flip() {
  if (!ready()) return Error(absl::StatusCode::kUnavailable, "profd is not sampling: it starts or stops");
  return parts_.pipeline->Flip();
}

std::vector<ProcessListEntry> DaemonBackend::Processes() const {
  std::vector<ProcessListEntry> entries;
  if (!ready()) return entries;
  for (Resolver::KnownProcess& known : parts_.pipeline->Processes()) {
    ProcessListEntry entry;
    if (known.executable_file) {
      SymbolsState state = parts_.symbolizer->StateOf(*known.executable_file);
      entry.runtime = std::move(state.runtime);
      entry.symbols = std::move(state.symbols);
    }
    entry.process = std::move(known.details.process);
    entry.executable = std::move(known.details.executable);
    entry.ns_pids = std::move(known.details.ns_pids);
    entries.push_back(std::move(entry));
  }
  return entries;
}

void DaemonBackend::ExplainMissingSymbols(std::vector<ProcessListEntry>& entries) const {
  for (ProcessListEntry& entry : entries) {
    if (!entry.symbols.empty() && entry.symbols != "none") continue;
    const auto maps = proc_.Read(fmt::format("{}/maps", entry.process.pid), kMaxMapsBytes);
    if (!maps.ok() || !CodeHasNoFile(*maps)) continue;
    entry.symbols = "none: its code is in no file; it is packed (UPX) or was made at run time";
  }
}

std::vector<RecursionEvent> DaemonBackend::Recursion() const {
  if (!ready()) return {};
  // Until it is looked for there is what was.
  return detects_ ? recursion_.stage->Events() : parts_.outlet->loaded();
}

std::shared_ptr<void> DaemonBackend::WatchRecursion(std::function<void(const RecursionEvent&)> sink) {
  if (!ready()) return nullptr;
  return parts_.outlet->Watch(std::move(sink));
}

absl::StatusOr<bool> DaemonBackend::SetProbes(bool on) {
  if (!detects_) return Error(absl::StatusCode::kUnavailable, "profd has no probes yet: it starts or stops");
  const bool before = recursion_.probes->enabled();
  recursion_.probes->SetEnabled(on);
  if (recursion_.maps) recursion_.maps->SetEnabled(on);
  return before;
}

MapAnswer DaemonBackend::MapSites(const Process& process) {
  MapAnswer answer;
  if (!detects_) {
    answer.why_not = "profd has no probes yet: it starts or stops";
  } else if (recursion_.maps == nullptr) {
    answer.why_not = "maps cannot be probed on this machine: profd's log says why";
  } else {
    answer = recursion_.maps->MapsOf(process);
  }
  return answer;
}

std::vector<ProcessMapRate> DaemonBackend::MapRates() const {
  std::vector<ProcessMapRate> rates;
  if (!ready() || !detects_ || recursion_.maps == nullptr) return rates;
  const std::map<ProcessId, MapRate> by_id = recursion_.maps->Rates();
  if (by_id.empty()) return rates;
  for (Resolver::KnownProcess& known : parts_.pipeline->Processes()) {
    const auto rate = by_id.find(IdOf(known.details.process));
    if (rate != by_id.end()) rates.push_back({std::move(known.details.process), rate->second});
  }
  return rates;
}

bool DaemonBackend::ProcessExists(uint32_t pid) const {
  struct stat status {};
  return stat(fmt::format("/proc/{}", pid).c_str(), &status) == 0;
}

void DaemonBackend::AddKernelStatus(DaemonStatus& status) const {
  status.cpu_until_ready = cpu_until_ready_;
  status.cpus = static_cast<uint32_t>(parts_.sampler->cpus());
  status.outcomes = parts_.pipeline->Outcomes();
  status.programs.push_back(ToStatus(parts_.sampler->Stats()));
  for (const ProgramStats& stats : parts_.monitor->Stats()) status.programs.push_back(ToStatus(stats));
  for (const MapFill& fill : parts_.sampler->MapFills()) {
    status.maps.push_back({.name = fill.name, .entries = fill.entries, .max_entries = fill.max_entries});
  }
  for (const Pipeline::QueueState& queue : parts_.pipeline->Queues()) {
    status.queues.push_back({.name = queue.name, .size = queue.size, .dropped = queue.dropped});
  }
  status.queues.push_back({.name = "process_events", .size = 0, .dropped = parts_.monitor->lost_events()});
  status.queues.push_back({.name = "mapping_events", .size = 0, .dropped = parts_.monitor->lost_mappings()});
  const AnalyzerCounters counters = parts_.analyzer->counters();
  status.analyses = {{"ok", counters.ok},
                     {"refused", counters.refused},
                     {"crashed", counters.crashed},
                     {"timed_out", counters.timed_out},
                     {"backed_off", counters.backed_off},
                     {"launch_failed", counters.launch_failed}};
  status.analysis_seconds = counters.seconds;
  status.processes = static_cast<uint32_t>(parts_.pipeline->process_count());
}

void DaemonBackend::AddProbes(DaemonStatus& status) const {
  for (const ProgramStats& stats : recursion_.tripwires->Stats()) status.programs.push_back(ToStatus(stats));
  status.probes_on = recursion_.probes->enabled();
  status.probe_mechanism = recursion_.tripwires->mechanism();
  status.probe_trap_cost = recursion_.tripwires->trap_cost();
  if (recursion_.maps) {
    recursion_.maps->AddStatus(status);
    for (const ProgramStats& stats : recursion_.maps->Programs()) status.programs.push_back(ToStatus(stats));
  }
  for (const ProbedBinary& binary : recursion_.probes->List()) {
    status.probes.push_back({.path = binary.path,
                             .version = binary.version,
                             .state = binary.state,
                             .hits = binary.hits,
                             .cost = binary.cost});
  }
  status.losses.push_back({"stack_readings_lost", "looks at stacks that may recurse, lost for lack of room",
                           recursion_.tripwires->lost_readings()});
  status.losses.push_back({"recursion_writes_dropped",
                           "changes of recursion stories that are not on disk: it is slow, full or not writable",
                           parts_.outlet->dropped()});
}

void DaemonBackend::AddLosses(DaemonStatus& status) const {
  const SymbolizerCounters symbols = parts_.symbolizer->counters();
  status.losses = {
      {"processes_evicted", "programs forgotten early: too many at once, or too many execs of one process",
       parts_.pipeline->evicted_processes()},
      {"mappings_dropped", "executable mappings not recorded: one process, or all together, had too many",
       parts_.pipeline->dropped_mappings()},
      {"addresses_unanswered", "addresses without a name because their file could not be asked about",
       symbols.unanswered},
      {"file_open_failures", "mapped files that could not be opened", symbols.open_failures},
      {"object_failures", "times that a file was refused, or its worker died or was too slow", symbols.failed_objects},
  };
}

DaemonStatus DaemonBackend::Status() const {
  DaemonStatus status;
  status.version = Version();
  status.start_time = start_wall_;
  status.uptime = clock_->Boot() - start_boot_;
  status.sample_hz = config_.sample_hz;
  status.cpu = CpuOf(RUSAGE_SELF);
  status.workers_cpu = CpuOf(RUSAGE_CHILDREN);
  AddOwnMemory(status);
  status.checks = checks_;
  status.store_bytes = store_->bytes() + (ready() ? parts_.outlet->store_bytes() : 0);
  {
    const std::lock_guard lock(http_mutex_);
    status.http_address = http_address_;
  }
  status.http_token_file = config_.http.empty() ? "" : config_.http_token_file;
  if (!ready()) return status;
  status.cpu += parts_.holder->cpu_time();
  AddKernelStatus(status);
  AddLosses(status);
  if (detects_) AddProbes(status);
  return status;
}

}  // namespace profd
