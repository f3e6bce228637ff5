// Where in a binary map functions are probed.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "probes/map_prober.h"
#include "worker/object_analyzer.h"

namespace profd {

/// A binary whose map functions can be probed. Shared by its processes.
struct MapBinary {
  std::string path;
  UniqueFd fd;
  bool swiss = false;  ///< the layout of maps from Go 1.24 on
  uint32_t g_goid = 0, g_stack_hi = 0;
  std::vector<MapFunction> functions;  ///< a hit's function is an index in these
  std::vector<std::string> names;      ///< of the functions; empty: they are Go's
  std::vector<std::string> refused;    ///< functions that are described and cannot be probed, with the reasons
  std::vector<MapProbeSite> sites;
};

/// Which thread of a process recurses, and through what code.
struct RecursingThread {
  uint32_t tid = 0;
  uint64_t goroutine = 0;       ///< its id
  BootTime seen{};              ///< there
  uint64_t load_bias = 0;       ///< where the process has its program's text: address minus file offset
  std::vector<uint64_t> cycle;  ///< return addresses, as file offsets
};

/// The functions of one kind that the configuration describes, in one binary.
struct DescribedMapFunctions {
  std::vector<NamedFunction> functions;
  MapFunction::Operation operation = MapFunction::Operation::kRead;
  MapFunction::Key key = MapFunction::Key::kNone;  ///< as what it is told
  MapArguments arguments;
};
/// Of a binary that is not Go's. FailedPrecondition: nowhere, and why.
absl::StatusOr<MapBinary> MapBinaryOf(const std::vector<DescribedMapFunctions>& described, const std::string& path,
                                      UniqueFd fd);

/// Where the binary's map functions are probed. FailedPrecondition: nowhere, and why.
absl::StatusOr<MapBinary> MapBinaryOf(const GoFacts& facts, const std::string& path, UniqueFd fd);

/// How many of its functions are probed where they begin, how many behind that, and how many are not.
struct MapPlacements {
  size_t at_entry = 0, behind_entry = 0, refused = 0;
};
MapPlacements PlacementsOf(const MapBinary& binary);

/// Its code is what was decoded, as far as it is probed.
bool IsUnchanged(const MapBinary& binary);

/// Keys that a function gets as numbers become numbers; others stay if they are text, else there is the hash.
void SpellKeys(const MapBinary& binary, std::vector<MapHit>& hits);

/// Of its sites those that the code of the cycle calls, the nearest call first. Reads that code.
std::vector<size_t> SitesCalled(const MapBinary& binary, const std::vector<uint64_t>& cycle);

/// Where a window of breakpoints looks for a recursion's map.
struct RecursionSites {
  std::vector<MapProbeSite> sites;
  std::optional<size_t> guess;  ///< it is one site, this one of the binary's
};
/// At first one of the binary's sites that was not `tried` yet, since each may cost all its hits: of those that the
/// recursion's own code calls, or, if it calls none, of the reads by any key, which libraries make for others. Then
/// four at a time: the likeliest, and the rest by turns.
RecursionSites SitesOfRecursion(const MapBinary& binary, const std::vector<size_t>& called,
                                const std::set<size_t>& tried, uint64_t turn);

}  // namespace profd
