#include "maps/map_sites.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace profd {
namespace {

constexpr size_t kMostSites = 256, kMostKeys = 8, kMostMaps = 64, kMostWriters = 4;
constexpr std::chrono::seconds kMemory{60};
constexpr double kDominating = 0.5;
constexpr double kLeastTopKey = 0.05;  // a key that is rarer is no news
constexpr double kEnoughHits = 50;
constexpr uint64_t kManyEntries = 8;
constexpr uint64_t kLargeRoom = 4096, kSparse = 16;  // room for so many times its entries
constexpr uint64_t kEndless = 100;                   // reads of one key in a row, at one depth of the stack

double Seconds(std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count(); }

bool SameLookup(const MapHit& a, const MapHit& b) {
  return a.map == b.map && a.key_hash != 0 && a.key_hash == b.key_hash && a.function == b.function &&
         a.caller == b.caller;
}

}  // namespace

const char* ToWord(MapOperation operation) {
  constexpr std::array kWords{"read", "write", "delete", "iterate", "clear"};
  return kWords.at(static_cast<size_t>(operation));
}

void MapSites::Decay(BootTime now) {
  if (newest_ != BootTime{} && now > newest_) {
    const double kept = std::exp(-Seconds(now - newest_) / Seconds(kMemory));
    for (auto it = sites_.begin(); it != sites_.end();) {
      Site& site = it->second;
      site.hits *= kept;
      site.keyed_hits *= kept;
      for (Key& key : site.keys) {
        key.hits *= kept;
        key.surely *= kept;
      }
      it = site.hits < 0.01 ? sites_.erase(it) : std::next(it);
    }
    all_hits_ *= kept;
    for (double& hits : function_hits_) hits *= kept;
    rate_.Decay(kept);
  }
  newest_ = std::max(newest_, now);
}

void MapSites::Add(const MapWindowData& window, const OperationOf& operations) {
  Decay(window.end);
  newest_was_whole_ = window.functions.none();
  if (!newest_was_whole_) {
    rate_.AddThin(window.use, ShareOf(window.functions), all_hits_);
    return;
  }
  rate_.AddWhole(window.use);
  writers_.clear();  // an address is another map's soon
  for (const MapHit& hit : window.hits) AddHit(hit, operations[hit.function]);
  FindEndlessReads(window, operations);
}

double MapSites::ShareOf(const MapFunctionSet& functions) const {
  double hits = 0;
  for (size_t i = 0; i < function_hits_.size(); ++i) hits += functions[i] ? function_hits_[i] : 0;
  return all_hits_ > 0 ? hits / all_hits_ : 0;
}

// The most frequent ones that fit, else the least frequent one. With less of the accesses a window takes long to tell
// anything; with more its delays are nearly those of all.
MapFunctionSet MapSites::FunctionsForRate() const {
  constexpr double kEnough = 100, kLeast = 0.02, kMost = 0.3, kTooMuch = 0.6;
  MapFunctionSet chosen;
  if (!newest_was_whole_ || all_hits_ < kEnough) return chosen;
  std::vector<std::pair<double, size_t>> shares;
  for (size_t i = 0; i < function_hits_.size(); ++i) {
    if (function_hits_[i] > 0) shares.emplace_back(function_hits_[i] / all_hits_, i);
  }
  std::ranges::sort(shares, std::greater());
  double sum = 0;
  for (const auto& [share, function] : shares) {
    if (sum + share > kMost) continue;
    chosen.set(function);
    sum += share;
  }
  if (sum >= kLeast) return chosen;
  chosen.reset();
  const auto smallest =
      std::ranges::find_if(shares.rbegin(), shares.rend(), [](const auto& one) { return one.first >= kLeast; });
  if (smallest != shares.rend() && smallest->first <= kTooMuch) chosen.set(smallest->second);
  return chosen;
}

void MapSites::AddHit(const MapHit& hit, MapOperation operation) {
  ++hits_;
  all_hits_ += 1;
  function_hits_[hit.function] += 1;
  const SiteKey key{hit.caller, hit.type, operation, hit.parent};
  if (!sites_.contains(key) && sites_.size() >= kMostSites) {
    sites_.erase(std::ranges::min_element(sites_, {}, [](const auto& one) { return one.second.hits; }));
  }
  Site& site = sites_[key];
  site.hits += 1;
  site.entries = hit.entries;
  site.entries_known = !hit.unreadable && !hit.nil;
  site.room = hit.room;
  site.overflows = hit.overflows;
  // Whoever writes has done so before anyone may look: two use the map at once.
  site.used_while_written |= hit.being_written;
  if (hit.key_hash != 0) AddKey(site, hit);
  if ((operation == MapOperation::kWrite || operation == MapOperation::kDelete) && hit.goroutine != 0 &&
      hit.type != 0) {
    if (!writers_.contains(hit.map) && writers_.size() >= kMostMaps) writers_.erase(writers_.begin());
    auto& writers = writers_[hit.map];
    if (writers.size() < kMostWriters) writers.insert(hit.goroutine);
    site.writers = std::max(site.writers, writers.size());
  }
}

// "Space saving": a key that is more frequent than one in eight is surely among them.
void MapSites::AddKey(Site& site, const MapHit& hit) {
  site.keyed_hits += 1;
  auto known = std::ranges::find(site.keys, hit.key_hash, &Key::hash);
  if (known == site.keys.end()) {
    if (site.keys.size() < kMostKeys) {
      known = site.keys.insert(site.keys.end(), Key{});
    } else {
      known = std::ranges::min_element(site.keys, {}, &Key::hits);
      known->surely = 0;
    }
    known->hash = hit.key_hash;
    known->text = hit.key;
  }
  known->hits += 1;
  known->surely += 1;
}

void MapSites::FindEndlessReads(const MapWindowData& window, const OperationOf& operations) {
  struct Row {
    const MapHit* last = nullptr;
    uint64_t length = 0;
  };
  std::map<uint64_t, Row> rows;  // by goroutine, else thread
  for (const MapHit& hit : window.hits) {
    if (operations[hit.function] != MapOperation::kRead) continue;
    Row& row = rows[hit.goroutine ? hit.goroutine : hit.tid];
    const bool same = row.last && SameLookup(*row.last, hit) && row.last->stack_bytes == hit.stack_bytes;
    row.length = same ? row.length + 1 : 1;
    row.last = &hit;
    if (row.length < kEndless) continue;
    const auto site = sites_.find({hit.caller, hit.type, MapOperation::kRead, hit.parent});
    if (site != sites_.end()) site->second.endless_reads = true;
  }
}

MapRate MapSites::Rate() const { return rate_.Rate(); }

std::vector<std::string> MapSites::HazardsOf(const Site& site) {
  std::vector<std::string> hazards;
  if (site.used_while_written) hazards.emplace_back("used while another goroutine writes it");
  if (site.writers > 1) {
    hazards.push_back(
        fmt::format("written by {}{} goroutines", site.writers, site.writers == kMostWriters ? " or more" : ""));
  }
  if (site.endless_reads) {
    hazards.push_back(fmt::format("the same key {} times in a row: an endless loop?", kEndless));
  }
  if (site.overflows) hazards.emplace_back("as many overflow buckets as buckets: its keys collide, or it was larger");
  if (site.entries_known && site.room >= kLargeRoom && site.entries < site.room / kSparse) {
    hazards.push_back(
        fmt::format("{} entries in room for {}: it keeps memory that it does not need", site.entries, site.room));
  }
  const auto top = std::ranges::max_element(site.keys, {}, &Key::surely);
  if (top != site.keys.end() && site.hits >= kEnoughHits && top->surely > kDominating * site.keyed_hits &&
      site.entries_known && site.entries >= kManyEntries) {
    hazards.push_back(fmt::format("one key of {} takes {:.0f} %", site.entries, 100 * top->surely / site.keyed_hits));
  }
  return hazards;
}

std::vector<MapSite> MapSites::Sites() const {
  std::vector<MapSite> rows;
  for (const auto& [key, site] : sites_) {
    MapSite row{.caller = std::get<0>(key),
                .parent = std::get<3>(key),
                .type = std::get<1>(key),
                .operation = std::get<2>(key),
                .share = site.hits / all_hits_,
                .rate = rate_.Rate(site.hits / all_hits_, site.hits),
                .entries = site.entries,
                .entries_known = site.entries_known,
                .hazards = HazardsOf(site)};
    const auto top = std::ranges::max_element(site.keys, {}, &Key::surely);
    if (top != site.keys.end() && top->surely >= kLeastTopKey * site.keyed_hits) {
      row.top_key_share = top->surely / site.keyed_hits;
      row.top_key = top->text;
      row.top_key_hash = top->hash;
    }
    rows.push_back(std::move(row));
  }
  std::ranges::stable_sort(rows, std::greater(), &MapSite::share);
  return rows;
}

std::optional<MapEvidence> FindMapEvidence(const std::vector<MapHit>& hits, uint64_t goroutine) {
  struct Row {
    const MapHit* last = nullptr;
    uint64_t length = 0;
    uint64_t step = 0;  // bytes of stack from hit to hit; 0: not always as many
    bool IsEnough() const { return length >= (step != 0 ? kLeastSameKeyInStep : kLeastSameKey); }
    void Add(const MapHit& hit) {
      const uint64_t deeper = last && hit.stack_bytes > last->stack_bytes ? hit.stack_bytes - last->stack_bytes : 0;
      length = deeper > 0 ? length + 1 : 1;
      step = length == 2 || deeper == step ? deeper : 0;
      last = &hit;
    }
  };
  // A level may look up more than one thing.
  std::map<std::tuple<uint64_t, uint64_t, uint8_t, uint64_t>, Row> rows;  // map, key, function, caller
  Row longest;
  for (const MapHit& hit : hits) {
    if (hit.goroutine != goroutine || hit.key_hash == 0) continue;
    Row& row = rows[{hit.map, hit.key_hash, hit.function, hit.caller}];
    row.Add(hit);
    if (row.IsEnough() && row.length > longest.length) longest = row;
  }
  if (longest.length == 0) return std::nullopt;
  const MapHit& hit = *longest.last;
  return MapEvidence{.map = hit.map,
                     .type = hit.type,
                     .entries = hit.entries,
                     .key_hash = hit.key_hash,
                     .key = hit.key,
                     .same_key_hits = longest.length};
}

}  // namespace profd
