// Which processes use map functions that the configuration describes: those of programs that are not Go.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "config/user_map_function.h"
#include "pipeline/resolver.h"
#include "probes/map_binary.h"
#include "symbols/symbolizer.h"

namespace profd {

struct DescribedMapsParts {
  Resolver* resolver = nullptr;
  Symbolizer* symbolizer = nullptr;
  const Clock* clock = nullptr;
  std::function<void(const absl::Status&)> on_error;  ///< functions that cannot be probed, once a binary
};

/// Thread safe. Knows one binary a process: the first that is described.
class DescribedMaps {
 public:
  /// `texts` as of ParseUserMapFunction, which have been found right.
  DescribedMaps(const std::vector<std::string>& texts, DescribedMapsParts parts);

  /// What the process has mapped of what is described, once: null afterwards. Null as well if there is nothing, or no
  /// answer within `patience`; what is mapped or answered later is found with a later look. FailedPrecondition, once:
  /// it cannot be probed, and why.
  absl::StatusOr<std::shared_ptr<const MapBinary>> Look(const ProcessId& process, Symbolizer::Patience patience);
  void OnEnd(const ProcessId& process);

 private:
  bool IsDue(const ProcessId& process, BootTime now) const;
  void NextLook(const ProcessId& process, BootTime when);
  absl::StatusOr<std::shared_ptr<const MapBinary>> BinaryOf(const std::vector<DescribedMapFunctions>& described,
                                                            const std::string& path, Symbolizer::File file);

  const std::vector<UserMapFunction> described_;
  const DescribedMapsParts parts_;
  mutable std::mutex mutex_;
  std::map<FileIdentity, std::weak_ptr<const MapBinary>> binaries_;  // below: under mutex_
  std::map<ProcessId, BootTime> next_look_;
};

}  // namespace profd
