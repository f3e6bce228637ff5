// Programs use maps in bursts, a request each, and rest between them. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>

#include "base/clock.h"

namespace profd {

/// How long the bursts of a process are. A window that is opened while it rests sees the beginning of the next burst,
/// and each such window the same: so it has to let a random part of the burst pass.
class Bursts {
 public:
  static constexpr uint64_t kMostHits = 1600;  ///< that are waited for: each costs what a hit costs

  /// Of one window: when it was armed, when it was hit first, the hits that passed, and the times of those that were
  /// told.
  void Add(BootTime armed, BootTime first, uint64_t passed, std::span<const BootTime> told);
  /// Hits of the longest burst of late, at most kMostHits; 0: it does not rest.
  uint64_t longest() const { return longest_; }
  /// It rests between them, as a good part of the windows has shown: a single one may have waited for a CPU.
  bool rests() const { return longest_ > 0 && rested_ >= 2 && 4 * rested_ >= windows_; }
  /// And nobody has seen where they end.
  bool too_long() const { return rests() && unseen_ >= kUnseen; }

 private:
  uint64_t longest_ = 0;
  // Windows since the end of a burst was seen. What passes is random: of bursts of most hits one in eight sees it.
  static constexpr unsigned kUnseen = 24;
  unsigned unseen_ = kUnseen;
  unsigned windows_ = 0, rested_ = 0;  // of late; of these, armed while it rested
};

}  // namespace profd
