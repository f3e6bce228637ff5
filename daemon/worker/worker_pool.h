// Asks sandboxed workers about objects: one object a worker, and nothing believed that they say.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "worker/object_analyzer.h"

namespace profd {

struct WorkerPoolOptions {
  std::string executable = "/proc/self/exe";
  std::vector<std::string> arguments = {"profd", "--worker"};  ///< the first is the name

  size_t max_workers = 2;                        ///< at once
  std::chrono::milliseconds idle_timeout{3000};  ///< a worker that nobody asks ends
  std::chrono::milliseconds question_deadline{5000};

  uint64_t memory_bytes = uint64_t{256} << 20;  ///< a worker's own, mapped files apart
  uint64_t address_space_bytes = uint64_t{1} << 30;
  uint32_t cpu_seconds = 30;

  /// After a crash or time-out an object is left alone for `first_backoff`, then twice as long each time.
  std::chrono::milliseconds first_backoff{1000};
  std::chrono::milliseconds longest_backoff{300'000};
  /// So long a refused object is refused again without asking.
  std::chrono::milliseconds refusal_time{60'000};
};

/// Thread safe. The descriptor of an ObjectRef is only used during the call. Questions about one object wait for each
/// other; those about more objects than there are workers wait for a free one. Nobody else may wait for all children of
/// this process (waitpid(-1)), nor ignore SIGCHLD.
class WorkerPool final : public ObjectAnalyzer {
 public:
  /// Refuses options that make no sense; launches nothing yet.
  static absl::StatusOr<std::unique_ptr<ObjectAnalyzer>> Create(WorkerPoolOptions options);
  ~WorkerPool() override;

  absl::StatusOr<ObjectFacts> Describe(const ObjectRef& object) override;
  absl::StatusOr<std::vector<FrameLines>> Resolve(const ObjectRef& object,
                                                  std::span<const uint64_t> positions) override;
  absl::StatusOr<GoFacts> AskGo(const ObjectRef& object) override;
  absl::StatusOr<std::vector<std::optional<uint32_t>>> AskStackDeltas(const ObjectRef& object,
                                                                      std::span<const uint64_t> positions) override;
  absl::StatusOr<std::vector<NamedFunction>> AskFunctions(const ObjectRef& object, const std::string& glob) override;
  absl::StatusOr<std::vector<std::string>> AskGoTypes(const ObjectRef& object,
                                                      std::span<const uint64_t> positions) override;
  AnalyzerCounters counters() const override;

  /// Of the workers that run now.
  std::vector<pid_t> pids() const;

 private:
  class Impl;
  explicit WorkerPool(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace profd
