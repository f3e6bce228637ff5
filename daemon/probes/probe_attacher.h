// What puts probes into binaries; the kernel's, or a fake.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/status.h"
#include "worker/object_analyzer.h"

namespace profd {

/// Where the probes of one binary stand: offsets in its file, of instructions.
struct ProbeSites {
  uint64_t fatal_error = 0;   ///< in runtime.throw
  uint64_t stack_growth = 0;  ///< in runtime.(*mheap).allocManual
  bool with_growth = false;   ///< whether there is one, or may be one
};

/// One thread.
class ProbeAttacher {
 public:
  virtual ~ProbeAttacher() = default;
  /// In all processes that have the file mapped, now or later, until Detach(). `binary` is the caller's number for it,
  /// below 1,024. Replaces what was attached for that number. On failure nothing stays.
  virtual absl::Status Attach(uint32_t binary, int fd, const GoFacts& facts, const ProbeSites& sites) = 0;
  /// Blocks until the breakpoints are gone from all processes.
  virtual void Detach(uint32_t binary) = 0;
  /// What the trap itself costs a process each time, without the program that it runs; measured at the start.
  virtual std::chrono::nanoseconds trap_cost() const = 0;
};

}  // namespace profd
