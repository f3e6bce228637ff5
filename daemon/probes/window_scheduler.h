// When the map functions of which Go process are probed: short windows, paid from a budget. Pure policy: no threads, no
// clock, no I/O.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "probes/allowance.h"
#include "probes/bursts.h"
#include "process/process_table.h"

namespace profd {

enum class WindowReason {
  kSuspect,  ///< the recursion detector suspects the process
  kAsked,    ///< a user wants to know
  kRound,    ///< it is its turn
};
constexpr size_t kWindowReasons = 3;

/// A window to be opened. It ends at whichever comes first.
struct WindowPlan {
  ProcessId process;
  WindowReason reason = WindowReason::kRound;
  uint64_t most_hits = 0;
  uint64_t passed_hits = 0;  ///< before these
  std::chrono::nanoseconds longest{};
};

/// What became of it, when its traps are gone.
struct WindowOutcome {
  ProcessId process;
  bool attached = false;
  uint64_t hits = 0;                ///< with those after its end
  std::chrono::nanoseconds cost{};  ///< measured, of the process's time: the traps, and what their program took
  bool missed = false;              ///< a suspect's, and it looked in the wrong place: the next one need not wait
};

/// The reasons stand beside the numbers.
struct WindowOptions {
  std::chrono::nanoseconds hit_price{3000};  ///< trap and program, of the process's time; calibrated when profd starts
  uint64_t hits = 200;                       ///< tell maps, keys and callers apart, and cost 0.6 ms
  /// The same of suspects, if their windows end by themselves with the last hit. 0: they are as the others are.
  std::chrono::nanoseconds exact_hit_price{0};
  size_t exact_functions = 4;     ///< in such a window, where nothing else is said: each has all its hits, at most
  uint64_t exact_hits = 24;       ///< of each function in such a window: a breakpoint costs ten times what a probe does
  uint64_t least_hits = 24;       ///< of a suspect that cannot pay more yet: enough to see the same key each time
  uint64_t least_exact_hits = 6;  ///< one line asks for one key three times, also if another does so between
  std::chrono::nanoseconds length = std::chrono::milliseconds(10);  ///< fewer hits in that: maps are not its burden
  std::chrono::nanoseconds asked_length =
      std::chrono::milliseconds(250);  ///< the same while somebody waits: what uses no map pays nothing
  std::chrono::nanoseconds suspect_length = std::chrono::milliseconds(
      200);  ///< the same of a suspect's: while the runtime moves a large stack, the program asks no map
  bool suspects_only = false;     ///< what others' windows cost cannot be bounded on this kernel
  double standing_share = 0.001;  ///< of the process's CPU time, for its turns: nobody notices
  double process_share = 0.01;    ///< of it, for all that profd does to it: what is promised
  double node_share = 0.005;      ///< of all CPUs
  double suspects_part = 0.3;     ///< of the node's: four windows a second on two CPUs, whatever the others use
  std::chrono::seconds kept{10};  ///< what is earned in that is kept at most: rest earns no burst
  size_t most_open = 4;           ///< each occupies a thread that waits up to 60 ms for the traps to go
  std::chrono::milliseconds urgent_gap{100};  ///< from window to window of a suspect or one that is asked for
  std::chrono::seconds round_gap{10};  ///< from turn to turn, with a full share of map samples: each scrape has news
  double full_share = 0.05;            ///< of its samples are in map functions; with less, turns are that much rarer
  std::chrono::seconds rare_gap{120};  ///< but not rarer, so that there is always an answer
  std::chrono::seconds unsampled_gap{900};    ///< no sample was in a map function, but they are few
  std::chrono::seconds longest_backoff{300};  ///< between windows that find nothing
  std::chrono::seconds asked_backoff{1};      ///< the same while somebody waits for it, and of suspects
};

struct WindowTally {
  std::array<uint64_t, kWindowReasons> windows{};  ///< closed ones, by WindowReason
  uint64_t failed = 0;                             ///< of these, could not be attached
  uint64_t hits = 0;
  std::chrono::nanoseconds cost{};
  std::chrono::nanoseconds worst{};  ///< cost of one window
};

struct ProcessWindows {
  ProcessId process;
  WindowTally tally;
  std::chrono::nanoseconds debt{};  ///< of its own CPU time, spent and not yet earned
};

struct NodeWindows {
  WindowTally tally;                  ///< with those of processes that are gone
  std::chrono::nanoseconds budget{};  ///< earned until the last Open() or OnClosed()
  std::chrono::nanoseconds debt{};
  size_t open = 0;
};

/// Not thread safe. Knows a process from Add() to Remove(); what is said of others is ignored.
///
/// Who comes first: suspects; those asked for; then who has been due for longest. A process is due again some time
/// after its last window: the sooner the larger its share of map samples, the later the more windows found nothing.
/// When all are overdue they take turns.
///
/// Who pays: a window opens when its expected cost, with the worst overrun of late, is covered by all that it draws on,
/// and is charged what it did cost. Each draws on the process's share and on one of the node's two parts; a turn on
/// the process's standing share, too. So a process never pays more than its share of its CPU time and what a single
/// window cost beyond expectation.
class WindowScheduler {
 public:
  WindowScheduler(const WindowOptions& options, unsigned cpus);

  /// A Go process that has map functions. `cpu_time`: its own, over its life.
  void Add(const ProcessId& process, std::chrono::nanoseconds cpu_time, BootTime now);
  /// It has ended. A window of it stays open until OnClosed().
  void Remove(const ProcessId& process);
  void OnCpuTime(const ProcessId& process, std::chrono::nanoseconds total);
  /// What else profd has cost it over its life: it counts towards the process's share.
  void OnOtherCost(const ProcessId& process, std::chrono::nanoseconds total);
  /// Which part of its CPU samples is in map functions, from 0 to 1.
  void OnMapShare(const ProcessId& process, double share);
  /// All of them. They may be processes that are added later, or never.
  void SetSuspects(std::set<ProcessId> suspects);
  /// How many hits, at most Bursts::kMostHits, its next turn, or window that is asked for, lets pass before those that
  /// it is for.
  void SetPassedHits(const ProcessId& process, uint64_t hits);
  /// How many functions its next exact window would probe.
  void SetExactFunctions(const ProcessId& process, size_t functions);
  /// As many windows as the budget allows, until then. False: the process is not known.
  bool Ask(const ProcessId& process, BootTime until);

  /// Windows to be opened now. They count as open until OnClosed(). CPU times should be fresh, those of suspects and
  /// of who is asked for above all: they earn the budget.
  std::vector<WindowPlan> Open(BootTime now);
  /// Of each window once, also of one that failed or whose process is gone.
  void OnClosed(const WindowOutcome& outcome, BootTime now);
  /// When Open() is worth calling again, not before `now`. Nothing: not until something else is called.
  std::optional<BootTime> NextDue(BootTime now) const;

  std::vector<ProcessWindows> List() const;
  NodeWindows node() const;

 private:
  struct Entry {
    Allowance standing, life;
    std::chrono::nanoseconds cpu_time{}, other_cost{};
    double map_share = 0;
    BootTime added{};
    struct Past {
      std::optional<BootTime> closed;  // the last window
      unsigned misses = 0;             // windows in a row that found nothing, or failed
    };
    Past whole, exact;     // a suspect's exact windows say nothing about the process as a whole
    bool at_once = false;  // a suspect that had no window yet, or only one that missed
    size_t exact_functions = 0;
    uint64_t passed_hits = 0;
    unsigned missed = 0;             // exact windows in a row that looked in the wrong place
    std::optional<BootTime> queued;  // where in queue_
    WindowTally tally;
  };
  struct OpenWindow {
    WindowReason reason;
    std::chrono::nanoseconds held;
    uint64_t hits;  // as planned
  };
  /// Hits beyond a window's end, of the last ones that had enough hits to end.
  struct Overruns {
    void Learn(double overrun) { last[next++ % last.size()] = overrun; }
    // Of 64 numbers the 99th percentile is the greatest.
    double Worst() const { return *std::max_element(last.begin(), last.end()); }
    std::array<double, 64> last{};
    size_t next = 0;
  };
  using Due = std::pair<BootTime, ProcessId>;

  Entry* Find(const ProcessId& process);
  bool IsExact(WindowReason reason) const;
  uint64_t MostHits(const Entry& entry, WindowReason reason) const;
  /// For each of the hits that are planned.
  std::chrono::nanoseconds PriceOf(const Entry& entry, WindowReason reason) const;
  double WorstOverrun(WindowReason reason) const;
  std::chrono::nanoseconds Expected(const Entry& entry, uint64_t hits, WindowReason reason) const;
  uint64_t HitsFor(const Entry& entry, WindowReason reason) const;
  std::chrono::nanoseconds DepthOf(double share) const;
  const Allowance& PartOf(WindowReason reason) const;
  Allowance& PartOf(WindowReason reason);
  void EarnUntil(BootTime now);
  bool HasSlot(WindowReason reason) const;
  std::chrono::nanoseconds LongestOf(WindowReason reason) const;
  bool IsCovered(const Entry& entry, WindowReason reason) const;
  std::chrono::nanoseconds GapOf(double map_share) const;
  BootTime TurnOf(const Entry& entry) const;
  void Enqueue(const ProcessId& process, Entry& entry);
  std::vector<Due> Urgent(WindowReason reason) const;
  void OpenUrgent(WindowReason reason, BootTime now, std::vector<WindowPlan>& plans);
  void OpenRound(BootTime now, std::vector<WindowPlan>& plans);
  WindowPlan Begin(const ProcessId& process, Entry& entry, WindowReason reason);
  /// The windows that the next one for that reason follows.
  auto& PastOf(auto& entry, WindowReason reason) const { return IsExact(reason) ? entry.exact : entry.whole; }
  void Learn(const WindowOutcome& outcome, const OpenWindow& window);

  const WindowOptions options_;
  const double node_share_;              // of one CPU
  Allowance for_suspects_, for_others_;  // the node's
  std::optional<BootTime> earned_until_;
  std::chrono::nanoseconds earned_time_{};
  std::map<ProcessId, Entry> entries_;
  std::set<ProcessId> suspects_;
  std::map<ProcessId, BootTime> asked_;  // until when
  std::set<Due> queue_;                  // whose turns are covered and not open
  std::map<ProcessId, OpenWindow> open_;
  Overruns overruns_;
  WindowTally tally_;
};

}  // namespace profd
