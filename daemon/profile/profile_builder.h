// Builds a Profile and keeps its tables free of duplicates.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "profile/profile.h"

namespace profd {

/// Not thread safe. Equal things get the same index, so samples can be added up by index. Indices are good until Build.
class ProfileBuilder {
 public:
  uint32_t AddMapping(const Mapping& mapping);
  /// A system name that says no more than the name is dropped; a function with a system name only is named by it.
  uint32_t AddFunction(const Function& function);
  /// `location.lines[].function` and `.mapping` are indices that this builder gave. A line whose function has no name
  /// says nothing and is dropped: a location of such lines only is not symbolized.
  uint32_t AddLocation(const Location& location);
  /// A location that is no code: `[no frame pointer]`, `[truncated]`. Not `[recursion]`: that name
  /// belongs to pprof's folds. `[unknown]` is the location of which nothing is known.
  uint32_t AddMarker(std::string_view name);
  uint32_t AddProcess(const Process& process);

  /// Adds to an equal sample (same process, thread, frames and shape of folds) or makes a new one. Repeats and stack
  /// bytes become the larger of both: a growing recursion stays one sample. A sample without ticks is none.
  void AddSample(const Sample& sample);

  /// Adds all of `other`, times and period included: the earliest start, the latest end, the longer period.
  void Merge(const Profile& other);

  /// The profile in deterministic order, whatever the order of additions: samples by process, thread, stack; tables by
  /// value with unused entries dropped. Leaves the builder empty.
  Profile Build();

  void SetTime(WallTime start, std::chrono::nanoseconds duration, std::chrono::nanoseconds period);

 private:
  struct SampleKey {
    uint32_t process = kNone;
    uint32_t tid = 0;
    std::string thread_name;
    uint64_t goroutine = 0;
    GoLabels labels;
    std::vector<uint32_t> locations;
    std::vector<std::pair<uint32_t, uint32_t>> folds;  ///< first, length
    bool truncated = false;

    auto operator<=>(const SampleKey&) const = default;
  };
  struct SampleValue {
    std::vector<std::pair<uint64_t, bool>> repeats;  ///< and whether estimated, one for each fold
    uint64_t count = 0;
    uint64_t stack_bytes = 0;
  };

  /// Empty the tables in the order of Build, given new indices by old ones.
  std::vector<Location> TakeLocations(const std::vector<uint32_t>& mappings, const std::vector<uint32_t>& functions,
                                      std::vector<uint32_t>& renumber);
  std::vector<Sample> TakeSamples(const std::vector<uint32_t>& processes, const std::vector<uint32_t>& locations);

  WallTime start_{};
  std::chrono::nanoseconds duration_{};
  std::chrono::nanoseconds period_{};
  std::map<Mapping, uint32_t> mappings_;
  std::map<Function, uint32_t> functions_;
  std::vector<bool> named_;  ///< by function index
  std::map<Location, uint32_t> locations_;
  std::map<Process, uint32_t> processes_;
  std::map<SampleKey, SampleValue> samples_;
};

}  // namespace profd
