#include "daemon.h"

#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <optional>

#include "api/api_server.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "daemon_backend.h"
#include "export/prometheus_collector.h"
#include "kernel/features.h"
#include "kernel/process_monitor.h"
#include "kernel/sampler.h"
#include "kernel/tripwires.h"
#include "pipeline/pipeline.h"
#include "pipeline/recursion_stage.h"
#include "probes/price.h"
#include "probes/probe_keeper.h"
#include "process/cpu_time.h"
#include "process/proc_fs.h"
#include "profile/sample_outcome.h"
#include "storage/event_store.h"
#include "storage/profile_store.h"
#include "symbols/symbolizer.h"
#include "worker/worker_pool.h"

namespace profd {
namespace {

// Twenty minutes of an ordinary machine; an hour at most.
constexpr uint64_t kHistoryBytes = 8 << 20;
constexpr std::chrono::hours kHistoryAge{1};
constexpr size_t kCachedAddresses = 65536;
constexpr size_t kKeptStories = 1000;

absl::Status MakeDirectory(const std::string& path) {
  if (mkdir(path.c_str(), 0750) == 0 || errno == EEXIST) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "cannot make the data directory {}: {}", path, ErrnoText(errno));
}

void LogError(const absl::Status& status) { spdlog::warn("{}", Message(status)); }

void LogRecursion(const RecursionChange& change) {
  const RecursionEvent& event = change.event;
  if (!change.transition || change.passing || event.grade < RecursionGrade::kGrowing) return;
  const bool alarm = event.grade >= RecursionGrade::kProjected && event.state != RecursionState::kEnded;
  spdlog::log(
      alarm ? spdlog::level::warn : spdlog::level::info, "recursion {} of {} (pid {}) {}, {}: {} frames deep in {}; {}",
      event.id, ToPrintable(event.process.command), event.process.pid, ToWord(event.grade), ToWord(event.state),
      event.depth, event.cycle.empty() ? "?" : ToPrintable(event.cycle.front().name), ToPrintable(event.reason));
}

DetectorOptions DetectorOptionsOf(const Config& config) {
  return {.growing_doublings = config.recursion_growing_doublings,
          .growing_rises = config.recursion_growing_rises,
          .projected_share = config.recursion_projected_percent / 100,
          .horizon = std::chrono::seconds(config.recursion_horizon_seconds)};
}

void LogProbes(const ProbedBinary& binary) {
  spdlog::debug("probes of {} ({}): {}", ToPrintable(binary.path), binary.version, binary.state);
}

/// Says, at most once a minute, that more ticks are lost than can be overlooked. One thread.
class LossWarning {
 public:
  void OnSegment(const Segment& segment) {
    constexpr double kOverlooked = 0.01;
    uint64_t all = 0, lost = 0;
    std::string reasons;
    for (const OutcomeInfo& outcome : kOutcomes) {
      const auto found = segment.outcomes.find(outcome.label);
      if (found == segment.outcomes.end() || found->second == 0) continue;
      if (outcome.kind != OutcomeKind::IGNORED) all += found->second;
      if (outcome.kind != OutcomeKind::LOST) continue;
      lost += found->second;
      reasons += fmt::format(", {} {}", outcome.label, found->second);
    }
    if (static_cast<double>(lost) <= kOverlooked * static_cast<double>(all)) return;
    const auto now = std::chrono::steady_clock::now();
    if (last_ && now < *last_ + std::chrono::minutes(1)) return;
    last_ = now;
    spdlog::warn("{} of {} ticks of processes lost{}; 'profctl status' says what each means", lost, all, reasons);
  }

 private:
  std::optional<std::chrono::steady_clock::time_point> last_;
};

}  // namespace

class Daemon::Impl {
 public:
  Impl(const Config& config, ProbeHolder* holder)
      : config_(config), holder_(holder), checks_(CheckKernel(config.hardware_cycles)) {}
  ~Impl() { Stop(); }

  absl::Status Start() {
    RETURN_IF_ERROR(Verdict(checks_));
    store_ = MakeMemoryProfileStore(kHistoryBytes, kHistoryAge);
    backend_ = std::make_unique<DaemonBackend>(config_, &clock_, store_.get(), checks_);
    metrics_ = std::make_unique<PrometheusCollector>(backend_.get());
    // Before anything is loaded into the kernel or made on disk: a second profd must find the socket taken.
    ASSIGN_OR_RETURN(api_, ApiServer::Create({.socket = config_.socket,
                                              .socket_group = config_.socket_group,
                                              .grpc_reflection = config_.grpc_reflection,
                                              .http = config_.http,
                                              .http_token_file = config_.http_token_file,
                                              .metrics = [this] { return metrics_->Render(); }},
                                             backend_.get(), &clock_));
    backend_->SetHttpAddress(api_->http_address());
    RETURN_IF_ERROR(MakeDirectory(config_.data_dir));
    RETURN_IF_ERROR(StartSampling());
    api_->SetServing(true);
    // Loading them takes as long as all the rest, and ticks come already.
    return StartTripwires();
  }

  void Stop() {
    if (backend_) backend_->Detach();
    if (api_) api_->Shutdown();
    if (pipeline_) pipeline_->Stop();
    // It tells the recursion stage, which tells it: it falls silent first, and is there to the end.
    if (map_probing_) map_probing_->Stop();
    recursion_.reset();
    probes_.reset();
  }

  std::vector<std::string> Reload(const Config& wanted) {
    std::vector<std::string> restart = TakeReloadable(config_, wanted);
    spdlog::set_level(spdlog::level::from_str(config_.log_level));
    return restart;
  }

  const std::string& http_address() const { return api_->http_address(); }

 private:
  absl::Status StartSampling() {
    const Exclusions exclusions = Exclusions::Parse(config_.exclude);
    // A stack crosses the kernel, libc, the loader and the program: fewer workers than that would end each other.
    ASSIGN_OR_RETURN(analyzer_, WorkerPool::Create({.max_workers = 8}));
    symbolizer_ = std::make_unique<Symbolizer>(&proc_fs_, &clock_, analyzer_.get(), kCachedAddresses);
    ASSIGN_OR_RETURN(monitor_, ProcessMonitor::Create());
    ASSIGN_OR_RETURN(sampler_, Sampler::Create({.sample_hz = config_.sample_hz,
                                                .hardware_cycles = config_.hardware_cycles,
                                                .has_exclusions = !exclusions.empty(),
                                                .longest_interval = Collector::kInterval}));
    ASSIGN_OR_RETURN(
        pipeline_, Pipeline::Start({.sample_hz = config_.sample_hz, .exclusions = exclusions},
                                   {.sampler = sampler_.get(),
                                    .monitor = monitor_.get(),
                                    .proc_fs = &proc_fs_,
                                    .symbolizer = symbolizer_.get(),
                                    .store = store_.get(),
                                    .clock = &clock_,
                                    .on_segment =
                                        [this](const Segment& segment) {
                                          metrics_->OnSegment(segment);
                                          if (MapProbing* maps = maps_.load()) maps->OnSegment(segment);
                                          losses_.OnSegment(segment);
                                        },
                                    .on_error = LogError,
                                    .on_go = [this](GoProgram program) { ConsiderProbes(program); },
                                    .on_process_event = [this](const ProcessEvent& event) { OnProcessEvent(event); }}));
    outlet_ = std::make_unique<RecursionOutlet>(OpenEvents(), LogError);
    backend_->Attach({.holder = holder_,
                      .pipeline = pipeline_.get(),
                      .sampler = sampler_.get(),
                      .monitor = monitor_.get(),
                      .symbolizer = symbolizer_.get(),
                      .analyzer = analyzer_.get(),
                      .outlet = outlet_.get()});
    return absl::OkStatus();
  }

  void OnProcessEvent(const ProcessEvent& event) {
    if (RecursionStage* stage = stage_.load()) stage->OnProcessEvent(event);
    ProbeKeeper* keeper = keeper_.load();
    if (keeper == nullptr) return;
    ProcessId ended = event.process;
    if (event.kind == ProcessEvent::Kind::kExec) ended.exec_id -= 1;
    if (event.kind != ProcessEvent::Kind::kExit && event.kind != ProcessEvent::Kind::kExec) return;
    keeper->OnEnd(ended);
    if (MapProbing* maps = maps_.load()) maps->OnEnd(ended);
  }

  void ConsiderProbes(GoProgram& program) {
    ProbeKeeper* keeper = keeper_.load();
    if (!program.fd || keeper == nullptr) return;  // DiscoverGo() comes back to it
    if (MapProbing* maps = maps_.load()) maps->OnProgram(program);
    keeper->Consider({.file = program.file,
                      .path = std::move(program.path),
                      .fd = std::move(program.fd),
                      .facts = std::move(program.facts),
                      .process = program.process});
  }

  absl::Status StartTripwires() {
    ASSIGN_OR_RETURN(tripwires_,
                     Tripwires::Create({.has_exclusions = !config_.exclude.empty(), .suspect_hz = config_.suspect_hz},
                                       *sampler_, holder_));
    const double budget = config_.map_probe_budget / 100;
    probes_ = std::make_unique<ProbeKeeper>(
        tripwires_.get(), [this](const ProcessId& process) { return ReadCpuTime(proc_fs_, process); }, budget,
        config_.map_probes, &clock_, LogProbes);
    keeper_ = probes_.get();
    ASSIGN_OR_RETURN(
        recursion_,
        RecursionStage::Start({.tripwires = tripwires_.get(),
                               .resolver = pipeline_->resolver(),
                               .symbolizer = symbolizer_.get(),
                               .probes = probes_.get(),
                               .outlet = outlet_.get(),
                               .proc_fs = &proc_fs_,
                               .clock = &clock_,
                               .options = DetectorOptionsOf(config_),
                               .on_change =
                                   [this](const RecursionChange& change) {
                                     if (!change.passing) metrics_->OnRecursion(change.event);
                                     LogRecursion(change);
                                   },
                               .on_removed = [this](const std::string& id) { metrics_->OnRecursionRemoved(id); },
                               .on_error = LogError,
                               .on_cost =
                                   [this](const ProbeCost& cost) {
                                     MapProbing* maps = maps_.load();
                                     if (maps == nullptr) return;
                                     maps->OnGrowthCost(cost.process,
                                                        PriceOfHits(cost.hits, tripwires_->trap_cost(), cost.program));
                                   },
                               .on_thread =
                                   [this](const ProcessId& process, uint64_t goroutine, uint32_t tid) {
                                     if (MapProbing* maps = maps_.load()) maps->OnThread(process, goroutine, tid);
                                   },
                               .on_recursion =
                                   [this](const StackReading& reading, const Resolver::Addresses& stack) {
                                     if (MapProbing* maps = maps_.load()) maps->OnRecursion(reading, stack);
                                   },
                               .on_suspects =
                                   [this](const std::set<ProcessId>& suspects) {
                                     if (MapProbing* maps = maps_.load()) maps->SetSuspects(suspects);
                                   }}));
    stage_ = recursion_.get();
    StartMapProbes();
    backend_->AttachRecursion({.tripwires = tripwires_.get(),
                               .probes = probes_.get(),
                               .stage = recursion_.get(),
                               .maps = map_probing_.get()});
    pipeline_->DiscoverGo();
    return absl::OkStatus();
  }

  // Without them profd still profiles, and finds recursion.
  void StartMapProbes() {
    auto created =
        MapProbing::Create(config_, {.holder = holder_,
                                     .resolver = pipeline_->resolver(),
                                     .symbolizer = symbolizer_.get(),
                                     .proc_fs = &proc_fs_,
                                     .clock = &clock_,
                                     .on_evidence =
                                         [this](const ProcessId& process, uint64_t goroutine, const RecursionMap& map) {
                                           if (RecursionStage* stage = stage_.load())
                                             stage->OnMap(process, goroutine, map);
                                         },
                                     .on_error = LogError});
    if (!created.ok()) {
      LogError(Annotate(created.status(), "maps are not probed"));
      return;
    }
    map_probing_ = *std::move(created);
    maps_ = map_probing_.get();
  }

  // Without its file profd tells what happens now, and not what was.
  std::unique_ptr<EventStore> OpenEvents() const {
    auto opened = OpenEventStore(config_.data_dir + "/events.db", kKeptStories);
    if (!opened.ok()) {
      LogError(Annotate(opened.status(), "recursion events are not kept"));
      return nullptr;
    }
    if (!opened->set_aside.empty()) {
      spdlog::error("the file of recursion events was damaged: it is kept as {}, and a new one begun",
                    opened->set_aside);
    }
    return std::move(opened->store);
  }

  Config config_;  // as it runs: the start's, and what was reloaded since
  ProbeHolder* const holder_;
  // In the order of their construction. Each uses only what stands above it; the backend uses what Attach() gave it
  // too, until Detach().
  SystemClock clock_;
  RealProcFs proc_fs_;
  const std::vector<Check> checks_;
  std::unique_ptr<ProfileStore> store_;
  std::unique_ptr<DaemonBackend> backend_;
  std::unique_ptr<PrometheusCollector> metrics_;
  LossWarning losses_;
  std::unique_ptr<ApiServer> api_;
  std::unique_ptr<ObjectAnalyzer> analyzer_;
  std::unique_ptr<Symbolizer> symbolizer_;
  std::unique_ptr<ProcessMonitor> monitor_;
  std::unique_ptr<Sampler> sampler_;
  std::unique_ptr<Tripwires> tripwires_;
  std::unique_ptr<ProbeKeeper> probes_;
  std::unique_ptr<MapProbing> map_probing_;
  std::unique_ptr<RecursionOutlet> outlet_;
  // For threads that begin before these: probes_, recursion_ and map_probing_.
  std::atomic<ProbeKeeper*> keeper_ = nullptr;
  std::atomic<RecursionStage*> stage_ = nullptr;
  std::atomic<MapProbing*> maps_ = nullptr;
  std::unique_ptr<Pipeline> pipeline_;
  std::unique_ptr<RecursionStage> recursion_;
};

Daemon::Daemon(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Daemon::~Daemon() = default;

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Start(const Config& config, ProbeHolder* holder) {
  auto impl = std::make_unique<Impl>(config, holder);
  RETURN_IF_ERROR(impl->Start());
  return std::unique_ptr<Daemon>(new Daemon(std::move(impl)));
}

void Daemon::Stop() { impl_->Stop(); }

std::vector<std::string> Daemon::Reload(const Config& config) { return impl_->Reload(config); }

const std::string& Daemon::http_address() const { return impl_->http_address(); }

}  // namespace profd
