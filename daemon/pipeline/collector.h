// First stage: the thread that talks to the kernel. Reads the rings as they fill, flips the maps of counts every ten
// seconds and when asked, and passes batches on.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/bounded_queue.h"
#include "base/clock.h"
#include "base/unique_fd.h"
#include "kernel/process_monitor.h"
#include "kernel/sampler.h"
#include "pipeline/stages.h"

namespace profd {

class Collector {
 public:
  static constexpr std::chrono::seconds kInterval{10};  ///< longest between two flips
  static constexpr std::chrono::milliseconds kLeastFlipGap{100};

  /// `out` and `sampler`, `monitor` outlive it. `on_error` is told what went wrong, from the collector's thread.
  static absl::StatusOr<std::unique_ptr<Collector>> Create(Sampler* sampler, ProcessMonitor* monitor,
                                                           BoundedQueue<RawBatch>* out,
                                                           std::function<void(const absl::Status&)> on_error);
  ~Collector();

  /// Asks for a flip; its number. The batch that carries this number or a higher one has what happened until now.
  uint64_t RequestFlip();
  /// Runs `task` on the collector's thread, which owns the sampler.
  void Post(std::function<void(Sampler&)> task);
  /// A last flip, then the thread ends and `out` is closed.
  void Stop();

  /// Ticks whose counts were thrown away because the next stage did not keep up.
  uint64_t ticks_dropped() const { return ticks_dropped_.load(); }

 private:
  Collector(Sampler* sampler, ProcessMonitor* monitor, BoundedQueue<RawBatch>* out,
            std::function<void(const absl::Status&)> on_error)
      : sampler_(sampler), monitor_(monitor), out_(out), on_error_(std::move(on_error)) {}
  absl::Status Watch();
  void Run(std::stop_token stop);
  void Wait();
  void Collect(bool flip);
  void RunPosted();
  void ForgetGone(const std::vector<ProcessEvent>& events);
  void Wake();

  Sampler* const sampler_;
  ProcessMonitor* const monitor_;
  BoundedQueue<RawBatch>* const out_;
  const std::function<void(const absl::Status&)> on_error_;
  SystemClock clock_;
  UniqueFd epoll_, wakeup_;
  BootTime last_flip_{};
  std::atomic<uint64_t> flips_requested_{0};
  uint64_t flips_done_ = 0;
  std::atomic<uint64_t> ticks_dropped_{0};
  std::mutex posted_mutex_;
  std::vector<std::function<void(Sampler&)>> posted_;
  std::jthread thread_;
};

}  // namespace profd
