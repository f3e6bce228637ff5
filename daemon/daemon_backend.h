// What the API may ask of the running daemon.
#pragma once

#include <atomic>
#include <mutex>
#include <string>

#include "config/config.h"
#include "kernel/process_monitor.h"
#include "kernel/sampler.h"
#include "kernel/tripwires.h"
#include "map_probing.h"
#include "pipeline/pipeline.h"
#include "pipeline/recursion_outlet.h"
#include "pipeline/recursion_stage.h"
#include "probes/probe_keeper.h"
#include "process/proc_fs.h"
#include "query/backend.h"
#include "symbols/symbolizer.h"

namespace profd {

/// What answers are made of.
struct DaemonParts {
  const ProbeHolder* holder = nullptr;
  Pipeline* pipeline = nullptr;
  Sampler* sampler = nullptr;
  const ProcessMonitor* monitor = nullptr;
  const Symbolizer* symbolizer = nullptr;
  const ObjectAnalyzer* analyzer = nullptr;
  RecursionOutlet* outlet = nullptr;
};
struct RecursionDetection {
  const Tripwires* tripwires = nullptr;
  ProbeKeeper* probes = nullptr;
  const RecursionStage* stage = nullptr;
  MapProbing* maps = nullptr;  ///< null: this kernel has no such probes
};

/// Thread safe. Not ready, and without answers, until Attach().
class DaemonBackend final : public Backend {
 public:
  DaemonBackend(const Config& config, const Clock* clock, const ProfileStore* store, std::vector<Check> checks);

  /// The parts are there and ticks come. They outlive all calls until Detach().
  void Attach(const DaemonParts& parts);
  /// And recursion is looked for.
  void AttachRecursion(const RecursionDetection& recursion);
  void Detach();
  /// Known only once HTTP is served, so calls may come before.
  void SetHttpAddress(std::string address);

  absl::StatusOr<WallTime> Flip() override;
  std::shared_ptr<void> Note(const GoDetail& detail) override;
  const ProfileStore& store() const override { return *store_; }
  std::vector<ProcessListEntry> Processes() const override;
  void ExplainMissingSymbols(std::vector<ProcessListEntry>& entries) const override;
  bool ProcessExists(uint32_t pid) const override;
  std::vector<RecursionEvent> Recursion() const override;
  std::shared_ptr<void> WatchRecursion(std::function<void(const RecursionEvent&)> sink) override;
  MapAnswer MapSites(const Process& process) override;
  std::vector<ProcessMapRate> MapRates() const override;
  absl::StatusOr<bool> SetProbes(bool on) override;
  DaemonStatus Status() const override;
  bool ready() const override { return ready_.load(); }

 private:
  void AddKernelStatus(DaemonStatus& status) const;
  void AddProbes(DaemonStatus& status) const;
  void AddLosses(DaemonStatus& status) const;
  void AddUsers(const GoDetail& detail, int change);

  const Config config_;
  const Clock* const clock_;
  const ProfileStore* const store_;
  const RealProcFs proc_;
  const std::vector<Check> checks_;
  const BootTime start_boot_;
  const WallTime start_wall_;
  mutable std::mutex http_mutex_;
  std::string http_address_;  // under http_mutex_
  // What follows is written before it becomes true, and read only by calls that saw it true.
  std::atomic<bool> ready_{false};
  std::atomic<bool> detects_{false};  // likewise for recursion_
  std::chrono::nanoseconds cpu_until_ready_{};
  DaemonParts parts_;
  RecursionDetection recursion_;
  std::mutex detail_mutex_;
  int goroutine_users_ = 0, label_users_ = 0;
};

}  // namespace profd
