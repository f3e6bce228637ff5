#include "probes/bursts.h"

#include <algorithm>
#include <optional>
#include <vector>

namespace profd {
namespace {

constexpr size_t kLeastHits = 20;
constexpr std::chrono::nanoseconds kShortestRest = std::chrono::microseconds(500);
constexpr int kRestOfGaps = 20;  // times as long as the gaps between accesses usually are

}  // namespace

void Bursts::Add(BootTime armed, BootTime first, uint64_t passed, std::span<const BootTime> told) {
  if (told.size() < kLeastHits) return;
  std::vector<std::chrono::nanoseconds> gaps;
  for (size_t i = 1; i < told.size(); ++i) gaps.push_back(told[i] - told[i - 1]);
  std::vector<std::chrono::nanoseconds> sorted = gaps;
  std::ranges::nth_element(sorted, sorted.begin() + static_cast<ptrdiff_t>(sorted.size() / 2));
  const std::chrono::nanoseconds usual = sorted[sorted.size() / 2];
  const std::chrono::nanoseconds rest = std::max(kShortestRest, kRestOfGaps * usual);
  constexpr unsigned kRemembered = 64;
  if (++windows_ > kRemembered) {
    windows_ /= 2;
    rested_ /= 2;
  }
  if (first - armed <= rest) {  // in the middle of one, or it never rests
    longest_ -= std::min(longest_, 1 + longest_ / 32);
    return;
  }
  ++rested_;
  if (told.front() - first > rest + 2 * static_cast<int64_t>(passed) * usual) {  // it ended while hits passed
    longest_ -= longest_ / 8;
    unseen_ = 0;
    return;
  }
  const auto end = std::ranges::find_if(gaps, [rest](auto gap) { return gap > rest; });
  const bool ended = end != gaps.end();
  const uint64_t seen = passed + (ended ? static_cast<uint64_t>(end - gaps.begin()) + 1 : 2 * told.size());
  longest_ = std::min(kMostHits, std::max(seen, ended ? longest_ - longest_ / 8 : longest_));
  unseen_ = ended ? 0 : std::min(unseen_ + 1, kUnseen);
}

}  // namespace profd
