// Recent history. A segment is what was sampled between two flips of the kernel's count maps; windows are sums of them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "profile/profile.h"

namespace profd {

/// What one process used in one segment, sampled or not.
struct ProcessUsage {
  Process process;
  std::chrono::nanoseconds cpu{};  ///< user + system, from the kernel's accounting
  uint64_t samples = 0;            ///< recorded ticks
  uint64_t map_samples = 0;        ///< of these, in Go's map functions
  uint64_t deepest_frames = 0;     ///< of any stack sampled
  bool deepest_estimated = false;
  uint64_t deepest_stack_bytes = 0;
  bool exited = false;
};

struct Segment {
  WallTime start{};
  WallTime end{};
  std::chrono::nanoseconds period{};
  std::string profile;              ///< of all processes, encoded by pprof::Encode, gzipped
  std::vector<ProcessUsage> usage;  ///< sorted by pid
  OutcomeCounts outcomes;           ///< ticks that ended in this segment
};

/// Thread safe. A segment belongs to the range [since, until) if its midpoint lies in it, so that a range made of a
/// segment's own start and end gives back exactly that segment.
class ProfileStore {
 public:
  virtual ~ProfileStore() = default;
  virtual absl::Status Append(Segment segment) = 0;
  /// Oldest first; empty when nothing is stored of that time.
  virtual absl::StatusOr<std::vector<std::shared_ptr<const Segment>>> Query(WallTime since, WallTime until) const = 0;
  virtual uint64_t bytes() const = 0;
};

/// A ring in memory: drops the oldest segments beyond `max_bytes`, or that ended `max_age` before the newest did.
/// Append refuses an empty span (InvalidArgument) and a segment larger than `max_bytes` (ResourceExhausted), and keeps
/// the rest.
std::unique_ptr<ProfileStore> MakeMemoryProfileStore(uint64_t max_bytes, std::chrono::nanoseconds max_age);

}  // namespace profd
