#include "profile/profile_builder.h"

#include <algorithm>

#include "base/saturating.h"
#include "profile/frame_name.h"

namespace profd {
namespace {

template <typename T>
uint32_t IndexOf(std::map<T, uint32_t>& table, const T& value) {
  return table.try_emplace(value, static_cast<uint32_t>(table.size())).first->second;
}

/// Empties `table` into a vector in the order of its values, without those that `used` (by old index) denies.
/// `renumber` becomes the new index by old index.
template <typename T>
std::vector<T> TakeUsed(std::map<T, uint32_t>& table, const std::vector<bool>& used, std::vector<uint32_t>& renumber) {
  std::vector<T> values;
  renumber.assign(table.size(), kNone);
  while (!table.empty()) {
    auto node = table.extract(table.begin());
    if (!used[node.mapped()]) continue;
    renumber[node.mapped()] = static_cast<uint32_t>(values.size());
    values.push_back(std::move(node.key()));
  }
  return values;
}

}  // namespace

uint32_t ProfileBuilder::AddMapping(const Mapping& mapping) { return IndexOf(mappings_, mapping); }

uint32_t ProfileBuilder::AddFunction(const Function& function) {
  Function normal = function;
  if (normal.name.empty()) normal.name = normal.system_name;
  if (normal.system_name == normal.name) normal.system_name.clear();
  const uint32_t index = IndexOf(functions_, normal);
  if (index == named_.size()) named_.push_back(!normal.name.empty());
  return index;
}

uint32_t ProfileBuilder::AddLocation(const Location& location) {
  Location normal = location;
  std::erase_if(normal.lines, [&](const Line& line) { return !named_[line.function]; });
  return IndexOf(locations_, normal);
}

uint32_t ProfileBuilder::AddMarker(std::string_view name) {
  if (name == kUnknownFrame) return AddLocation({});
  Location marker;
  marker.lines.push_back({.function = AddFunction({.name = std::string(name)})});
  return AddLocation(marker);
}

uint32_t ProfileBuilder::AddProcess(const Process& process) { return IndexOf(processes_, process); }

void ProfileBuilder::AddSample(const Sample& sample) {
  if (sample.count == 0) return;
  SampleKey key{.process = sample.process,
                .tid = sample.tid,
                .thread_name = sample.thread_name,
                .goroutine = sample.goroutine,
                .labels = sample.labels,
                .locations = sample.stack.locations,
                .truncated = sample.stack.truncated};
  for (const Fold& fold : sample.stack.folds) key.folds.emplace_back(fold.first, fold.length);
  SampleValue& value = samples_[std::move(key)];
  value.repeats.resize(sample.stack.folds.size());
  for (size_t i = 0; i < value.repeats.size(); ++i) {
    const Fold& fold = sample.stack.folds[i];
    value.repeats[i] = std::max(value.repeats[i], {fold.repeats, fold.estimated});
  }
  value.count = SaturatingAdd(value.count, sample.count);
  value.stack_bytes = std::max(value.stack_bytes, sample.stack_bytes);
}

void ProfileBuilder::SetTime(WallTime start, std::chrono::nanoseconds duration, std::chrono::nanoseconds period) {
  start_ = start;
  duration_ = duration;
  period_ = period;
}

void ProfileBuilder::Merge(const Profile& other) {
  const bool has_time = other.start != WallTime{} || other.duration.count() != 0;
  if (start_ == WallTime{} && duration_.count() == 0) {
    start_ = other.start;
    duration_ = other.duration;
  } else if (has_time) {
    const WallTime end = std::max(start_ + duration_, other.start + other.duration);
    start_ = std::min(start_, other.start);
    duration_ = end - start_;
  }
  period_ = std::max(period_, other.period);

  std::vector<uint32_t> mappings, functions, locations, processes;
  for (const Mapping& mapping : other.mappings) mappings.push_back(AddMapping(mapping));
  for (const Function& function : other.functions) functions.push_back(AddFunction(function));
  for (const Process& process : other.processes) processes.push_back(AddProcess(process));
  for (Location location : other.locations) {
    if (location.mapping != kNone) location.mapping = mappings[location.mapping];
    for (Line& line : location.lines) line.function = functions[line.function];
    locations.push_back(AddLocation(location));
  }
  for (Sample sample : other.samples) {
    if (sample.process != kNone) sample.process = processes[sample.process];
    for (uint32_t& location : sample.stack.locations) location = locations[location];
    AddSample(sample);
  }
}

std::vector<Location> ProfileBuilder::TakeLocations(const std::vector<uint32_t>& mappings,
                                                    const std::vector<uint32_t>& functions,
                                                    std::vector<uint32_t>& renumber) {
  // They hold indices, so they sort by their new ones only.
  std::vector<std::pair<Location, uint32_t>> sorted;
  sorted.reserve(locations_.size());
  while (!locations_.empty()) {
    auto node = locations_.extract(locations_.begin());
    Location& location = node.key();
    if (location.mapping != kNone) location.mapping = mappings[location.mapping];
    for (Line& line : location.lines) line.function = functions[line.function];
    sorted.emplace_back(std::move(location), node.mapped());
  }
  std::sort(sorted.begin(), sorted.end());
  std::vector<Location> locations;
  for (auto& [location, index] : sorted) {
    renumber[index] = static_cast<uint32_t>(locations.size());
    locations.push_back(std::move(location));
  }
  return locations;
}

std::vector<Sample> ProfileBuilder::TakeSamples(const std::vector<uint32_t>& processes,
                                                const std::vector<uint32_t>& locations) {
  std::map<SampleKey, SampleValue> sorted;
  while (!samples_.empty()) {
    auto node = samples_.extract(samples_.begin());
    SampleKey& key = node.key();
    if (key.process != kNone) key.process = processes[key.process];
    for (uint32_t& location : key.locations) location = locations[location];
    sorted.insert(std::move(node));
  }
  std::vector<Sample> samples;
  while (!sorted.empty()) {
    auto node = sorted.extract(sorted.begin());
    SampleKey& key = node.key();
    const SampleValue& value = node.mapped();
    Sample& sample = samples.emplace_back();
    sample = {.process = key.process,
              .tid = key.tid,
              .thread_name = std::move(key.thread_name),
              .goroutine = key.goroutine,
              .labels = std::move(key.labels),
              .count = value.count,
              .stack_bytes = value.stack_bytes};
    sample.stack.locations = std::move(key.locations);
    sample.stack.truncated = key.truncated;
    for (size_t i = 0; i < key.folds.size(); ++i) {
      sample.stack.folds.push_back({.first = key.folds[i].first,
                                    .length = key.folds[i].second,
                                    .repeats = value.repeats[i].first,
                                    .estimated = value.repeats[i].second});
    }
  }
  return samples;
}

Profile ProfileBuilder::Build() {
  std::vector<bool> used_processes(processes_.size()), used_locations(locations_.size());
  for (const auto& [key, value] : samples_) {
    if (key.process != kNone) used_processes[key.process] = true;
    for (const uint32_t location : key.locations) used_locations[location] = true;
  }
  std::erase_if(locations_, [&](const auto& entry) { return !used_locations[entry.second]; });
  std::vector<bool> used_mappings(mappings_.size()), used_functions(functions_.size());
  for (const auto& [location, index] : locations_) {
    if (location.mapping != kNone) used_mappings[location.mapping] = true;
    for (const Line& line : location.lines) used_functions[line.function] = true;
  }

  Profile profile{.start = start_, .duration = duration_, .period = period_};
  std::vector<uint32_t> mappings, functions, processes, locations(used_locations.size(), kNone);
  profile.mappings = TakeUsed(mappings_, used_mappings, mappings);
  profile.functions = TakeUsed(functions_, used_functions, functions);
  profile.processes = TakeUsed(processes_, used_processes, processes);
  profile.locations = TakeLocations(mappings, functions, locations);
  profile.samples = TakeSamples(processes, locations);
  *this = ProfileBuilder();
  return profile;
}

}  // namespace profd
