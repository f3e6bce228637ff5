// Bounds the time that crafted objects can take from everybody else's symbols.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>

#include "base/clock.h"

namespace profd {

/// Time that was spent on questions without an answer (the worker crashed or was too slow), by whose objects they were
/// about. Who wasted more than kMost is not asked about new things until enough of it is forgiven: a fortieth of the
/// time that passes. Not thread safe.
class WasteLimit {
 public:
  static constexpr std::chrono::seconds kMost{4};

  /// The device and the user id of the owner: each container's files are on a device of their own, as a rule, and on
  /// the node's users have their own.
  using Culprit = std::pair<uint64_t, uint32_t>;

  bool Allows(const Culprit& culprit, BootTime now) const {
    return IsBelow(culprit, kMost, now) && IsBelow(WholeDevice(culprit), kMostOfDevice, now);
  }

  void Add(const Culprit& culprit, BootTime now, BootTime wasted) {
    AddTo(culprit, now, wasted);
    AddTo(WholeDevice(culprit), now, wasted);
  }

 private:
  // Files can be given to any number of owners.
  static constexpr std::chrono::seconds kMostOfDevice{16};
  static constexpr size_t kMaxCulprits = 1024;

  static Culprit WholeDevice(const Culprit& culprit) { return {culprit.first, UINT32_MAX}; }

  bool IsBelow(const Culprit& culprit, std::chrono::seconds most, BootTime now) const {
    const auto found = wasted_.find(culprit);
    if (found == wasted_.end()) return wasted_.size() < kMaxCulprits;
    return Left(found->second, now) < most;
  }

  void AddTo(const Culprit& culprit, BootTime now, BootTime wasted) {
    if (wasted_.size() >= kMaxCulprits) {
      std::erase_if(wasted_, [&](const auto& one) { return Left(one.second, now) == BootTime(0); });
    }
    if (wasted_.size() >= kMaxCulprits && !wasted_.contains(culprit)) return;
    Waste& waste = wasted_[culprit];
    waste = {.amount = Left(waste, now) + wasted, .at = now};
  }

  struct Waste {
    BootTime amount{}, at{};
  };
  static BootTime Left(const Waste& waste, BootTime now) {
    return std::max(BootTime(0), waste.amount - (now - waste.at) / 40);
  }

  std::map<Culprit, Waste> wasted_;
};

}  // namespace profd
