// A share of some time that may be spent.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

namespace profd {

/// Earns a share of the time that passes and keeps what is not spent, up to its depth. What will be spent, but not
/// yet how much exactly, is held meanwhile. A level below zero is debt: it covers nothing.
class Allowance {
 public:
  /// Empty at first.
  Allowance(double share, std::chrono::nanoseconds depth) : share_(share), depth_(depth) {}

  void Fill() { level_ = Count(depth_); }
  void Earn(std::chrono::nanoseconds time) { level_ = std::min(level_ + share_ * Count(time), Count(depth_)); }
  bool Covers(std::chrono::nanoseconds cost) const { return level_ >= Count(cost + held_); }
  /// What may still be held; below zero: nothing.
  std::chrono::nanoseconds left() const {
    return std::chrono::nanoseconds(static_cast<int64_t>(std::floor(level_))) - held_;
  }
  void Spend(std::chrono::nanoseconds cost) { level_ -= Count(cost); }
  void Hold(std::chrono::nanoseconds cost) { held_ += cost; }
  void Release(std::chrono::nanoseconds held) { held_ -= held; }

  std::chrono::nanoseconds debt() const {
    return std::chrono::nanoseconds(static_cast<int64_t>(std::ceil(std::max(0.0, -level_))));
  }
  /// How long it has to earn until that is covered. Nothing: earning does not do it, as too much is held.
  std::optional<std::chrono::nanoseconds> TimeUntil(std::chrono::nanoseconds cost) const {
    if (Covers(cost)) return std::chrono::nanoseconds(0);
    constexpr double kNever = 1e17;  // three years
    const double time = (Count(cost + held_) - level_) / share_;
    if (cost + held_ > depth_ || !(time < kNever)) return std::nullopt;
    return std::chrono::nanoseconds(static_cast<int64_t>(time) + 1);
  }

 private:
  static double Count(std::chrono::nanoseconds time) { return static_cast<double>(time.count()); }

  double share_;
  std::chrono::nanoseconds depth_;
  double level_ = 0;  // in nanoseconds; a share of a short time is less than one
  std::chrono::nanoseconds held_{};
};

}  // namespace profd
