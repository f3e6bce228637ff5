// A recursion story: what is told about one cycle in one program, now and after the program's death.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "profile/profile.h"

namespace profd {

/// How sure it is that this recursion kills its process. In ascending order; `kProven` is given by nothing yet.
enum class RecursionGrade {
  kObserved,   ///< a cycle stands at least three times on a stack; honest programs do this
  kGrowing,    ///< the same stack and cycle, again and again deeper
  kProjected,  ///< over a quarter of the limit in use and rising, or dead of it; it may still return
  kProven,     ///< it cannot end by itself
};
enum class RecursionState { kActive, kEnded, kCrashed, kOomKilled };
/// What looked at the stack.
enum class RecursionTrigger { kSample, kStackGrowth, kFatalError, kFatalSignal, kOomKill };

/// The words of JSON, SQL and people: "observed", "oom_killed", "stack_growth".
const char* ToWord(RecursionGrade grade);
const char* ToWord(RecursionState state);
const char* ToWord(RecursionTrigger trigger);
/// Nothing: no such word.
std::optional<RecursionGrade> ParseGrade(std::string_view word);
std::optional<RecursionState> ParseState(std::string_view word);
std::optional<RecursionTrigger> ParseTrigger(std::string_view word);

struct CodeFrame {
  std::string name;  ///< function, as its runtime prints it; "FILE+0xOFFSET" while unknown
  std::string file;  ///< source file; empty: unknown
  int64_t line = 0;  ///< 0: unknown

  bool operator==(const CodeFrame&) const = default;
};

/// The map that each level of the recursion asks for the same key. It explains; it proves nothing: an honest
/// interpreter does the same.
struct RecursionMap {
  uint64_t address = 0;
  std::string type;  ///< "map[string]interface {}"; empty: not known
  uint64_t entries = 0;
  uint64_t key_hash = 0;       ///< of this life of profd
  std::string key;             ///< its first bytes, where profd may show keys
  uint64_t same_key_hits = 0;  ///< times in a row, each deeper, in one window of probes

  bool operator==(const RecursionMap&) const = default;
};

/// Why it became what it is.
struct RecursionStep {
  WallTime time{};
  std::string what;  ///< "growing: ..."

  bool operator==(const RecursionStep&) const = default;
};

/// One story: one cycle in one program (command and container), however many goroutines, processes and restarts it
/// has. What is said of pid, thread, depth and stack is about its worst stack; of those of one grade that of the newest
/// process, and of these the deepest.
struct RecursionEvent {
  std::string id;  ///< 16 hex digits; stays the same across restarts of the program and of profd
  /// What makes two readings one story; equal for the same cycle of functions in the same command and container.
  std::string identity;
  RecursionGrade grade = RecursionGrade::kObserved;
  RecursionState state = RecursionState::kActive;
  Process process;
  uint32_t tid = 0;
  uint64_t goroutine = 0;        ///< 0: no Go
  std::vector<CodeFrame> cycle;  ///< from the caller's side to the called one, in canonical rotation
  std::vector<CodeFrame> entry;  ///< who called into the cycle, nearest first
  std::vector<CodeFrame> root;   ///< the last frames, the thread's or goroutine's start function last
  uint64_t depth = 0;            ///< frames on the stack
  bool depth_exact = false;
  std::optional<uint64_t> depth_error;  ///< frames by which an estimated depth may be wrong (two standard errors)
  uint64_t stack_bytes = 0;
  uint64_t stack_limit_bytes = 0;  ///< 0: not known
  std::string limit_reason;        ///< "goroutine stack limit", "memory.max of /kubepods/...", "RLIMIT_STACK", ...
  double growth_bytes_per_second = 0;
  std::optional<double> seconds_to_overflow;  ///< nothing: it does not grow, or is over
  WallTime first_seen{}, last_seen{};
  RecursionTrigger trigger = RecursionTrigger::kSample;  ///< of the newest reading
  std::string reason;                                    ///< why this grade and state
  uint32_t positions_verified = 0;                       ///< places of the stack that were looked at for the depth
  uint64_t occurrences = 1;                              ///< goroutines and threads, of all processes, that did this
  std::optional<RecursionMap> map;                       ///< seen by probes, the last time
  std::string advice;                                    ///< where a guard belongs
  std::vector<RecursionStep> history;                    ///< oldest first, at most 32

  bool operator==(const RecursionEvent&) const = default;
};

}  // namespace profd
