// The recursion detector: from looks at stacks to stories with a grade and a state. Pure: no threads, no clock, no I/O.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "recursion/cycle.h"
#include "recursion/event.h"
#include "recursion/stack_limit.h"

namespace profd {

/// One look at one stack.
struct RecursionReading {
  Process process;
  uint32_t uid = 0;  ///< whose process it is
  uint32_t tid = 0;
  uint64_t goroutine = 0;   ///< 0: the thread's own stack
  bool go_runtime = false;  ///< its program has one
  BootTime time{};
  WallTime wall{};
  RecursionTrigger trigger = RecursionTrigger::kSample;
  bool fatal = false;                   ///< the process dies of what triggered this
  bool fault_at_stack_pointer = false;  ///< a fatal signal: what was touched and could not be is next to it
  ReadStack stack;
  uint64_t stack_bytes = 0;        ///< in use
  StackLimit limit;                ///< cut to memory
  std::optional<MemoryRoom> room;  ///< nothing: not known
  uint32_t positions_verified = 0;
  uint32_t sampled_frames = 0;  ///< that an estimated depth is extrapolated from; 0: it is none
};

struct ProcessEnd {
  Process process;  ///< pid, start time and exec id count
  BootTime time{};
  WallTime wall{};
  uint32_t exit_code = 0;  ///< as wait() has it
  bool replaced = false;   ///< by an exec: the process goes on as another program
};

/// What decides. The reasons stand beside the numbers.
struct DetectorOptions {
  unsigned growing_doublings =
      3;                          ///< a Go stack doubles: three times is 8 times as deep, in 1 ms when nothing slows it
  unsigned growing_rises = 4;     ///< readings in a row, each deeper than the one before
  double projected_share = 0.25;  ///< of the limit: below it honest recursion is the rule
  std::chrono::seconds horizon{600};        ///< an overflow farther away than that is no alarm yet
  std::chrono::seconds unseen{10};          ///< a stack not seen for so long has ended, as far as anyone can tell
  std::chrono::seconds observed_kept{60};   ///< so long what never grew is remembered
  std::chrono::milliseconds emit_gap{200};  ///< between two events of a story in which only numbers have changed
  size_t max_stories = 1000;
  size_t max_runs = 4096;
  size_t max_suspects = 64;  ///< processes with ticks of their own at a time
};

/// An event to be told.
struct RecursionChange {
  RecursionEvent event;
  bool transition = false;  ///< grade or state have changed, or it is new
  bool renamed = false;     ///< its functions have got their names
  /// An occurrence of a story that has better evidence, and so goes on with that if this one never grows; or the last
  /// word about an id. For those who watch, not for memory, alarms and counters.
  bool passing = false;
};

/// One thread. Bounded by its options: the runs and stories that were not seen for longest go first.
class Detector {
 public:
  explicit Detector(const DetectorOptions& options = {}) : options_(options) {}

  /// Stories of an earlier life of profd. Those that were active then go on if their process is still there.
  void Restore(std::vector<RecursionEvent> events, const std::function<bool(const Process&)>& lives, WallTime now);

  /// Whether names are wanted that the reading has not: those of what is told, the cycle, its entry and the root.
  bool OnReading(const RecursionReading& reading);
  /// The functions of a reading that was `before` have got their names.
  void OnNames(const RecursionReading& before, const RecursionReading& named);
  /// What the goroutine's levels ask a map for. Ignored where it is in no recursion that is known.
  void OnMap(const Process& process, uint64_t goroutine, const RecursionMap& map);
  /// The OOM killer has chosen this process, or the one that has this thread.
  void OnOomKill(uint32_t tgid, uint32_t tid, BootTime time);
  void OnProcessEnd(const ProcessEnd& end);
  void OnTime(BootTime now, WallTime wall);

  /// What there is to tell now, in order.
  std::vector<RecursionChange> TakeChanges(BootTime now);
  /// Stories that turned out to be another one, or were forgotten.
  std::vector<std::string> TakeRemoved() { return std::exchange(removed_, {}); }
  /// Whose stacks ought to be looked at more often. `Process` without a name.
  std::vector<Process> Suspects(BootTime now) const;
  /// Last seen first.
  std::vector<RecursionEvent> Events() const;

 private:
  using ProcessKey = std::tuple<uint32_t, uint64_t, uint32_t>;  // pid, start time, exec id
  using RunKey = std::tuple<ProcessKey, uint64_t, uint32_t>;    // goroutine, or thread

  /// One stack in one recursion.
  struct Run {
    uint64_t story = 0;
    Process process;
    uint32_t tid = 0;
    RecursionGrade grade = RecursionGrade::kObserved;
    BootTime first{}, last{}, progress{};
    uint64_t last_bytes = 0, max_bytes = 0;
    uint64_t doubling_bytes = 0, progress_bytes = 0;
    unsigned doublings = 0, rises = 0;
    uint64_t limit_bytes = 0;
    double growth = 0;  // bytes a second
    bool fault_at_limit = false, fault_elsewhere = false, go_runtime = false;
    std::deque<std::pair<BootTime, uint64_t>> recent;
    std::string why;
    std::optional<RecursionGrade> told;  // in passing: up to which grade
  };
  struct Story {
    RecursionEvent event;
    std::string owner;                     // its container, else its user
    std::optional<RecursionEvent> before;  // what it was, while a new occurrence is only observed
    bool provisional = false;              // its functions have no names yet
    bool begun = false;                    // it has had a stack in this life of profd, or in an earlier one
    WallTime restored{};                   // when profd learnt of it from an earlier life
    RunKey shown{};                        // the run that the event is about
    size_t active_runs = 0;
    bool changed = false, transition = false, renamed = false;
    BootTime emitted{}, passed{};  // told of; of another process, in passing
  };

  static ProcessKey KeyOf(const Process& process) { return {process.pid, process.start_time_ns, process.exec_id}; }
  static RunKey KeyOf(const RecursionReading& reading) {
    return {KeyOf(reading.process), reading.goroutine, reading.goroutine ? 0 : reading.tid};
  }

  Run* FindRun(const RecursionReading& reading);
  /// Null: there is no room.
  Run* BeginRun(const RecursionReading& reading, const Cycle& cycle);
  void Measure(Run& run, const RecursionReading& reading);
  void Judge(Run& run, const RecursionReading& reading);
  bool IsGrowing(const Run& run);
  std::optional<std::string> WhyProjected(const Run& run, const RecursionReading& reading) const;
  std::optional<std::string> WhyShareOfMemory(const Run& run, const RecursionReading& reading) const;
  void Show(Run& run, const RecursionReading& reading, const Cycle& cycle);
  bool IsShown(const Story& story, const RunKey& key, const Run& run) const;
  void TellInPassing(Story& story, Run& run, const RecursionReading& reading, const Cycle& cycle);
  static void Describe(RecursionEvent& event, const Run& run, const RecursionReading& reading, const Cycle& cycle);
  /// `seen`: when its end was seen; nothing if it was not.
  void EndRun(const RunKey& key, RecursionState state, const std::string& why, WallTime wall,
              std::optional<WallTime> seen);
  static void ShowDead(Story& story, const RunKey& key, const Run& run);
  void EndOfOneOfSeveral(Story& story, uint64_t number, const std::string& why, WallTime wall);
  RecursionGrade WorstGradeOf(uint64_t story) const;
  std::vector<RunKey> RunsOf(const ProcessKey& process) const;
  bool WasOomKilled(const ProcessKey& process, const std::vector<RunKey>& keys);
  static bool IsOverflow(const RecursionReading& reading);
  void Die(const RunKey& key, const RecursionReading& reading);

  uint64_t StoryOf(const RecursionReading& reading, const Cycle& cycle);
  /// The story that gives way to a new one.
  uint64_t LeastOfStories() const;
  void Name(uint64_t story, const Cycle& cycle);
  void Merge(uint64_t from, uint64_t into);
  void AddIdentity(const std::string& identity, uint64_t number);
  void SetGrade(Story& story, RecursionGrade grade, const std::string& why, WallTime wall);
  void LowerGrade(Story& story, RecursionGrade grade, const std::string& why, WallTime wall);
  void SetState(Story& story, RecursionState state, const std::string& why, WallTime wall,
                std::optional<WallTime> seen);
  void Forget(uint64_t story, const std::string& why);
  void SayLastWord(const RecursionEvent& event, const std::string& why);
  bool MakeRoom(BootTime now, bool for_a_death);
  std::string NotSeen() const;

  const DetectorOptions options_;
  std::map<RunKey, Run> runs_;
  std::map<uint64_t, Story> stories_;  // by number; an event's id is the number in hexadecimal
  std::map<std::string, uint64_t> by_identity_;
  std::set<ProcessKey> dying_;            // what they do from then on, a traceback as a rule, is no recursion
  std::map<ProcessKey, BootTime> ended_;  // looks at them may still come
  struct Victim {
    uint32_t tgid = 0, tid = 0;
    BootTime time{};
  };
  std::vector<Victim> victims_;  // of the OOM killer
  BootTime full_until_{};
  std::vector<std::string> removed_;
  std::vector<RecursionChange> due_;  // to be told before all else
};

}  // namespace profd
