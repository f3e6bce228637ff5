// From ticks in the kernel to segments in the store: three stages, a thread each, bounded queues between them.
//
//   collector --RawBatch--> resolver --ResolvedBatch--> symbolizer --Segment--> store, observers
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/bounded_queue.h"
#include "base/clock.h"
#include "kernel/process_monitor.h"
#include "kernel/sampler.h"
#include "pipeline/collector.h"
#include "pipeline/go_discovery.h"
#include "pipeline/resolver.h"
#include "pipeline/symbolize_stage.h"
#include "storage/profile_store.h"
#include "symbols/symbolizer.h"

namespace profd {

struct PipelineOptions {
  uint32_t sample_hz = 19;
  Exclusions exclusions;
};

/// What the pipeline stands on; everything outlives it.
struct PipelineParts {
  Sampler* sampler = nullptr;
  ProcessMonitor* monitor = nullptr;
  const ProcFs* proc_fs = nullptr;
  Symbolizer* symbolizer = nullptr;
  ProfileStore* store = nullptr;
  const Clock* clock = nullptr;
  std::function<void(const Segment&)> on_segment;     ///< from the symbolizing thread, before the store has it
  std::function<void(const absl::Status&)> on_error;  ///< from any of its threads
  /// Of each process that runs Go, once; from several threads.
  std::function<void(GoProgram)> on_go;
  /// From the resolving thread, in order.
  std::function<void(const ProcessEvent&)> on_process_event;
};

/// Public methods may be called from any thread.
class Pipeline {
 public:
  static absl::StatusOr<std::unique_ptr<Pipeline>> Start(const PipelineOptions& options, const PipelineParts& parts);
  ~Pipeline();

  /// Everything until now is in the store when this returns: the end of the newest segment. DeadlineExceeded after ten
  /// seconds, which means that the stages do not keep up.
  absl::StatusOr<WallTime> Flip();
  /// A last segment goes to the store, then the threads end. Flip fails from now on.
  void Stop();

  /// Looks for Go programs among what runs already, the busiest first, and from now on among what starts.
  void DiscoverGo();
  Resolver* resolver() { return resolver_.get(); }
  std::vector<Resolver::KnownProcess> Processes() { return resolver_->Processes(); }
  size_t process_count() const { return resolver_->size(); }
  uint64_t evicted_processes() const { return resolver_->evicted(); }
  uint64_t dropped_mappings() const { return resolver_->dropped_mappings(); }
  /// Since start, live; what user space lost is moved from recorded to lost.
  OutcomeCounts Outcomes() const;

  struct QueueState {
    const char* name;
    size_t size;
    uint64_t dropped;
  };
  std::vector<QueueState> Queues() const;

 private:
  Pipeline(const PipelineOptions& options, const PipelineParts& parts) : options_(options), parts_(parts) {}
  void OnGo(GoProgram program);
  void RunResolver();
  void RunSymbolizer();
  void Publish(SymbolizeStage::Output output, uint64_t flip);
  void CorrectOutcomes(OutcomeCounts& outcomes) const;

  const PipelineOptions options_;
  const PipelineParts parts_;
  BoundedQueue<RawBatch> raw_{1024, 64 << 20};
  BoundedQueue<ResolvedBatch> resolved_{1024, 64 << 20};
  std::unique_ptr<Resolver> resolver_;
  std::unique_ptr<Collector> collector_;
  std::unique_ptr<SymbolizeStage> symbolize_;
  std::unique_ptr<GoDiscovery> discovery_;
  std::jthread resolver_thread_, symbolizer_thread_;
  std::atomic<uint64_t> unknown_ticks_{0}, dropped_ticks_{0};
  OutcomeCounts last_outcomes_;  // of the symbolizing thread

  mutable std::mutex outcomes_mutex_;
  mutable OutcomeCounts shown_outcomes_;

  std::mutex flip_mutex_;
  std::condition_variable flipped_;
  uint64_t flips_done_ = 0, failed_flip_ = 0;
  WallTime newest_end_{};
  bool stopped_ = false;
};

}  // namespace profd
