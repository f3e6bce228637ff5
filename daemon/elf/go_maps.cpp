#include "elf/go_maps.h"

#include <array>

#include "elf/go_runtime.h"

namespace profd::elf {
namespace {

using enum MapOperation;
using enum MapKey;

constexpr unsigned kOldest = 18, kNewest = 27;

struct Row {
  std::string_view name;
  MapFunctionKind kind;
  unsigned since = kOldest, until = kNewest;  // minor versions
};

constexpr MapFunctionKind Of(MapOperation operation, MapKey key) { return {operation, key}; }

// sync.Map is this instance of the type, and no other.
#define PROFD_SYNC_MAP(method) "internal/sync.(*HashTrieMap[go.shape.interface {},go.shape.interface {}])." method

// Not here, since they call others that are: mapaccess1* from Go 1.27 on (mapaccess2*), mapaccess{1,2}_fat, most of
// reflect's functions, sync.Map's before Go 1.24. Nor mapiternext and mapIterNext: they are steps of what was counted
// when it started, and get neither map nor type.
constexpr std::array kRows = {
    Row{"runtime.mapaccess1", Of(kRead, kPointer), kOldest, 26},
    Row{"runtime.mapaccess1_fast32", Of(kRead, kFast32), kOldest, 26},
    Row{"runtime.mapaccess1_fast64", Of(kRead, kFast64), kOldest, 26},
    Row{"runtime.mapaccess1_faststr", Of(kRead, kString), kOldest, 26},
    Row{"runtime.mapaccess2", Of(kRead, kPointer)},
    Row{"runtime.mapaccess2_fast32", Of(kRead, kFast32)},
    Row{"runtime.mapaccess2_fast64", Of(kRead, kFast64)},
    Row{"runtime.mapaccess2_faststr", Of(kRead, kString)},
    Row{"runtime.mapassign", Of(kWrite, kPointer)},
    Row{"runtime.mapassign_fast32", Of(kWrite, kFast32)},
    Row{"runtime.mapassign_fast64", Of(kWrite, kFast64)},
    Row{"runtime.mapassign_fast64ptr", Of(kWrite, kFast64)},
    Row{"runtime.mapassign_faststr", Of(kWrite, kString)},
    Row{"runtime.mapdelete", Of(kDelete, kPointer)},
    Row{"runtime.mapdelete_fast32", Of(kDelete, kFast32)},
    Row{"runtime.mapdelete_fast64", Of(kDelete, kFast64)},
    Row{"runtime.mapdelete_faststr", Of(kDelete, kString)},
    // From Go 1.24 on only packages that link to it by name call it, unless it has the old maps (noswissmap).
    Row{"runtime.mapiterinit", Of(kIterate, kNone)},
    Row{"runtime.mapIterStart", Of(kIterate, kNone), 24},
    Row{"runtime.mapclear", Of(kClear, kNone)},
    Row{PROFD_SYNC_MAP("Load"), Of(kRead, kInterface), 24},
    Row{PROFD_SYNC_MAP("LoadOrStore"), Of(kWrite, kInterface), 24},
    Row{PROFD_SYNC_MAP("Swap"), Of(kWrite, kInterface), 24},
    Row{PROFD_SYNC_MAP("CompareAndSwap"), Of(kWrite, kInterface), 24},
    Row{PROFD_SYNC_MAP("LoadAndDelete"), Of(kDelete, kInterface), 24},
    Row{PROFD_SYNC_MAP("CompareAndDelete"), Of(kDelete, kInterface), 24},
    Row{PROFD_SYNC_MAP("Range"), Of(kIterate, kNoneOfSync), 24},
    Row{PROFD_SYNC_MAP("Clear"), Of(kClear, kNoneOfSync), 24},
    // These go to the map itself, where others of reflect go through the runtime's functions.
    Row{"reflect.mapdelete", Of(kDelete, kPointer), 24},
    Row{"reflect.mapIterStart", Of(kIterate, kNone), 24},
    Row{"reflect.mapclear", Of(kClear, kNone), 24},
    Row{"maps.clone", Of(kIterate, kNone), 21},
};
#undef PROFD_SYNC_MAP
static_assert(kRows.size() <= kMaxMapFunctions);

}  // namespace

std::vector<MapFunctionName> MapFunctionNames(std::string_view version) {
  std::vector<MapFunctionName> names;
  const auto minor = GoMinorVersion(version);
  if (!minor) return names;
  for (const Row& row : kRows) {
    if (*minor >= row.since && *minor <= row.until) names.push_back({row.name, row.kind});
  }
  return names;
}

}  // namespace profd::elf
