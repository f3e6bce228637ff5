#include "daemon.h"

#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <optional>

#include "api/api_server.h"
#include "base/clock.h"
#include "daemon_backend.h"
#include "export/prometheus_collector.h"
#include "kernel/features.h"
#include "kernel/process_monitor.h"
#include "kernel/sampler.h"
#include "pipeline/pipeline.h"
#include "process/proc_fs.h"
#include "profile/sample_outcome.h"
#include "storage/profile_store.h"
#include "symbols/symbolizer.h"
#include "worker/worker_pool.h"

namespace profd {
namespace {

// Twenty minutes of an ordinary machine; an hour at most.
constexpr uint64_t kHistoryBytes = 8 << 20;
constexpr std::chrono::hours kHistoryAge{1};
constexpr size_t kCachedAddresses = 65536;

absl::Status MakeDirectory(const std::string& path) {
  if (mkdir(path.c_str(), 0750) == 0 || errno == EEXIST) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "cannot make the data directory {}: {}", path, ErrnoText(errno));
}

void LogError(const absl::Status& status) { spdlog::warn("{}", Message(status)); }

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
  explicit Impl(const Config& config) : config_(config), checks_(CheckKernel(config.hardware_cycles)) {}
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
    return absl::OkStatus();
  }

  void Stop() {
    if (backend_) backend_->Detach();
    if (api_) api_->Shutdown();
    if (pipeline_) pipeline_->Stop();
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
    ASSIGN_OR_RETURN(pipeline_, Pipeline::Start({.sample_hz = config_.sample_hz, .exclusions = exclusions},
                                                {.sampler = sampler_.get(),
                                                 .monitor = monitor_.get(),
                                                 .proc_fs = &proc_fs_,
                                                 .symbolizer = symbolizer_.get(),
                                                 .store = store_.get(),
                                                 .clock = &clock_,
                                                 .on_segment =
                                                     [this](const Segment& segment) {
                                                       metrics_->OnSegment(segment);
                                                       losses_.OnSegment(segment);
                                                     },
                                                 .on_error = LogError}));
    backend_->Attach(pipeline_.get(), sampler_.get(), monitor_.get(), symbolizer_.get(), analyzer_.get());
    return absl::OkStatus();
  }

  Config config_;  // as it runs: the start's, and what was reloaded since
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
  std::unique_ptr<Pipeline> pipeline_;
};

Daemon::Daemon(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Daemon::~Daemon() = default;

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Start(const Config& config) {
  auto impl = std::make_unique<Impl>(config);
  RETURN_IF_ERROR(impl->Start());
  return std::unique_ptr<Daemon>(new Daemon(std::move(impl)));
}

void Daemon::Stop() { impl_->Stop(); }

std::vector<std::string> Daemon::Reload(const Config& config) { return impl_->Reload(config); }

const std::string& Daemon::http_address() const { return impl_->http_address(); }

}  // namespace profd
