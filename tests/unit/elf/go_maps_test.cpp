// Which functions a program's maps are accessed through, by Go's version.
#include "elf/go_maps.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>

namespace profd::elf {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;

std::set<std::string_view> NamesOf(std::string_view version) {
  std::set<std::string_view> names;
  for (const MapFunctionName& function : MapFunctionNames(version)) names.insert(function.name);
  return names;
}

bool IsOfSyncMap(const MapFunctionName& function) {
  return function.kind.key == MapKey::kInterface || function.kind.key == MapKey::kNoneOfSync;
}

size_t CountOf(std::string_view version, bool sync_map = false) {
  const auto functions = MapFunctionNames(version);
  return static_cast<size_t>(std::ranges::count(functions, sync_map, IsOfSyncMap));
}

MapFunctionKind KindOf(std::string_view name, std::string_view version = "go1.26") {
  for (const MapFunctionName& function : MapFunctionNames(version)) {
    if (function.name == name) return function.kind;
  }
  ADD_FAILURE() << name;
  return {};
}

TEST(MapFunctionNames, AreThoseOfTheVersion) {
  EXPECT_EQ(CountOf("go1.18"), 19u);
  EXPECT_EQ(CountOf("go1.23.12"), 20u);
  EXPECT_EQ(CountOf("go1.24rc1"), 24u);
  EXPECT_EQ(CountOf("go1.26.4"), 24u);
  EXPECT_EQ(CountOf("go1.27.4"), 20u);
  EXPECT_THAT(NamesOf("go1.24.4 X:noswissmap"), IsSupersetOf({"runtime.mapiterinit", "runtime.mapIterStart"}));
}

TEST(MapFunctionNames, AReadIsCountedOnceWhenOneFunctionCallsTheOther) {
  for (const std::string_view version : {"go1.18", "go1.23.1", "go1.26.9", "go1.27", "go1.27.4"}) {
    const auto names = NamesOf(version);
    const bool is_new = version.starts_with("go1.27");
    for (const std::string suffix : {"", "_fast32", "_fast64", "_faststr"}) {
      EXPECT_EQ(names.contains("runtime.mapaccess1" + suffix), !is_new) << version << suffix;
      EXPECT_TRUE(names.contains("runtime.mapaccess2" + suffix)) << version << suffix;
    }
    for (const char* name : {"runtime.mapaccess1_fat", "runtime.mapaccess2_fat", "runtime.mapaccessK",
                             "runtime.mapiternext", "runtime.mapIterNext", "reflect.mapaccess"}) {
      EXPECT_THAT(names, Not(Contains(name))) << version;
    }
  }
}

TEST(MapFunctionNames, SyncMapHasFunctionsOfItsOwnSinceGo124) {
  EXPECT_EQ(CountOf("go1.23.12", true), 0u) << "it calls the others";
  EXPECT_EQ(CountOf("go1.24", true), 8u);
  EXPECT_EQ(CountOf("go1.27.4", true), 8u);
  constexpr std::string_view kType = "internal/sync.(*HashTrieMap[go.shape.interface {},go.shape.interface {}]).";
  EXPECT_EQ(KindOf(std::string(kType) + "Load"), (MapFunctionKind{MapOperation::kRead, MapKey::kInterface}));
  EXPECT_EQ(KindOf(std::string(kType) + "Range"), (MapFunctionKind{MapOperation::kIterate, MapKey::kNoneOfSync}));
}

TEST(MapFunctionNames, SayHowTheKeyIsGiven) {
  EXPECT_EQ(KindOf("runtime.mapaccess1").key, MapKey::kPointer);
  EXPECT_EQ(KindOf("runtime.mapassign_fast32").key, MapKey::kFast32);
  EXPECT_EQ(KindOf("runtime.mapassign_fast64ptr").key, MapKey::kFast64);
  EXPECT_EQ(KindOf("runtime.mapdelete_faststr").key, MapKey::kString);
  EXPECT_EQ(KindOf("runtime.mapiterinit", "go1.19").key, MapKey::kNone);
  EXPECT_EQ(KindOf("runtime.mapclear"), (MapFunctionKind{MapOperation::kClear, MapKey::kNone}));
}

TEST(MapFunctionNames, AreFewAndDifferent) {
  for (int minor = 18; minor <= 27; ++minor) {
    const std::string version = "go1." + std::to_string(minor);
    const auto functions = MapFunctionNames(version);
    EXPECT_LE(functions.size(), kMaxMapFunctions) << version;
    EXPECT_EQ(NamesOf(version).size(), functions.size()) << version;
  }
}

TEST(MapFunctionNames, OfOtherVersionsAreNotKnown) {
  for (const char* version : {"go1.17.3", "go1.28", "devel go1.27-abc", ""}) {
    EXPECT_THAT(MapFunctionNames(version), IsEmpty()) << version;
  }
}

}  // namespace
}  // namespace profd::elf
