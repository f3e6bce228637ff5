// The CPU sampler: loads bpf/cpu_sampler, ticks on every online CPU, hands out stacks as they come and counts at each
// flip. One thread owns it; const methods may be called from any.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "kernel/raw_records.h"
#include "worker/object_analyzer.h"

namespace profd {

struct SamplerOptions {
  uint32_t sample_hz = 19;
  bool hardware_cycles = false;
  bool has_exclusions = false;
  std::chrono::seconds longest_interval{10};  ///< between two flips: sizes the count maps
};

/// How a BPF program does, by its own clock and the kernel's records.
struct ProgramStats {
  std::string name;
  uint64_t runs = 0;
  std::chrono::nanoseconds total{};
  uint64_t recorded_runs = 0;  ///< runs that recorded a user stack
  std::chrono::nanoseconds recorded{};
  uint64_t verified_instructions = 0;
};

/// How full a map was when last drained.
struct MapFill {
  std::string name;
  uint64_t entries = 0;
  uint64_t max_entries = 0;
};

/// A CPU's ticks, for the sum that must come out even: elapsed * rate = recorded + ignored + lost.
struct CpuTicks {
  int cpu = 0;
  OutcomeCounts outcomes;
};

/// Descriptors of maps that other BPF objects use too.
struct SharedMaps {
  int go_processes = -1, excluded = -1, readings = -1, readings_lost = -1, suspects = -1;
};

class Sampler {
 public:
  /// FailedPrecondition or PermissionDenied name what the kernel lacks; the verifier's last words are in the message.
  static absl::StatusOr<std::unique_ptr<Sampler>> Create(const SamplerOptions& options);
  virtual ~Sampler() = default;

  /// Starts the ticks.
  virtual absl::Status Start() = 0;
  /// Becomes readable when there are stacks.
  virtual int stacks_fd() const = 0;
  /// Appends the stacks that have come, and the sets of labels. Never blocks.
  virtual void ReadStacks(std::vector<RawStack>& stacks, std::vector<RawLabels>& labels) = 0;
  /// Turns to the other map of counts, waits until nobody writes the old one, and empties it. Blocks for some 20-50 ms
  /// (an RCU grace period). The stacks that the counts name are in the ring by then: read them after this.
  virtual absl::StatusOr<RawInterval> Flip() = 0;

  /// CPUs that came online get a tick, those gone lose it. Cheap when nothing changed. Returns true if anything did.
  virtual absl::StatusOr<bool> FollowHotplug() = 0;
  virtual size_t cpus() const = 0;

  /// Those that were due and never came are in it: see TickLedger.
  virtual std::vector<CpuTicks> TicksByCpu() const = 0;
  virtual ProgramStats Stats() const = 0;
  virtual std::vector<MapFill> MapFills() const = 0;

  virtual SharedMaps shared_maps() const = 0;

  /// Whether counts are kept apart by goroutine. May be called from any thread.
  virtual void NoteGoroutines(bool yes) = 0;
  /// Whether they are kept apart by the labels that Go programs set for goroutines; likewise.
  virtual void NoteLabels(bool yes) = 0;
  virtual absl::Status Exclude(const ProcessId& process) = 0;
  /// `text`: where Go's functions are in that process.
  virtual absl::Status SetGoProcess(const ProcessId& process, const GoFacts& facts, const AddressRange& text) = 0;
  /// The process is gone: forget what was set for it.
  virtual void Forget(const ProcessId& process) = 0;
  /// Forgets all that are not among `alive`, for what was set after their end.
  virtual void Retain(const std::set<ProcessId>& alive) = 0;
};

}  // namespace profd
