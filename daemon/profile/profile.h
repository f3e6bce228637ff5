// What was sampled, symbolized and aggregated: the one in-memory form of a profile. Tables refer to each other by
// index.
//
// Call stacks are leaf first and *folded*: a cycle that repeats stands once, with a Fold that says how often. Every
// consumer (pprof, top, flame graph) goes through this and never expands a fold.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace profd {

inline constexpr uint32_t kNone = UINT32_MAX;

/// An executable file, or part of one, in an address space.
struct Mapping {
  uint64_t start = 0;        ///< address of the first byte; 0 in profiles of several processes that differ in it
  uint64_t limit = 0;        ///< address after the last byte
  uint64_t file_offset = 0;  ///< bytes
  std::string file;          ///< path as the process sees it, "[kernel]", "[vdso]"
  std::string build_id;      ///< hex, empty when it has none

  bool operator==(const Mapping&) const = default;
  auto operator<=>(const Mapping&) const = default;
};

struct Function {
  std::string name;         ///< as the runtime prints it (`main.(*Config).Get`), demangled C++ and Rust
  std::string system_name;  ///< as the symbol table has it, empty when that is the name
  std::string file;         ///< source file, empty when unknown
  int64_t start_line = 0;   ///< first line of the function, 0 when unknown

  bool operator==(const Function&) const = default;
  auto operator<=>(const Function&) const = default;
};

struct Line {
  uint32_t function = kNone;  ///< index in Profile::functions
  int64_t line = 0;           ///< 0 when unknown

  bool operator==(const Line&) const = default;
  auto operator<=>(const Line&) const = default;
};

/// One frame: an address and the functions it stands for. Markers (`[no frame pointer]`) have a line and no mapping.
struct Location {
  uint32_t mapping = kNone;  ///< index in Profile::mappings
  uint64_t address = 0;      ///< in the process; for a file mapped at `mapping.start`
  std::vector<Line> lines;   ///< innermost inlined call first, the physical function last; empty: not symbolized

  bool operator==(const Location&) const = default;
  auto operator<=>(const Location&) const = default;
};

/// `length` frames from `first` on stand for `repeats` runs of them, one after the other.
/// Estimated (irregular recursion): those frames are the leaf-most of about `length * repeats` that are like them.
struct Fold {
  uint32_t first = 0;    ///< index in CallStack::locations
  uint32_t length = 0;   ///< frames in the cycle, at least 1
  uint64_t repeats = 1;  ///< how often the cycle stands on the stack, this once included
  bool estimated = false;

  bool operator==(const Fold&) const = default;
};

/// Leaf first. Folds are sorted and do not overlap; none contains frame 0 of a user stack, so `flat` stays true.
struct CallStack {
  std::vector<uint32_t> locations;  ///< indices in Profile::locations
  std::vector<Fold> folds;
  bool truncated = false;  ///< the root end is missing; the last location is the marker that says why

  /// Frames on the real stack: every fold counted in full.
  uint64_t Depth() const {
    uint64_t depth = locations.size();
    for (const Fold& fold : folds) depth += fold.length * (fold.repeats - 1);
    return depth;
  }
  bool DepthEstimated() const {
    return std::any_of(folds.begin(), folds.end(), [](const Fold& fold) { return fold.estimated; });
  }

  bool operator==(const CallStack&) const = default;
};

/// Where a process runs. Empty strings where it runs in no container.
struct ContainerLabels {
  std::string name;        ///< container
  std::string id;          ///< container id, 64 hex digits as a rule
  std::string pod;         ///< pod name when known, else the pod's UID
  std::string name_space;  ///< Kubernetes namespace

  bool operator==(const ContainerLabels&) const = default;
  auto operator<=>(const ContainerLabels&) const = default;
};

/// One program in one process: exec starts another.
struct Process {
  uint32_t pid = 0;            ///< thread group id in profd's PID namespace
  uint64_t start_time_ns = 0;  ///< BootTime of the process's start
  uint32_t exec_id = 0;        ///< the kernel's self_exec_id
  std::string command;         ///< comm of the thread group leader, raw bytes
  ContainerLabels container;

  bool operator==(const Process&) const = default;
  auto operator<=>(const Process&) const = default;
};

/// Key and value, sorted.
using GoLabels = std::vector<std::pair<std::string, std::string>>;

struct Sample {
  uint32_t process = kNone;  ///< index in Profile::processes
  uint32_t tid = 0;
  std::string thread_name;
  uint64_t goroutine = 0;  ///< Go's id of it; 0: not asked for, or none
  GoLabels labels;         ///< that the program set (runtime/pprof.Do); empty: not asked for, or none
  CallStack stack;
  uint64_t count = 0;        ///< ticks
  uint64_t stack_bytes = 0;  ///< deepest user stack seen with this stack, 0 when unknown

  bool operator==(const Sample&) const = default;
};

struct Profile {
  WallTime start{};
  std::chrono::nanoseconds duration{};
  std::chrono::nanoseconds period{};  ///< CPU time that one tick stands for

  std::vector<Mapping> mappings;
  std::vector<Function> functions;
  std::vector<Location> locations;
  std::vector<Process> processes;
  std::vector<Sample> samples;

  bool operator==(const Profile&) const = default;
};

/// Counts of ticks by the metric label of their outcome (bpf/shared/sample_outcome.def).
using OutcomeCounts = std::map<std::string, uint64_t>;

}  // namespace profd
