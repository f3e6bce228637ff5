// Map probes, put together: the kernel side, the windows, and what they have seen.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "config/config.h"
#include "described_maps.h"
#include "kernel/map_probes.h"
#include "kernel/tripwires.h"
#include "pipeline/go_program.h"
#include "pipeline/map_stage.h"
#include "probes/map_windows.h"
#include "process/proc_fs.h"
#include "query/backend.h"

namespace profd {

struct MapProbingParts {
  ProbeHolder* holder = nullptr;
  Resolver* resolver = nullptr;
  Symbolizer* symbolizer = nullptr;
  const ProcFs* proc_fs = nullptr;
  const Clock* clock = nullptr;
  std::function<void(const ProcessId&, uint64_t goroutine, const RecursionMap&)> on_evidence;
  std::function<void(const absl::Status&)> on_error;
};

/// Thread safe.
class MapProbing {
 public:
  /// Errors as of MapProbes::Create(). Unimplemented: what probes cost could not be bounded on this kernel, and there
  /// are no breakpoints.
  static absl::StatusOr<std::unique_ptr<MapProbing>> Create(const Config& config, MapProbingParts parts);

  /// Closes all windows, for good, and calls nobody any more.
  void Stop() { windows_->Stop(); }
  void OnProgram(const GoProgram& program);
  void OnEnd(const ProcessId& process);
  void OnSegment(const Segment& segment);
  void SetSuspects(const std::set<ProcessId>& suspects) { windows_->SetSuspects(suspects); }
  /// On which thread a goroutine is.
  void OnThread(const ProcessId& process, uint64_t goroutine, uint32_t tid) {
    windows_->OnThread(process, goroutine, tid);
  }
  /// A stack that recurses, of that thread.
  void OnRecursion(const StackReading& reading, const Resolver::Addresses& stack);
  /// What the growth probe has cost a process: map probes live on what it leaves of the budget.
  void OnGrowthCost(const ProcessId& process, std::chrono::nanoseconds price);
  void SetEnabled(bool enabled);

  /// By what is known now; and asks for more, for some seconds from now on.
  MapAnswer MapsOf(const Process& process);
  std::map<ProcessId, MapRate> Rates() const { return stage_.Rates(); }
  /// All but the programs' statistics.
  void AddStatus(DaemonStatus& status) const;
  std::vector<ProgramStats> Programs() const { return probes_->Stats(); }

 private:
  MapProbing(const Config& config, MapProbingParts parts, std::unique_ptr<MapProbes> probes);
  std::shared_ptr<const MapBinary> BinaryOf(const GoProgram& program);
  /// What a killed profd has left in its processes, once a binary. Waits for the kernel.
  void Sweep(const std::shared_ptr<const MapBinary>& binary);
  /// What is not answered within `patience` is looked for again with the next segment.
  void LookForDescribed(const ProcessId& process, Symbolizer::Patience patience);
  void NoteWhyNot(const ProcessId& process, const absl::Status& why);

  const MapProbingParts parts_;
  DescribedMaps described_;
  const std::unique_ptr<MapProbes> probes_;
  MapStage stage_;
  mutable std::mutex mutex_;
  std::map<FileIdentity, std::weak_ptr<const MapBinary>> binaries_;
  std::set<std::weak_ptr<const MapBinary>, std::owner_less<>> swept_;
  std::map<ProcessId, std::string> why_not_;  // which programs are not probed
  std::atomic<bool> enabled_;
  std::unique_ptr<MapWindows> windows_;  // last: its threads use the rest
};

}  // namespace profd
