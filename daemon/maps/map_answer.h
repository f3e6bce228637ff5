// Map accesses of a process, as people are told of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "maps/map_sites.h"
#include "process/process_table.h"

namespace profd {

/// One site, with names.
struct NamedMapSite {
  MapSite site;
  std::string function;  ///< "0x..." while its name is not known
  std::string file;      ///< empty: not known
  int64_t line = 0;
  std::string map_type;  ///< "map[string]int"; empty: not known
};

struct MapAnswer {
  std::vector<NamedMapSite> sites;  ///< most accesses first
  MapRate rate;
  uint64_t hits = 0;                ///< that this is known from
  std::chrono::nanoseconds cost{};  ///< of the process's time, for all its windows
  bool in_long_bursts = false;      ///< what comes late in them is shown too seldom
  std::string why_not_yet;          ///< why nothing is known now, where it may be in a moment
  std::string why_not;              ///< why nothing is known; empty: something is, or it uses no maps
};

/// How often a process uses maps.
struct ProcessMapRate {
  Process process;
  MapRate rate;
};

}  // namespace profd
