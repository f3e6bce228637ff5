// From windows to accesses a second. A probe delays its program by its price, which is known, and by what it pushes out
// of the program's caches, which is not. Where all map functions are probed each access has that delay, where only some
// are few have it: together they tell rate and delay apart. Pure.
#pragma once

#include <vector>

#include "probes/map_use.h"

namespace profd {

/// Accesses a second, all threads together.
struct MapRate {
  double estimate = 0;
  double low = 0, high = 0;  ///< two standard errors; high may be infinite
  /// The windows' own delays were most of their time: what is known is that there are more than `low`.
  bool bound = false;
};

/// One process. Not thread safe.
class AccessRate {
 public:
  /// What has been seen counts that much less from now on.
  void Decay(double kept);
  /// All map functions were probed.
  void AddWhole(const MapUse& use);
  /// Some were: this share of all accesses, as so many hits have shown.
  void AddThin(const MapUse& use, double share, double shown_by);
  /// Of a part of all accesses, that was seen in so many hits. 1, 0: of all.
  MapRate Rate(double share = 1, double hits = 0) const;

 private:
  struct Sums {
    double windows = 0, hits = 0, time = 0, price = 0;  // seconds
    double accesses = 0;                                // that the hits stand for
    double variance = 0;                                // of these, if hits came by chance
    double share_error = 0;                             // and what part they are is known from such hits
    // Windows differ by more than that: programs have phases, and lose their CPU.
    double accesses_squared = 0, accesses_by_time = 0, time_squared = 0;
  };
  static constexpr double Sums::*kSums[] = {
      &Sums::windows,          &Sums::hits,        &Sums::time,        &Sums::price,
      &Sums::accesses,         &Sums::variance,    &Sums::share_error, &Sums::accesses_squared,
      &Sums::accesses_by_time, &Sums::time_squared};
  struct Observation;
  struct Between {
    double mean = 0;                                  // seconds
    double error_by_chance = 0, error_of_factor = 0;  // if the factor was known; of not knowing it
  };
  static void Add(const MapUse& use, double accesses, Sums& sums);
  double RelativeVariance(const Sums& sums) const;
  void FollowBursts(uint64_t hits);
  void FollowChange(const MapUse& use, double accesses, const Sums& known, const Sums& latest);
  std::vector<Observation> Observations() const;
  static double VarianceOfKnown(const std::vector<Observation>& seen);
  static Between BetweenAccesses(const std::vector<Observation>& seen);

  Sums whole_, thin_;
  // What the latest windows have added, that all differ from what was known in the same direction; how many they are,
  // with its sign.
  Sums new_whole_, new_thin_;
  int differing_ = 0;
  double burst_hits_ = 0;  // over which the windows were spread
};

}  // namespace profd
