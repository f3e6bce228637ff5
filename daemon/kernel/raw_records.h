// What comes out of the kernel, as values: bpf/shared/abi.h decoded, nothing looked up yet.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "process/process_table.h"
#include "profile/profile.h"

namespace profd {

struct AddressRange {
  uint64_t low = 0, high = 0;  ///< [low, high)
};

/// The body of a stack, sent once a generation. Leaf first.
struct RawStack {
  bool kernel = false;
  uint32_t generation = 0;
  BootTime time{};
  ProcessId process;  ///< of a user stack
  uint64_t hash = 0;
  std::vector<uint64_t> frames;
  std::vector<Fold> folds;  ///< `repeats`: how many to add to those that a count of this stack tells
  /// What may be the return address of a Go leaf, by how far above the stack pointer it stands (bytes); and how far the
  /// frame pointer is above it, if it is near.
  struct LeafCaller {
    uint32_t above = 0;
    uint64_t address = 0;
  };
  std::vector<LeafCaller> leaf_callers;
  std::optional<uint32_t> leaf_frame;
  size_t leaf_index = 0;  ///< which of the frames that leaf is: not 0 where a signal interrupted it
  bool truncated = false;
  bool no_frame_pointer = false;
  bool read_failed = false;
};

/// Labels that a Go program has set for a goroutine, sent once a generation. At most 8; keys are cut at 32 bytes,
/// values at 64.
struct RawLabels {
  uint32_t generation = 0;
  uint64_t hash = 0;
  std::vector<std::pair<std::string, std::string>> labels;  ///< sorted
};
inline constexpr uint64_t kOtherLabels = 1;  ///< instead of a hash: too many labels, or too many sets of them

/// Ticks with one pair of stacks, in one thread, between two flips.
struct RawCount {
  ProcessId process;
  uint32_t tid = 0;
  std::string thread_name;
  uint64_t goroutine = 0;    ///< its id; 0: not noted, or none
  uint64_t labels = 0;       ///< hash of its labels; 0: not noted, or none
  uint64_t user_hash = 0;    ///< 0: no user stack
  uint64_t kernel_hash = 0;  ///< 0: no kernel stack
  uint64_t ticks = 0;
  BootTime last_seen{};
  uint64_t stack_bytes = 0;
  std::vector<uint64_t> repeats;  ///< for each fold of the user stack; zeros at the end left out
};

struct ProcessEvent {
  enum class Kind { kExec, kFork, kExit, kThreadExit };  ///< thread exit: not the last, when all threads are ending
  Kind kind = Kind::kExec;
  BootTime time{};
  ProcessId process;
  uint32_t parent_tgid = 0;                           ///< fork
  uint32_t tid = 0;                                   ///< exits
  uint32_t exit_code = 0;                             ///< exit: of the process, as wait() has it
  std::chrono::nanoseconds cpu{};                     ///< exec: of the whole process so far; exits: of the thread
  std::chrono::nanoseconds leader_cpu{}, dead_cpu{};  ///< exits: of the leader; of threads that were gone before
  std::string comm;
};

/// A mapping event, or the moment when an exec tears the old address space down.
struct MappingEvent {
  uint32_t tgid = 0;
  BootTime time{};
  bool exec = false;
  MapEvent map;  ///< when not exec
};

struct TaskUsage {
  ProcessId process;
  std::string comm;
  std::chrono::nanoseconds cpu{};  ///< all threads, dead ones included
};

/// Everything that one flip of the count maps brought.
struct RawInterval {
  uint32_t generation = 0;
  BootTime start{}, end{};
  std::vector<RawCount> counts;
  std::vector<TaskUsage> usage;  ///< cumulative, of each living process
  OutcomeCounts outcomes;        ///< cumulative since start
};

/// Makes what a fold leaves out as little as can be: whole cycles that stand behind a fold, frame by frame, become
/// repeats of it. The kernel side leaves them there when the walk's window ends in the middle of a cycle.
void AbsorbWholeCycles(std::vector<uint64_t>& frames, std::vector<Fold>& folds);

/// Decoders of ring buffer records. InvalidArgument for a record that is shorter than it says.
absl::StatusOr<RawStack> DecodeStack(const void* data, size_t size);
/// Nothing: it is another record.
std::optional<RawLabels> DecodeLabels(const void* data, size_t size);
absl::StatusOr<ProcessEvent> DecodeProcessEvent(const void* data, size_t size);
/// Adds up the task iterator's records by process; kernel threads are left out.
std::vector<TaskUsage> DecodeTasks(const void* data, size_t size);

/// A kernel comm: up to 16 bytes, ended by NUL.
std::string DecodeComm(const uint8_t* comm);

}  // namespace profd
