#include "profile/top.h"

#include <algorithm>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "base/saturating.h"
#include "profile/frame_name.h"

namespace profd {
namespace {

/// Adds up the functions of one sample after the other. Functions are told apart by name alone, as pprof does.
class TopCounter {
 public:
  explicit TopCounter(const Profile& profile) : profile_(profile) {
    for (const Location& location : profile.locations) {
      std::vector<uint32_t>& rows = rows_of_location_.emplace_back();
      for (size_t line = 0; line < std::max<size_t>(location.lines.size(), 1); ++line) {
        rows.push_back(RowOf(location, line));
      }
    }
  }

  void Add(const Sample& sample) {
    total_ = SaturatingAdd(total_, sample.count);
    struct Repeats {
      uint64_t times = 0;
      bool estimated = false;
    };
    std::unordered_map<uint32_t, Repeats> repeats;
    auto fold = sample.stack.folds.begin();
    for (size_t i = 0; i < sample.stack.locations.size(); ++i) {
      while (fold != sample.stack.folds.end() && i >= uint64_t{fold->first} + fold->length) ++fold;
      const bool folded = fold != sample.stack.folds.end() && i >= fold->first;
      for (const uint32_t row : rows_of_location_[sample.stack.locations[i]]) {
        Repeats& of_row = repeats[row];
        of_row.times = SaturatingAdd(of_row.times, folded ? fold->repeats : 1);
        of_row.estimated |= folded && fold->estimated;
      }
    }
    for (const auto& [row, of_row] : repeats) {
      FunctionShare& share = rows_[row];
      share.cum = SaturatingAdd(share.cum, sample.count);
      if (of_row.times > share.max_repeats) {
        share.max_repeats = of_row.times;
        share.estimated = of_row.estimated;
      }
    }
    if (!sample.stack.locations.empty()) {
      FunctionShare& leaf = rows_[rows_of_location_[sample.stack.locations.front()].front()];
      leaf.flat = SaturatingAdd(leaf.flat, sample.count);
    }
  }

  TopFunctions Finish() && {
    std::erase_if(rows_, [](const FunctionShare& share) { return share.cum == 0; });
    std::sort(rows_.begin(), rows_.end(), [](const FunctionShare& a, const FunctionShare& b) {
      return std::tie(b.flat, b.cum, a.name) < std::tie(a.flat, a.cum, b.name);
    });
    return {.samples = total_, .functions = std::move(rows_)};
  }

 private:
  uint32_t RowOf(const Location& location, size_t line) {
    std::string name = FrameName(profile_, location, line);
    const auto [entry, is_new] = row_of_name_.try_emplace(name, static_cast<uint32_t>(rows_.size()));
    if (is_new) rows_.push_back({.name = std::move(name)});
    FunctionShare& share = rows_[entry->second];
    if (share.file.empty() && line < location.lines.size()) {
      const Function& function = profile_.functions[location.lines[line].function];
      share.file = function.file;
      share.line = function.start_line;
    }
    return entry->second;
  }

  const Profile& profile_;
  std::vector<std::vector<uint32_t>> rows_of_location_;
  std::unordered_map<std::string, uint32_t> row_of_name_;
  std::vector<FunctionShare> rows_;
  uint64_t total_ = 0;
};

}  // namespace

TopFunctions ComputeTop(const Profile& profile) {
  TopCounter counter(profile);
  for (const Sample& sample : profile.samples) counter.Add(sample);
  return std::move(counter).Finish();
}

}  // namespace profd
