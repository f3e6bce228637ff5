// What the API asks the running daemon for. The daemon implements it over the pipeline; tests bring a fake.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "base/status.h"
#include "maps/map_answer.h"
#include "recursion/event.h"
#include "storage/profile_store.h"

namespace profd {

struct ProcessListEntry {
  Process process;
  std::string executable;
  std::vector<uint32_t> ns_pids;  ///< outermost first
  std::string runtime;            ///< "go1.26.1", "native", empty while unknown
  std::string symbols;            ///< "symtab", ..., "failed: why", empty while unknown
};

struct ProgramStatus {
  std::string name;
  uint64_t runs = 0;
  double mean_ns = 0;
  uint64_t verified_instructions = 0;
  double recorded_mean_ns = 0;  ///< over runs that recorded a user stack; 0 for programs that sample nothing
};

struct MapStatus {
  std::string name;
  uint64_t entries = 0;  ///< when last drained
  uint64_t max_entries = 0;
};

struct QueueStatus {
  std::string name;
  uint64_t size = 0;
  uint64_t dropped = 0;
};

/// What profd had to leave out, ticks apart. It costs names, not samples.
struct LossStatus {
  std::string name;  ///< of the metric, without "profd_" and "_total"
  std::string explanation;
  uint64_t count = 0;  ///< since start
};

/// A binary with probes, or one that has none and why.
struct ProbeStatus {
  std::string path, version;  ///< version of Go
  std::string state;          ///< "armed", "off", "metered: why", "refused: why"
  uint64_t hits = 0;          ///< of the process with most, where it is worth telling
  std::chrono::nanoseconds cost{};
};

/// Where the map functions of a binary are probed: each at its first instruction that the kernel emulates, where its
/// arguments are as they came.
struct MapPlacementStatus {
  std::string path;
  uint64_t at_entry = 0, behind_entry = 0, refused = 0;  ///< functions; refused: there is no such instruction
};

/// Windows of map probes since the start.
struct MapWindowStatus {
  std::map<std::string, uint64_t> windows;  ///< by reason: "suspect", "asked", "round"
  uint64_t failed = 0;                      ///< of all, could not be attached
  uint64_t hits = 0;
  std::chrono::nanoseconds cost{};                          ///< of the processes' time
  std::chrono::nanoseconds worst{};                         ///< of one window
  std::chrono::nanoseconds budget{};                        ///< that was there to spend
  std::string mechanism;                                    ///< "uprobe_multi, breakpoints"; empty: there are none
  std::chrono::nanoseconds trap_cost{};                     ///< of a probe's hit, the median of the latest measurements
  std::optional<std::chrono::nanoseconds> breakpoint_cost;  ///< measured at the start; nothing: there are none
  std::vector<MapPlacementStatus> placements;
};

struct DaemonStatus {
  std::string version;
  WallTime start_time{};
  std::chrono::nanoseconds uptime{};
  uint32_t sample_hz = 0;
  uint32_t cpus = 0;
  OutcomeCounts outcomes;  ///< since start
  std::vector<ProgramStatus> programs;
  std::vector<MapStatus> maps;
  std::vector<QueueStatus> queues;
  std::vector<LossStatus> losses;
  std::chrono::nanoseconds cpu{};          ///< own user + system, with the process that holds probes
  std::chrono::nanoseconds workers_cpu{};  ///< the same of workers that have ended
  std::chrono::nanoseconds cpu_until_ready{};
  uint64_t rss_bytes = 0;
  uint64_t virtual_bytes = 0;
  std::vector<Check> checks;
  std::map<std::string, uint64_t> analyses;  ///< object analyses by result
  double analysis_seconds = 0;
  uint64_t store_bytes = 0;
  uint32_t processes = 0;
  bool probes_on = false;
  std::string probe_mechanism;                 ///< "uprobe_multi", "perf uprobe"
  std::chrono::nanoseconds probe_trap_cost{};  ///< of one hit, measured at the start
  std::vector<ProbeStatus> probes;
  MapWindowStatus map_windows;
  std::string http_address;
  std::string http_token_file;
};

/// What samples of Go programs are told apart by, besides their stacks.
struct GoDetail {
  bool goroutine = false;
  bool labels = false;

  bool any() const { return goroutine || labels; }
};

/// Thread safe.
class Backend {
 public:
  virtual ~Backend() = default;

  /// Closes the current segment now, so that the store knows everything up to this moment. Calls that come close
  /// together share one flip. Returns the end of the newest segment.
  virtual absl::StatusOr<WallTime> Flip() = 0;
  /// While what it returns lives, samples are kept apart by that: from the next flip on in all of them.
  virtual std::shared_ptr<void> Note(const GoDetail& detail) = 0;
  virtual const ProfileStore& store() const = 0;
  virtual std::vector<ProcessListEntry> Processes() const = 0;
  /// Fills in why there are no symbols where nothing is known of them. Reads /proc for each of these.
  virtual void ExplainMissingSymbols(std::vector<ProcessListEntry>& entries) const = 0;
  /// Is there such a process now? (`/proc/PID`, not the table: an idle process was never sampled.)
  virtual bool ProcessExists(uint32_t pid) const = 0;
  /// Recursion stories, last seen first.
  virtual std::vector<RecursionEvent> Recursion() const = 0;
  /// While what it returns lives, `sink` is called for each change of a story, in order and from another thread; it
  /// must not block. Never called again once the returned object is gone.
  virtual std::shared_ptr<void> WatchRecursion(std::function<void(const RecursionEvent&)> sink) = 0;
  /// Where a process uses maps, by what is known now; and asks for more, for some seconds from now on.
  virtual MapAnswer MapSites(const Process& process) = 0;
  /// Of living processes whose map functions have been probed.
  virtual std::vector<ProcessMapRate> MapRates() const = 0;
  /// Switches all probes; returns when it is so. What it was before.
  virtual absl::StatusOr<bool> SetProbes(bool on) = 0;
  virtual DaemonStatus Status() const = 0;
  virtual bool ready() const = 0;
};

}  // namespace profd
