#include "pipeline/map_stage.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "process/proc_maps.h"

namespace profd {
namespace {

constexpr size_t kMostProcesses = 1024;
constexpr Symbolizer::Patience kForAnswers{500};
constexpr Symbolizer::Patience kForTypes{30};  // no other window is read meanwhile

MapSites::OperationOf OperationsOf(const MapBinary& binary) {
  MapSites::OperationOf operations{};
  for (size_t i = 0; i < std::min(binary.functions.size(), operations.size()); ++i) {
    operations[i] = binary.functions[i].operation;
  }
  return operations;
}

// Which passes a map on to the runtime: who called it is meant.
bool IsOfLibrary(std::string_view function) {
  constexpr std::array kLibrary{"sync.(*Map).",     "internal/sync.(*HashTrieMap", "maps.",
                                "reflect.Value.",   "reflect.(*MapIter).",         "reflect.map",
                                "runtime.mapaccess"};
  return std::ranges::any_of(kLibrary, [function](const char* prefix) { return function.starts_with(prefix); });
}

void NameCaller(const SymbolizedAddress& symbolized, NamedMapSite& site) {
  if (symbolized.lines.empty()) {
    site.function = fmt::format("{:#x}", symbolized.address);
    return;
  }
  // What is inlined comes first: the line that calls the library is meant.
  const auto in_library = [](const FrameLine& line) { return IsOfLibrary(line.function); };
  auto found = std::ranges::find_if_not(symbolized.lines, in_library);
  if (found == symbolized.lines.end()) found = symbolized.lines.begin();
  const FrameLine& line = *found;
  site.function = line.function;
  site.file = line.file;
  site.line = line.line;
}

bool IsSame(const NamedMapSite& a, const NamedMapSite& b) {
  return a.function == b.function && a.file == b.file && a.line == b.line && a.map_type == b.map_type &&
         a.site.operation == b.site.operation;
}

// A line that is called from several places, or was compiled several times, is one.
void Merge(std::vector<NamedMapSite>& sites) {
  std::vector<NamedMapSite> merged;
  for (NamedMapSite& one : sites) {
    const auto same = std::ranges::find_if(merged, [&one](const NamedMapSite& other) { return IsSame(one, other); });
    if (same == merged.end()) {
      merged.push_back(std::move(one));
      continue;
    }
    const double share = same->site.share + one.site.share;
    if (share > 0) same->site.top_key_share *= same->site.share / share;
    same->site.share = share;
    same->site.rate.estimate += one.site.rate.estimate;
    same->site.rate.low += one.site.rate.low;
    same->site.rate.high += one.site.rate.high;
    for (std::string& hazard : one.site.hazards) {
      if (std::ranges::count(same->site.hazards, hazard) == 0) same->site.hazards.push_back(std::move(hazard));
    }
  }
  std::ranges::stable_sort(merged, std::greater(), [](const NamedMapSite& one) { return one.site.share; });
  sites = std::move(merged);
}

}  // namespace

// Its mappings are read now, while it is calm: of a process whose stack grows without end the kernel may not tell them
// for half a second.
void MapStage::OnProgram(const ProcessId& process) {
  constexpr size_t kMostBytes = 16 << 20, kMostMappings = 64;
  const auto program = parts_.resolver->ProgramOf(process);
  if (!program || !program->text || !program->text->file) return;
  const auto maps = parts_.proc_fs->Read(fmt::format("{}/maps", process.tgid), kMostBytes);
  if (!maps.ok()) return;
  std::vector<MapEvent> mappings = MappingsOf(*maps, *program->text->file, kMostMappings);
  std::lock_guard lock(mutex_);
  Admit(process).mappings = std::move(mappings);
}

void MapStage::OnDescribed(const ProcessId& process, std::shared_ptr<const MapBinary> binary) {
  std::lock_guard lock(mutex_);
  Admit(process).described = std::move(binary);
}

// With the lock held.
MapStage::Known& MapStage::Admit(const ProcessId& process) {
  if (!known_.contains(process) && known_.size() >= kMostProcesses) {
    known_.erase(std::ranges::min_element(known_, {}, [](const auto& one) { return one.second.sites.newest(); }));
  }
  return known_[process];
}

void MapStage::OnEnd(const ProcessId& process) {
  std::lock_guard lock(mutex_);
  known_.erase(process);
}

void MapStage::OnWindow(const MapWindow& window) {
  if (!window.one_thread) {
    std::lock_guard lock(mutex_);
    const auto known = known_.find(window.process);
    if (known == known_.end()) return;
    known->second.in_long_bursts = window.is_of_long_bursts;
    std::vector<MapHit> hits = window.hits;
    // Instead of types there are functions.
    for (MapHit& hit : hits) hit.type = window.binary->names.empty() ? hit.type : 1 + uint64_t{hit.function};
    known->second.sites.Add(
        {.end = window.end, .functions = window.functions, .use = window.use, .hits = std::move(hits)},
        OperationsOf(*window.binary));
  }
  if (window.reason == WindowReason::kSuspect) Tell(window);
}

MapFunctionSet MapStage::FunctionsForRate(const ProcessId& process) const {
  std::lock_guard lock(mutex_);
  const auto known = known_.find(process);
  return known == known_.end() ? MapFunctionSet{} : known->second.sites.FunctionsForRate();
}

void MapStage::Tell(const MapWindow& window) const {
  std::set<uint64_t> goroutines;
  for (const MapHit& hit : window.hits) goroutines.insert(hit.goroutine);
  struct Nameless {
    uint64_t goroutine, type;
    RecursionMap map;
  };
  std::vector<Nameless> nameless;
  for (const uint64_t goroutine : goroutines) {
    const auto evidence = FindMapEvidence(window.hits, goroutine);
    if (goroutine == 0 || !evidence) continue;
    RecursionMap map{.address = evidence->map,
                     .entries = evidence->entries,
                     .key_hash = evidence->key_hash,
                     .key = evidence->key,
                     .same_key_hits = evidence->same_key_hits};
    map.type = TypeName(window.process, evidence->type, Symbolizer::Patience(0));
    parts_.on_evidence(window.process, goroutine, map);
    if (map.type.empty()) nameless.push_back({goroutine, evidence->type, std::move(map)});
  }
  if (nameless.empty()) return;
  const std::string type = TypeName(window.process, nameless.front().type, kForTypes);
  for (Nameless& one : nameless) {
    if (type.empty() || one.type != nameless.front().type) continue;  // the next window's names are there by then
    one.map.type = type;
    parts_.on_evidence(window.process, one.goroutine, one.map);
  }
}

std::optional<uint64_t> MapStage::PositionOf(const ProcessId& process, uint64_t address) const {
  std::lock_guard lock(mutex_);
  const auto known = known_.find(process);
  if (known == known_.end()) return std::nullopt;
  for (const MapEvent& mapping : known->second.mappings) {
    if (address - mapping.start < mapping.length) return address - mapping.start + mapping.file_offset;
  }
  return std::nullopt;
}

std::string MapStage::TypeName(const ProcessId& process, uint64_t type, Symbolizer::Patience patience) const {
  if (type == 0) return "sync.Map";
  {
    std::lock_guard lock(mutex_);
    const auto known = known_.find(process);
    if (known != known_.end() && known->second.described) {
      const std::vector<std::string>& names = known->second.described->names;
      return type <= names.size() ? names[type - 1] : "";
    }
  }
  const auto program = parts_.resolver->ProgramOf(process);
  const auto position = PositionOf(process, type);
  if (!program || !program->text || !position) return "";
  return parts_.symbolizer->GoTypeName(program->details, *program->text, *position, patience).value_or("");
}

std::map<ProcessId, MapRate> MapStage::Rates() const {
  std::map<ProcessId, MapRate> rates;
  std::lock_guard lock(mutex_);
  for (const auto& [process, known] : known_) {
    if (known.sites.newest() != BootTime{} && !known.described) rates.emplace(process, known.sites.Rate());
  }
  return rates;
}

MapAnswer MapStage::MapsOf(const ProcessId& process) const {
  MapAnswer maps;
  std::vector<uint64_t> callers;
  {
    std::lock_guard lock(mutex_);
    const auto known = known_.find(process);
    if (known == known_.end()) return maps;
    maps.rate = known->second.sites.Rate();
    maps.hits = known->second.sites.hits();
    maps.in_long_bursts = known->second.in_long_bursts;
    for (MapSite& site : known->second.sites.Sites()) {
      callers.push_back(site.caller);
      callers.push_back(site.parent);
      maps.sites.emplace_back().site = std::move(site);
    }
  }
  const auto deadline = std::chrono::steady_clock::now() + kForAnswers;
  // The first address would be taken for a leaf: these are all return addresses.
  callers.insert(callers.begin(), 0);
  const auto resolved = parts_.resolver->ResolveNow(process, "", callers);
  const auto symbolized = parts_.symbolizer->Symbolize(resolved.process, resolved.addresses, kForAnswers);
  for (size_t i = 0; i < maps.sites.size(); ++i) {
    NameCaller(symbolized[2 * i + 1], maps.sites[i]);
    if (IsOfLibrary(maps.sites[i].function) && !symbolized[2 * i + 2].lines.empty()) {
      NameCaller(symbolized[2 * i + 2], maps.sites[i]);
    }
    const auto left = std::chrono::ceil<Symbolizer::Patience>(deadline - std::chrono::steady_clock::now());
    maps.sites[i].map_type = TypeName(process, maps.sites[i].site.type, std::max(left, Symbolizer::Patience(0)));
  }
  Merge(maps.sites);
  return maps;
}

}  // namespace profd
