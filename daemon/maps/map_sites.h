// From the hits of map probes to answers: which lines use which map how often, and what is wrong with it. Pure.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/clock.h"
#include "maps/access_rate.h"
#include "probes/map_prober.h"
#include "probes/map_use.h"

namespace profd {

using MapOperation = MapFunction::Operation;
/// "read", "write", ...
const char* ToWord(MapOperation operation);

/// What one window has brought. The hits are the first ones of those that `use` counts.
struct MapWindowData {
  BootTime end{};
  MapFunctionSet functions;  ///< that were probed; none: all
  MapUse use;
  std::vector<MapHit> hits;
};

/// How one line of a program uses maps of one type.
struct MapSite {
  uint64_t caller = 0;  ///< return address
  uint64_t parent = 0;  ///< that of the caller: from Go 1.27 on some map functions call others
  uint64_t type = 0;    ///< address of the map's type; 0: sync.Map; not Go's: 1 and the function's number
  MapOperation operation = MapOperation::kRead;
  double share = 0;  ///< of the process's map accesses
  MapRate rate;
  uint64_t entries = 0;  ///< of the map that was seen last
  bool entries_known = false;
  double top_key_share = 0;  ///< of its accesses, that were for one key; 0: not known
  std::string top_key;       ///< its bytes, where text was wanted
  uint64_t top_key_hash = 0;
  std::vector<std::string> hazards;  ///< in words
};

/// That a goroutine asks one map for one key again and again, deeper each time.
struct MapEvidence {
  uint64_t map = 0, type = 0, entries = 0, key_hash = 0;
  std::string key;             ///< its bytes, where text was wanted
  uint64_t same_key_hits = 0;  ///< each deeper than the one before

  bool operator==(const MapEvidence&) const = default;
};

/// One process. Not thread safe. Bounded: 256 sites, of each eight keys. What was seen a minute ago
/// counts a third.
class MapSites {
 public:
  using OperationOf = std::array<MapOperation, 256>;  ///< by a hit's function number

  void Add(const MapWindowData& window, const OperationOf& operations);
  /// Which functions the next window is to probe, so that it tells how often: about a quarter of the accesses. None:
  /// all.
  MapFunctionSet FunctionsForRate() const;
  /// Most accesses first.
  std::vector<MapSite> Sites() const;
  /// All accesses together.
  MapRate Rate() const;
  uint64_t hits() const { return hits_; }
  BootTime newest() const { return newest_; }

 private:
  using SiteKey = std::tuple<uint64_t, uint64_t, MapOperation, uint64_t>;  // caller, type, its parent
  struct Key {
    uint64_t hash = 0;
    double hits = 0;    // at most
    double surely = 0;  // of these; the rest may have been others' whose place it took
    std::string text;
  };
  struct Site {
    double hits = 0;
    uint64_t entries = 0;
    bool entries_known = false;
    uint64_t room = 0;  // of the map that was seen last, as overflows
    bool overflows = false;
    std::vector<Key> keys;  // most frequent ones, as "space saving" keeps them
    double keyed_hits = 0;
    size_t writers = 0;  // goroutines that wrote one map in one window
    bool used_while_written = false, endless_reads = false;
  };
  void Decay(BootTime now);
  double ShareOf(const MapFunctionSet& functions) const;
  void AddHit(const MapHit& hit, MapOperation operation);
  static void AddKey(Site& site, const MapHit& hit);
  void FindEndlessReads(const MapWindowData& window, const OperationOf& operations);
  static std::vector<std::string> HazardsOf(const Site& site);

  std::map<SiteKey, Site> sites_;
  std::map<uint64_t, std::set<uint64_t>> writers_;  // goroutines, by map; of the newest window
  AccessRate rate_;
  std::array<double, 256> function_hits_{};
  double all_hits_ = 0;
  uint64_t hits_ = 0;
  bool newest_was_whole_ = false;
  BootTime newest_{};
};

/// Of a window's hits, what this goroutine does: at least `kLeastSameKey` times one line asks one map for one key, each
/// time with more stack in use; where it is as much more each time, `kLeastSameKeyInStep` are enough.
std::optional<MapEvidence> FindMapEvidence(const std::vector<MapHit>& hits, uint64_t goroutine);
inline constexpr uint64_t kLeastSameKey = 4, kLeastSameKeyInStep = 3;

}  // namespace profd
