#include "maps/access_rate.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace profd {
namespace {

// By how much more than its price a hit delays a program, as was measured on programs that do little but use maps.
constexpr double kDelayByPrice = 1.03, kDelayByPriceError = 0.12;
// The rate may be more than twice the estimate: that is none.
constexpr double kWorstFactor = 2;

double Seconds(std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count(); }
double Square(double x) { return x * x; }

}  // namespace

void AccessRate::Decay(double kept) {
  for (double Sums::*const sum : kSums) {
    whole_.*sum *= kept;
    thin_.*sum *= kept;
  }
}

void AccessRate::Add(const MapUse& use, double accesses, Sums& sums) {
  const double time = Seconds(use.length);
  sums.hits += static_cast<double>(use.hits);
  sums.time += time;
  sums.price += Seconds(use.price) / static_cast<double>(use.threads);
  sums.accesses += accesses;
  sums.accesses_squared += Square(accesses);
  sums.accesses_by_time += accesses * time;
  sums.time_squared += Square(time);
}

void AccessRate::AddWhole(const MapUse& use) {
  const auto hits = static_cast<double>(use.hits);
  Add(use, hits, whole_);
  whole_.variance += hits;
}

void AccessRate::AddThin(const MapUse& use, double share, double shown_by) {
  if (share <= 0 || shown_by <= 0) return;
  const double accesses = static_cast<double>(use.hits) / share;
  Add(use, accesses, thin_);
  thin_.variance += accesses / share;
  thin_.share_error += accesses * std::sqrt((1 - share) / (share * shown_by));
}

// Of accesses by time.
double AccessRate::RelativeVariance(const Sums& sums) {
  if (sums.accesses <= 0 || sums.time <= 0) return 0;
  const double rate = sums.accesses / sums.time;
  const double seen = sums.accesses_squared - 2 * rate * sums.accesses_by_time + Square(rate) * sums.time_squared;
  return (std::max(sums.variance, seen) + Square(sums.share_error)) / Square(sums.accesses);
}

// Of the means of either kind, in seconds: what lies between two accesses is `time` less the factor times `price`.
struct AccessRate::Observation {
  double time = 0, price = 0, variance = 0;
};

std::vector<AccessRate::Observation> AccessRate::Observations() const {
  std::vector<Observation> all;
  for (const Sums* sums : {&whole_, &thin_}) {
    if (sums->accesses <= 0 || sums->time <= 0) continue;
    const double time = sums->time / sums->accesses;
    all.push_back({time, sums->price / sums->accesses, Square(time) * RelativeVariance(*sums)});
  }
  return all;
}

// The likeliest time between accesses, and factor, by weighted least squares: what is known of the factor is one
// observation, and each kind of window another. Where probes leave most of the time to the program, the factor matters
// little; where they do not, the two kinds tell it by what they differ in.
AccessRate::Between AccessRate::BetweenAccesses() const {
  double weights = 0, weighted_price = 0, weighted_square = 1 / Square(kDelayByPriceError);
  double of_time = 0, of_factor = kDelayByPrice / Square(kDelayByPriceError);
  for (const Observation& one : Observations()) {
    const double weight = 1 / one.variance;
    weights += weight;
    weighted_price += weight * one.price;
    weighted_square += weight * Square(one.price);
    of_time += weight * one.time;
    of_factor += weight * one.price * one.time;
  }
  const double determinant = weights * weighted_square - Square(weighted_price);
  const double variance = weighted_square / determinant;
  return {(weighted_square * of_time - weighted_price * of_factor) / determinant, std::sqrt(variance),
          std::sqrt(std::max(0.0, variance - 1 / weights))};
}

MapRate AccessRate::Rate(double share, double hits) const {
  double sure = std::numeric_limits<double>::infinity();
  for (const Observation& one : Observations()) sure = std::min(sure, one.time);
  if (std::isinf(sure) || share <= 0) return {};
  const Between between = BetweenAccesses();
  const double of_share = hits > 0 ? std::sqrt((1 - share) / hits) : 0;
  const double error = 2 * std::hypot(between.error, of_share * between.mean);
  // What is certain assumes that half of the time at most was lost.
  const double most = std::max(sure / 2, between.mean + error), least = between.mean - error;
  MapRate rate;
  rate.low = share / most;
  rate.high = least > 0 ? share / least : std::numeric_limits<double>::infinity();
  rate.bound = between.mean <= 0 || between.mean > kWorstFactor * (between.mean - 2 * between.error_of_factor);
  rate.estimate = rate.bound ? rate.low : share / between.mean;
  return rate;
}

}  // namespace profd
