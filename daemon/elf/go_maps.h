// The functions of Go's runtime that maps are read and written through. Data, by version.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace profd::elf {

// The numbers are the protocol's (proto/worker).
enum class MapOperation { kRead, kWrite, kDelete, kIterate, kClear };
enum class MapKey { kNone, kPointer, kFast32, kFast64, kString, kInterface, kNoneOfSync };

struct MapFunctionKind {
  MapOperation operation = MapOperation::kRead;
  MapKey key = MapKey::kNone;

  bool operator==(const MapFunctionKind&) const = default;
};

struct MapFunctionName {
  std::string_view name;  ///< as the table of functions has it; static
  MapFunctionKind kind;
};

inline constexpr size_t kMaxMapFunctions = 40;

/// One call of the program's is one call of one of these: where some call each other, the list has the called ones or
/// the callers. At most kMaxMapFunctions; empty for versions whose maps were not looked at.
std::vector<MapFunctionName> MapFunctionNames(std::string_view version);

}  // namespace profd::elf
