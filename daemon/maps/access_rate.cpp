#include "maps/access_rate.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace profd {
namespace {

// By how much more than its price a hit delays a program, as was measured on programs that do little but use maps.
constexpr double kDelayByPrice = 1.1, kDelayByPriceError = 0.15;
// Fewer hits of thin windows tell nothing.
constexpr double kLeastThinHits = 30;
// Where the probes leave that part of a window to the program, their delay need not be known well.
constexpr double kHardlyDelayed = 0.8;
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

// What is known of programs, and what the two kinds of windows say of this one, each by its weight. All accesses take
// the same time without probes: of whole windows what is left of `slow`, of thin ones of all their time. The factor is
// where both are equal.
AccessRate::Factor AccessRate::DelayByPrice() const {
  const Factor known{kDelayByPrice, kDelayByPriceError};
  if (whole_.hits <= 0 || thin_.hits < kLeastThinHits) return known;
  const double slow = whole_.time / whole_.hits, price = whole_.price / whole_.hits;
  const double saved = thin_.accesses * price - thin_.price;
  if (saved <= 0) return known;
  const double fast = std::max(0.0, slow - kDelayByPrice * price);
  const double variance = Square(thin_.accesses / saved) *
                          (Square(slow) * RelativeVariance(whole_) + Square(fast) * RelativeVariance(thin_));
  if (variance <= 0) return known;
  const double measured = (thin_.accesses * slow - thin_.time) / saved;
  const double of_known = 1 / Square(known.error), of_measured = 1 / variance;
  return {(of_known * known.mean + of_measured * measured) / (of_known + of_measured),
          1 / std::sqrt(of_known + of_measured)};
}

// Those windows that know best.
AccessRate::Sums AccessRate::Telling(double delay_by_price) const {
  if (thin_.hits < kLeastThinHits) return whole_;
  if (whole_.time - delay_by_price * whole_.price < kHardlyDelayed * whole_.time) return thin_;
  Sums both = whole_;
  for (double Sums::*const sum : kSums) both.*sum += thin_.*sum;
  return both;
}

MapRate AccessRate::Rate(double share, double hits) const {
  const Factor factor = DelayByPrice();
  const Sums sums = Telling(factor.mean);
  if (sums.time <= 0 || sums.accesses <= 0 || share <= 0) return {};
  const double error = 2 * std::sqrt(RelativeVariance(sums) + (hits > 0 ? (1 - share) / hits : 0));
  const auto left = [&sums](double by_price) { return sums.time - std::max(0.0, by_price) * sums.price; };
  // What is certain assumes that half of the time at most was lost.
  const double most = std::max(0.5 * sums.time, left(factor.mean - 2 * factor.error)), likely = left(factor.mean),
               least = left(factor.mean + 2 * factor.error);
  const double accesses = share * sums.accesses;
  MapRate rate;
  rate.low = std::max(0.0, 1 - error) * accesses / most;
  rate.high = least > 0 ? (1 + error) * accesses / least : std::numeric_limits<double>::infinity();
  rate.bound = likely <= 0 || likely > kWorstFactor * least;
  rate.estimate = rate.bound ? rate.low : accesses / likely;
  return rate;
}

}  // namespace profd
