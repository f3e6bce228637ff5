#include "probes/map_binary.h"

#include <algorithm>
#include <limits>

#include "base/utf8.h"
#include "probes/call_sites.h"
#include "probes/place.h"

namespace profd {

absl::StatusOr<MapBinary> MapBinaryOf(const GoFacts& facts, const std::string& path, UniqueFd fd) {
  MapBinary binary{.path = path,
                   .fd = std::move(fd),
                   .swiss = facts.swiss_maps,
                   .g_goid = facts.g_goid,
                   .g_stack_hi = facts.g_stack_hi,
                   .functions = facts.map_functions};
  for (size_t i = 0; i < facts.map_functions.size(); ++i) {
    const MapFunction& function = facts.map_functions[i];
    const auto place = PlaceProbe(function.code.code);
    // Single-stepped it would cost too much, and see goroutines twice whose stacks grow.
    if (!place.ok() || !place->emulated) continue;
    binary.sites.push_back(
        {.offset = function.code.offset + place->distance, .function = static_cast<uint8_t>(i), .key = function.key});
  }
  if (binary.sites.empty())
    return Error(absl::StatusCode::kFailedPrecondition, "it has no map function that can be probed");
  return binary;
}

absl::StatusOr<MapBinary> MapBinaryOf(const std::vector<DescribedMapFunctions>& described, const std::string& path,
                                      UniqueFd fd) {
  MapBinary binary{.path = path, .fd = std::move(fd)};
  for (const DescribedMapFunctions& kind : described) {
    for (const NamedFunction& function : kind.functions) {
      if (binary.functions.size() > std::numeric_limits<uint8_t>::max()) break;
      const auto place = PlaceProbe(function.code.code);
      if (!place.ok() || !place->emulated) {
        binary.refused.push_back(function.name + ": " +
                                 (place.ok()
                                      ? "it does not begin with an instruction that the kernel emulates, so a hit "
                                        "would cost ten times as much"
                                      : Message(place.status())));
        continue;
      }
      const uint64_t offset = function.code.offset + place->distance;
      if (std::ranges::count(binary.sites, offset, &MapProbeSite::offset) > 0) continue;  // described twice
      binary.sites.push_back(
          {.offset = offset, .function = static_cast<uint8_t>(binary.functions.size()), .arguments = kind.arguments});
      binary.functions.push_back({.operation = kind.operation, .key = kind.key, .code = function.code});
      binary.names.push_back(function.name);
    }
  }
  if (binary.sites.empty()) {
    return Error(absl::StatusCode::kFailedPrecondition, "{}: {}", path,
                 binary.refused.empty() ? "no function is called like that" : binary.refused.back());
  }
  return binary;
}

MapPlacements PlacementsOf(const MapBinary& binary) {
  MapPlacements placements{.refused = binary.functions.size() - binary.sites.size() + binary.refused.size()};
  for (const MapProbeSite& site : binary.sites) {
    const bool at_entry = site.offset == binary.functions.at(site.function).code.offset;
    ++(at_entry ? placements.at_entry : placements.behind_entry);
  }
  return placements;
}

bool IsUnchanged(const MapBinary& binary) {
  return std::ranges::all_of(binary.functions, [&binary](const MapFunction& function) {
    return CheckCode(binary.fd.get(), function.code).ok();
  });
}

std::vector<size_t> SitesCalled(const MapBinary& binary, const std::vector<uint64_t>& cycle) {
  std::vector<uint64_t> functions;
  for (const MapProbeSite& site : binary.sites) functions.push_back(binary.functions.at(site.function).code.offset);
  return CalledNear(binary.fd.get(), cycle, functions);
}

RecursionSites SitesOfRecursion(const MapBinary& binary, const std::vector<size_t>& called,
                                const std::set<size_t>& tried, uint64_t turn) {
  constexpr size_t kMostGuesses = 4;
  std::vector<size_t> order = called;
  const auto add = [&](auto wanted) {
    for (size_t i = 0; i < binary.sites.size(); ++i) {
      if (std::ranges::count(order, i) == 0 && wanted(binary.functions.at(binary.sites[i].function)))
        order.push_back(i);
    }
  };
  const auto reads_by_any_key = [](const MapFunction& function) {
    return function.operation == MapFunction::Operation::kRead && function.key == MapFunction::Key::kPointer;
  };
  if (order.empty()) {
    add(reads_by_any_key);
    std::ranges::reverse(order);  // mapaccess2 before mapaccess1: reflect and the old sync.Map call that
  }
  for (size_t i = 0; i < std::min(order.size(), kMostGuesses); ++i) {
    if (!tried.contains(order[i])) return {.sites = {binary.sites[order[i]]}, .guess = order[i]};
  }
  add(reads_by_any_key);
  // One place at least is for the rest.
  const size_t sure = std::min(order.size(), MapProber::kBreakpoints - 1);
  add([](const MapFunction&) { return true; });
  const size_t others = order.size() - sure, taken = std::min(MapProber::kBreakpoints - sure, others);
  RecursionSites all;
  for (size_t i = 0; i < sure; ++i) all.sites.push_back(binary.sites[order[i]]);
  for (size_t i = 0; i < taken; ++i) all.sites.push_back(binary.sites[order[sure + (turn * taken + i) % others]]);
  return all;
}

void SpellKeys(const MapBinary& binary, std::vector<MapHit>& hits) {
  for (MapHit& hit : hits) {
    const MapFunction::Key key = binary.functions.at(hit.function).key;
    if (key == MapFunction::Key::kFast32 || key == MapFunction::Key::kFast64) {
      uint64_t number = 0;
      hit.key.copy(reinterpret_cast<char*>(&number), sizeof(number));
      hit.key = std::to_string(number);
    } else if (ToPrintable(hit.key) != hit.key) {
      hit.key.clear();
    }
  }
}

}  // namespace profd
