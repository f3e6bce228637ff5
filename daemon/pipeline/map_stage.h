// What map probes have seen, by process, with names: the answers about maps, and the evidence for the recursion
// detector.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "maps/map_answer.h"
#include "pipeline/resolver.h"
#include "probes/map_windows.h"
#include "process/proc_fs.h"
#include "recursion/event.h"
#include "symbols/symbolizer.h"

namespace profd {

struct MapStageParts {
  Resolver* resolver = nullptr;
  Symbolizer* symbolizer = nullptr;
  const ProcFs* proc_fs = nullptr;
  /// A goroutine asks one map for one key, deeper each time.
  std::function<void(const ProcessId&, uint64_t goroutine, const RecursionMap&)> on_evidence;
};

/// Public methods may be called from any thread. Keeps the 1,024 processes that were seen last.
class MapStage {
 public:
  explicit MapStage(MapStageParts parts) : parts_(std::move(parts)) {}

  /// A process whose map functions may be probed.
  void OnProgram(const ProcessId& process);
  /// One whose map functions the configuration describes.
  void OnDescribed(const ProcessId& process, std::shared_ptr<const MapBinary> binary);
  void OnEnd(const ProcessId& process);
  void OnWindow(const MapWindow& window);
  /// As of MapSites.
  MapFunctionSet FunctionsForRate(const ProcessId& process) const;

  /// Asks workers for names, for up to half a second.
  MapAnswer MapsOf(const ProcessId& process) const;
  /// Of Go processes whose map functions have been probed.
  std::map<ProcessId, MapRate> Rates() const;

 private:
  struct Known {
    std::vector<MapEvent> mappings;              // of the program's file: its types are in one of them
    std::shared_ptr<const MapBinary> described;  // its functions' names stand for types; null: it is Go's
    MapSites sites;
    bool in_long_bursts = false;
  };
  Known& Admit(const ProcessId& process);
  void Tell(const MapWindow& window) const;
  std::optional<uint64_t> PositionOf(const ProcessId& process, uint64_t address) const;
  std::string TypeName(const ProcessId& process, uint64_t type, Symbolizer::Patience patience) const;

  const MapStageParts parts_;
  mutable std::mutex mutex_;
  std::map<ProcessId, Known> known_;
};

}  // namespace profd
