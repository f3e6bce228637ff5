// Loads bpf/tripwires: the probes in Go programs, the fatal signal, the OOM kill, the suspects' ticks and ends; and
// hands out
// what they, and the sampler's tick, have to tell.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "kernel/probe_holder.h"
#include "kernel/raw_records.h"
#include "kernel/sampler.h"
#include "probes/go_probes.h"
#include "probes/probe_attacher.h"
#include "recursion/event.h"

namespace profd {

/// One look at a stack that may be in a recursion.
struct StackReading {
  ProcessId process;
  uint32_t tid = 0;
  uint32_t uid = 0;  ///< whose process it is, as the host counts users
  std::string thread_name;
  RecursionTrigger trigger = RecursionTrigger::kSample;
  BootTime time{};
  uint64_t goroutine = 0;               ///< its id; 0: none
  uint64_t stack_lo = 0, stack_hi = 0;  ///< 0: not known
  uint64_t stack_bytes = 0;             ///< in use
  uint64_t max_stack = 0;               ///< runtime.maxstacksize; 0: no Go, or not known
  uint64_t rlimit_stack = 0;            ///< RLIMIT_STACK, bytes
  bool main_thread_stack = false;       ///< that this limits
  bool fatal = false;                   ///< the process dies of what triggered this
  bool fault_at_stack_pointer = false;  ///< a fatal signal: what was touched and could not be is next to it
  uint32_t positions_verified = 0;
  uint32_t sampled_frames = 0;  ///< that an estimated depth is extrapolated from
  RawStack stack;               ///< with the folds' repeats in full
};

struct OomKill {
  ProcessId process;  ///< tgid 0: only a thread is known
  uint32_t tid = 0;
  BootTime time{};
};

/// The end of a process that was a suspect.
struct SuspectExit {
  ProcessEvent event;
  size_t after = 0;  ///< how many of the readings were before it
};

struct TripwireRecords {
  std::vector<StackReading> readings;
  std::vector<SuspectExit> exits;
  std::vector<OomKill> oom_kills;
  std::vector<ProbeCost> costs;
};

/// Appends what one record of the ring says. False: it is none of theirs.
bool DecodeTripwireRecord(const void* data, size_t size, TripwireRecords& out);

struct TripwireOptions {
  bool has_exclusions = false;
  uint32_t suspect_hz = 99;
};

/// Read() and SetSuspects() are for one thread, the attacher for one (another) thread, the rest for any.
class Tripwires : public ProbeAttacher {
 public:
  /// Shares maps with the sampler, which outlives it, as `holder` does. Errors as of Sampler::Create.
  static absl::StatusOr<std::unique_ptr<Tripwires>> Create(const TripwireOptions& options, const Sampler& sampler,
                                                           ProbeHolder* holder);

  /// Becomes readable when there is something.
  virtual int readings_fd() const = 0;
  /// Never blocks.
  virtual void Read(TripwireRecords& out) = 0;
  /// Exactly these have ticks of their own from now on; at most 256.
  virtual absl::Status SetSuspects(const std::set<ProcessId>& suspects) = 0;
  virtual std::vector<ProgramStats> Stats() const = 0;
  virtual uint64_t lost_readings() const = 0;
  /// "uprobe_multi" or "perf uprobe"; how probes are attached here.
  virtual const char* mechanism() const = 0;
};

}  // namespace profd
