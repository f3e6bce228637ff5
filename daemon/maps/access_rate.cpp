#include "maps/access_rate.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <utility>

namespace profd {
namespace {

// By how much more than its price a hit delays a program, as was measured on programs that do little but use maps.
constexpr double kDelayByPrice = 1.03, kDelayByPriceError = 0.12;
// Less, after long times without windows, is nothing; and thin windows tell nothing with fewer hits than that.
constexpr double kLeastHits = 0.01, kLeastThinHits = 30;
constexpr double kVarianceOfRest = 1.0 / 3;
// The rate may be more than twice the estimate: that is none.
constexpr double kWorstFactor = 2;

double Seconds(std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count(); }
double Square(double x) { return x * x; }

}  // namespace

void AccessRate::Decay(double kept) {
  for (double Sums::*const sum : kSums) {
    for (Sums* sums : {&whole_, &thin_, &new_whole_, &new_thin_}) sums->*sum *= kept;
  }
}

// A window ends with a hit, after a random number of them. Only where that may be any hit of a burst, windows are right
// in the mean: those from before it was known how long bursts are all ended in the same part.
void AccessRate::FollowBursts(uint64_t hits) {
  constexpr double kLonger = 1.25, kKept = 0.95;
  const auto now = static_cast<double>(hits);
  if (now > kLonger * burst_hits_) whole_ = thin_ = new_whole_ = new_thin_ = {};
  burst_hits_ = std::max(now, kKept * burst_hits_);
}

// Windows end with a hit, so those of a slow program are long, and would outweigh many of a fast one that it has
// become. Each is compared with those of its kind from before the change, delays and all.
void AccessRate::FollowChange(const MapUse& use, double accesses, const Sums& known, const Sums& latest) {
  constexpr int kMany = 12;
  constexpr double kFar = 3;
  const double before = known.accesses - latest.accesses, time_before = known.time - latest.time;
  int direction = 0;
  if (before >= kLeastHits && accesses > 0) {
    const double between = time_before / before, now = Seconds(use.length) / accesses;
    direction = now * kFar < between ? 1 : now > between * kFar ? -1 : 0;
  }
  if (direction == 0 || direction * differing_ < 0) {
    new_whole_ = new_thin_ = {};
    differing_ = 0;
  }
  differing_ += direction;
  if (std::abs(differing_) < kMany) return;
  whole_ = std::exchange(new_whole_, {});
  thin_ = std::exchange(new_thin_, {});
  differing_ = 0;
}

void AccessRate::Add(const MapUse& use, double accesses, Sums& sums) {
  const double time = Seconds(use.length);
  sums.windows += 1;
  sums.hits += static_cast<double>(use.hits);
  sums.time += time;
  sums.price += Seconds(use.price) / static_cast<double>(use.threads);
  sums.accesses += accesses;
  sums.accesses_squared += Square(accesses);
  sums.accesses_by_time += accesses * time;
  sums.time_squared += Square(time);
}

void AccessRate::AddWhole(const MapUse& use) {
  FollowBursts(use.burst_hits);
  const auto hits = static_cast<double>(use.hits);
  FollowChange(use, hits, whole_, new_whole_);
  for (Sums* sums : {&whole_, &new_whole_}) {
    if (sums == &new_whole_ && differing_ == 0) continue;
    Add(use, hits, *sums);
    sums->variance += hits;
  }
}

void AccessRate::AddThin(const MapUse& use, double share, double shown_by) {
  FollowBursts(use.burst_hits);
  if (share <= 0 || shown_by <= 0) return;
  const double accesses = static_cast<double>(use.hits) / share;
  FollowChange(use, accesses, thin_, new_thin_);
  for (Sums* sums : {&thin_, &new_thin_}) {
    if (sums == &new_thin_ && differing_ == 0) continue;
    Add(use, accesses, *sums);
    sums->variance += accesses / share;
    sums->share_error += accesses * std::sqrt((1 - share) / (share * shown_by));
  }
}

// Of accesses by time.
double AccessRate::RelativeVariance(const Sums& sums) const {
  if (sums.accesses <= 0 || sums.time <= 0) return 0;
  const double rate = sums.accesses / sums.time;
  const double seen = sums.accesses_squared - 2 * rate * sums.accesses_by_time + Square(rate) * sums.time_squared;
  const double by_hits = (std::max(sums.variance, seen) + Square(sums.share_error)) / Square(sums.accesses);
  // Of the rest in which it was opened a window has anything from nothing to all.
  return std::max(by_hits, burst_hits_ > 0 ? kVarianceOfRest / sums.windows : 0);
}

// Of the means of a kind of windows, in seconds: what lies between two accesses is `time` less the factor times
// `price`.
struct AccessRate::Observation {
  double time = 0, price = 0, variance = 0;
};

// Variances are as of the mean of both kinds: of one that has just seen little, each access would seem to tell little.
std::vector<AccessRate::Observation> AccessRate::Observations() const {
  std::vector<const Sums*> telling;
  if (whole_.hits >= kLeastHits) telling.push_back(&whole_);
  if (thin_.hits >= (telling.empty() ? kLeastHits : kLeastThinHits)) telling.push_back(&thin_);
  double time = 0, accesses = 0;
  for (const Sums* sums : telling) {
    time += sums->time;
    accesses += sums->accesses;
  }
  std::vector<Observation> all;
  for (const Sums* sums : telling) {
    all.push_back({.time = sums->time / sums->accesses,
                   .price = sums->price / sums->accesses,
                   .variance = Square(time / accesses) * RelativeVariance(*sums)});
  }
  return all;
}

// What is known of programs. If the two kinds of windows contradict that by more than three standard errors, this
// program is another, and what is known tells so much less.
double AccessRate::VarianceOfKnown(const std::vector<Observation>& seen) {
  const double known = Square(kDelayByPriceError);
  if (seen.size() < 2) return known;
  const double price = seen[0].price - seen[1].price;
  if (price <= 0) return known;
  const double factor = (seen[0].time - seen[1].time) / price;
  const double variance = (seen[0].variance + seen[1].variance) / Square(price);
  return std::max(known, Square(factor - kDelayByPrice) - 9 * variance);
}

// The likeliest time between accesses, and factor, by weighted least squares: what is known of the factor is one
// observation, and each kind of window another. Where probes leave most of the time to the program, the factor matters
// little; where they do not, the two kinds tell it by what they differ in.
AccessRate::Between AccessRate::BetweenAccesses(const std::vector<Observation>& seen) {
  const double known = 1 / VarianceOfKnown(seen);
  double weights = 0, weighted_price = 0, weighted_square = known;
  double of_time = 0, of_factor = kDelayByPrice * known;
  for (const Observation& one : seen) {
    const double weight = 1 / one.variance;
    weights += weight;
    weighted_price += weight * one.price;
    weighted_square += weight * Square(one.price);
    of_time += weight * one.time;
    of_factor += weight * one.price * one.time;
  }
  const double determinant = weights * weighted_square - Square(weighted_price);
  return {.mean = (weighted_square * of_time - weighted_price * of_factor) / determinant,
          .error_by_chance = 1 / std::sqrt(weights),
          .error_of_factor = std::sqrt(std::max(0.0, weighted_square / determinant - 1 / weights))};
}

MapRate AccessRate::Rate(double share, double hits) const {
  const std::vector<Observation> seen = Observations();
  if (seen.empty() || share <= 0) return {};
  const Between between = BetweenAccesses(seen);
  // What is certain assumes that half of the time at most was lost.
  const double sure = std::ranges::min_element(seen, {}, &Observation::time)->time / 2;
  const double likely = std::max(sure, between.mean), most = std::max(sure, between.mean + 2 * between.error_of_factor);
  const double least = between.mean - 2 * between.error_of_factor;
  const double error = 2 * std::hypot(between.error_by_chance / likely, hits > 0 ? std::sqrt((1 - share) / hits) : 0);
  MapRate rate;
  rate.low = std::max(0.0, 1 - error) * share / most;
  rate.high = least > 0 ? (1 + error) * share / least : std::numeric_limits<double>::infinity();
  rate.bound = between.mean <= 0 || between.mean > kWorstFactor * least;
  rate.estimate = rate.bound ? rate.low : share / between.mean;
  return rate;
}

}  // namespace profd
