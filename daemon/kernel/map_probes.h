// Loads bpf/map_probes: the probes on map functions.
#pragma once

#include <memory>
#include <vector>

#include "kernel/probe_holder.h"
#include "kernel/sampler.h"
#include "probes/map_prober.h"

namespace profd {

/// Appends what one record of the ring says. False: it is no hit.
bool DecodeMapHit(const void* data, size_t size, std::vector<MapHit>& out);

class MapProbes : public MapProber {
 public:
  /// `holder` outlives it. Errors as of Sampler::Create. FailedPrecondition: the kernel takes the probes, and they are
  /// not hit.
  static absl::StatusOr<std::unique_ptr<MapProbes>> Create(ProbeHolder* holder);

  virtual std::vector<ProgramStats> Stats() const = 0;
  /// Hits that found the ring full.
  virtual uint64_t lost_hits() const = 0;
  /// "uprobe_multi", or "perf uprobe", and what suspects get: "breakpoints".
  virtual const char* mechanism() const = 0;
  /// Else the other processes of a binary are hit too, and only counted; and closing takes long.
  virtual bool of_one_process() const = 0;
  /// Takes away what a profd that was killed has left at these sites of a file, in all processes. Blocks as Close()
  /// does.
  virtual absl::Status Sweep(int fd, const std::vector<MapProbeSite>& sites) = 0;
};

}  // namespace profd
