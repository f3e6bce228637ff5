// The threads that open and close windows: one asks the scheduler and reads hits, a few arm and disarm, which waits for
// the kernel.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "probes/bursts.h"
#include "probes/go_probes.h"
#include "probes/map_binary.h"
#include "probes/map_prober.h"
#include "probes/map_use.h"
#include "probes/window_scheduler.h"

namespace profd {

/// A window that is over.
struct MapWindow {
  ProcessId process;
  std::shared_ptr<const MapBinary> binary;
  WindowReason reason = WindowReason::kRound;
  bool is_of_long_bursts = false;  ///< what comes late in them is in no window
  bool one_thread = false;         ///< and four functions at most: it says nothing about the process as a whole
  BootTime end{};
  MapFunctionSet functions;  ///< that were probed; none: all
  MapUse use;
  std::vector<MapHit> hits;
};

struct MapWindowsParts {
  MapProber* prober = nullptr;
  CpuTimeOf cpu_time;
  const Clock* clock = nullptr;
  WindowOptions options;
  unsigned cpus = 1;
  bool key_text = false;
  /// Which functions a process's next window is to probe; none: all. Suspects are not asked about. From any thread.
  std::function<MapFunctionSet(const ProcessId&)> functions_of;
  std::function<void(MapWindow)> on_window;  ///< from its thread
  std::function<void(const absl::Status&)> on_error;
};

/// Public methods may be called from any thread.
class MapWindows {
 public:
  MapWindows(MapWindowsParts parts, bool enabled);
  ~MapWindows();
  /// Closes every window and ends the threads.
  void Stop();

  /// False: it has ended, or is known already.
  bool Add(const ProcessId& process, std::shared_ptr<const MapBinary> binary);
  void OnEnd(const ProcessId& process);
  /// What it has used lately, and how many of its CPU samples then were in map functions.
  void OnUsage(const ProcessId& process, std::chrono::nanoseconds cpu, uint64_t samples, uint64_t map_samples);
  /// Their windows come first, from now on.
  void SetSuspects(const std::set<ProcessId>& suspects);
  /// Where its next window will be, if it becomes a suspect.
  void OnRecursion(const ProcessId& process, RecursingThread thread);
  /// The goroutine that recurses is on that thread now.
  void OnThread(const ProcessId& process, uint64_t goroutine, uint32_t tid);
  /// Windows of it come soon, for so long. False: it is not known.
  bool Ask(const ProcessId& process, std::chrono::nanoseconds length);
  /// Off: returns when no trap is left.
  void SetEnabled(bool enabled);
  /// What else profd has cost it, over its life: that much less is left for windows.
  void OnOtherCost(const ProcessId& process, std::chrono::nanoseconds total);
  NodeWindows Totals() const;
  /// Of the processes that it knows, each once.
  std::set<std::shared_ptr<const MapBinary>> Binaries() const;
  /// Of its windows.
  WindowTally TallyOf(const ProcessId& process) const;

 private:
  struct OpenWindow {
    WindowPlan plan;
    std::shared_ptr<const MapBinary> binary;
    std::optional<RecursingThread> thread;  // by breakpoints in this one
    RecursionSites sites;                   // there
    uint64_t number = 0;
    uint64_t burst_hits = 0;  // over which windows like this one are spread
    std::chrono::nanoseconds delay{};
    MapFunctionSet functions;
    bool full = false, moved = false, closing = false, closed = false, complete = false;
    BootTime armed{}, ended{};
    std::optional<BootTime> filled;
    absl::Status status;
    MapWindowCount count;
    std::vector<MapHit> hits;
  };
  void Refresh(const std::set<ProcessId>& processes);
  void Run(std::stop_token stop);
  void RunSlot(uint32_t slot, std::stop_token stop);
  /// By breakpoints in one thread.
  bool IsExact(WindowReason reason) const;
  absl::Status Open(uint32_t slot, const OpenWindow& window) const;
  void ReadHits();
  void FinishClosed();
  void MeasureTrapCost();
  void LookForCalls();
  /// Its bursts, and how much of the next one passes.
  void LearnBursts(const OpenWindow& window);
  void Proceed(const OpenWindow& window, uint64_t hits);
  void OpenNew();
  static MapUse UseOf(const OpenWindow& window, std::chrono::nanoseconds trap);
  void Finish(OpenWindow window);
  void TellFailure(const OpenWindow& window);
  void Wait();
  void Wake();
  struct Known;
  /// What its next window by breakpoints would look at.
  static RecursionSites NextSites(const Known& known);
  static bool KnowsCalls(const Known& known);
  /// With the lock held.
  void TellFunctions(const ProcessId& process, const Known& known);
  bool AnyOpen() const;
  bool AnyFresh(BootTime now) const;

  const MapWindowsParts parts_;
  UniqueFd epoll_, wakeup_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  WindowScheduler scheduler_;  // all below: under mutex_
  struct Known {
    std::shared_ptr<const MapBinary> binary;
    std::chrono::nanoseconds cpu{};  // over its life, as far as was told
    double map_share = 0;
    Bursts bursts;
    std::optional<RecursingThread> recursion;
    // Since it was suspected last: what was looked at alone, whether that was hit, but seldom, and turns after these.
    std::set<size_t> tried;
    bool seldom = false;
    uint64_t turn = 0;
    std::vector<size_t> called;  // sites, by the cycle that was looked at last
    std::optional<std::vector<uint64_t>> looked_at;
    BootTime looked{};
    bool told_why_not = false;
  };
  std::map<ProcessId, Known> known_;
  std::map<ProcessId, BootTime> suspect_since_;
  std::array<std::optional<OpenWindow>, MapProber::kSlots> windows_;
  uint64_t next_number_ = 1;
  BootTime measured_{};
  bool enabled_ = false;
  std::minstd_rand random_{std::random_device{}()};
  std::vector<std::jthread> openers_;
  std::jthread thread_;
};

}  // namespace profd
