// Finds Go programs before a tick hits them: those that run when profd starts, the busiest first, and those that start
// later, once they are a little older than what comes and goes.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "pipeline/go_program.h"
#include "pipeline/resolver.h"
#include "symbols/symbolizer.h"

namespace profd {

/// Asks the symbolizer about a program whose executable has `text` mapped; Unavailable: ask again.
absl::StatusOr<GoProgram> AskAboutGo(Symbolizer& symbolizer, const ProcessId& id, const ProcessDetails& process,
                                     const ResolvedAddress& text, Symbolizer::Patience patience);

/// Public methods may be called from any thread.
class GoDiscovery {
 public:
  /// Everything outlives it. `on_go` is called from its thread.
  GoDiscovery(Resolver* resolver, Symbolizer* symbolizer, const Clock* clock, std::function<void(GoProgram)> on_go);
  ~GoDiscovery();

  /// These run already; in this order.
  void Begin(const std::vector<ProcessId>& running);
  /// A program has begun.
  void OnExec(const ProcessId& process, BootTime time);

 private:
  static constexpr std::chrono::milliseconds kLeastAge{200};
  static constexpr size_t kMostWaiting = 4096;
  static constexpr int kMostTries = 4;
  static constexpr Symbolizer::Patience kPatience{500};  ///< no file holds up the others for long
  struct Candidate {
    ProcessId process;
    BootTime due{};
    int tries = 0;
  };
  void Run(std::stop_token stop);
  void Look(Candidate candidate);
  void Insert(Candidate candidate);

  Resolver* const resolver_;
  Symbolizer* const symbolizer_;
  const Clock* const clock_;
  const std::function<void(GoProgram)> on_go_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::deque<Candidate> waiting_;  // the first due first
  std::jthread thread_;
};

}  // namespace profd
