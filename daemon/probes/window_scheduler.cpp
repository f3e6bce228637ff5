#include "probes/window_scheduler.h"

#include <algorithm>

namespace profd {
namespace {

using std::chrono::nanoseconds;

// Hits that still came after a window's end, at most, on the machine where windows were first measured.
constexpr uint64_t kFirstOverrun = 74;
// Windows in a row that need not wait. A goroutine may change threads faster than it can be followed.
constexpr unsigned kMostMissed = 6;

// A longer overrun is an accident, and is paid as debt. If it were expected, no window would open to show otherwise.
uint64_t LongestOverrun(uint64_t hits) { return std::max(10 * hits, kFirstOverrun); }

nanoseconds Doubled(nanoseconds gap, unsigned times, nanoseconds most) {
  for (; times > 0 && gap < most; --times) gap *= 2;
  return std::min(gap, most);
}

nanoseconds Times(nanoseconds time, double factor) {
  return nanoseconds(static_cast<int64_t>(factor * static_cast<double>(time.count())));
}

nanoseconds ShareOf(double share, nanoseconds time) { return Times(time, share); }

void Count(const WindowOutcome& outcome, WindowReason reason, WindowTally& tally) {
  ++tally.windows.at(static_cast<size_t>(reason));
  if (!outcome.attached) ++tally.failed;
  tally.hits += outcome.hits;
  tally.cost += outcome.cost;
  tally.worst = std::max(tally.worst, outcome.cost);
}

}  // namespace

WindowScheduler::WindowScheduler(const WindowOptions& options, unsigned cpus)
    : options_(options),
      node_share_(options.node_share * cpus),
      for_suspects_(node_share_ * options.suspects_part, DepthOf(node_share_ * options.suspects_part)),
      for_others_(node_share_ * (1 - options.suspects_part), DepthOf(node_share_ * (1 - options.suspects_part))) {
  overruns_.Learn(kFirstOverrun);
  for_suspects_.Fill();
  for_others_.Fill();
}

// Any window that may be expected fits in, or it never opened.
nanoseconds WindowScheduler::DepthOf(double share) const {
  const nanoseconds dearest = options_.hit_price * (Bursts::kMostHits + options_.hits + LongestOverrun(options_.hits));
  return std::max(ShareOf(share, options_.kept), dearest);
}

WindowScheduler::Entry* WindowScheduler::Find(const ProcessId& process) {
  const auto found = entries_.find(process);
  return found == entries_.end() ? nullptr : &found->second;
}

void WindowScheduler::Add(const ProcessId& process, nanoseconds cpu_time, BootTime now) {
  entries_.try_emplace(process, Entry{.standing{options_.standing_share, DepthOf(options_.standing_share)},
                                      .life{options_.process_share, DepthOf(options_.process_share)},
                                      .added = now,
                                      .exact_functions = options_.exact_functions});
  OnCpuTime(process, cpu_time);
}

void WindowScheduler::Remove(const ProcessId& process) {
  const auto found = entries_.find(process);
  if (found == entries_.end()) return;
  if (found->second.queued) queue_.erase({*found->second.queued, process});
  entries_.erase(found);
  suspects_.erase(process);
  asked_.erase(process);
}

void WindowScheduler::OnCpuTime(const ProcessId& process, nanoseconds total) {
  Entry* const entry = Find(process);
  if (entry == nullptr) return;
  if (total > entry->cpu_time) {
    entry->standing.Earn(total - entry->cpu_time);
    entry->life.Earn(total - entry->cpu_time);
    entry->cpu_time = total;
  }
  Enqueue(process, *entry);
}

void WindowScheduler::OnOtherCost(const ProcessId& process, nanoseconds total) {
  Entry* const entry = Find(process);
  if (entry == nullptr || total <= entry->other_cost) return;
  entry->life.Spend(total - entry->other_cost);
  entry->other_cost = total;
  Enqueue(process, *entry);
}

void WindowScheduler::OnMapShare(const ProcessId& process, double share) {
  Entry* const entry = Find(process);
  if (entry == nullptr) return;
  entry->map_share = share;
  Enqueue(process, *entry);
}

void WindowScheduler::SetSuspects(std::set<ProcessId> suspects) {
  for (const ProcessId& process : suspects) {
    Entry* const entry = Find(process);
    if (entry == nullptr || suspects_.contains(process)) continue;
    entry->at_once = true;
    PastOf(*entry, WindowReason::kSuspect).misses = 0;
    entry->missed = 0;
    Enqueue(process, *entry);
  }
  suspects_ = std::move(suspects);
}

void WindowScheduler::SetPassedHits(const ProcessId& process, uint64_t hits) {
  Entry* const entry = Find(process);
  if (entry == nullptr) return;
  entry->passed_hits = std::min(hits, Bursts::kMostHits);
  Enqueue(process, *entry);
}

void WindowScheduler::SetExactFunctions(const ProcessId& process, size_t functions) {
  if (Entry* const entry = Find(process)) entry->exact_functions = std::max<size_t>(functions, 1);
}

bool WindowScheduler::Ask(const ProcessId& process, BootTime until) {
  if (!entries_.contains(process)) return false;
  BootTime& asked_until = asked_.try_emplace(process, until).first->second;
  asked_until = std::max(asked_until, until);
  return true;
}

bool WindowScheduler::IsExact(WindowReason reason) const {
  return reason == WindowReason::kSuspect && options_.exact_hit_price > nanoseconds(0);
}

uint64_t WindowScheduler::MostHits(const Entry& entry, WindowReason reason) const {
  if (reason != WindowReason::kSuspect) return entry.passed_hits + options_.hits;
  return IsExact(reason) ? options_.exact_hits : options_.hits;
}

// An exact window is over when the first function has had all its hits; the others may have as many, and not more.
nanoseconds WindowScheduler::PriceOf(const Entry& entry, WindowReason reason) const {
  return IsExact(reason) ? options_.exact_hit_price * static_cast<int64_t>(entry.exact_functions) : options_.hit_price;
}

double WindowScheduler::WorstOverrun(WindowReason reason) const { return IsExact(reason) ? 0 : overruns_.Worst(); }

nanoseconds WindowScheduler::Expected(const Entry& entry, uint64_t hits, WindowReason reason) const {
  return Times(PriceOf(entry, reason), static_cast<double>(hits) + WorstOverrun(reason));
}

// Who is poor gets a smaller window, if it is suspected or somebody waits: the first hits say most.
uint64_t WindowScheduler::HitsFor(const Entry& entry, WindowReason reason) const {
  if (reason == WindowReason::kRound) return MostHits(entry, reason);
  const nanoseconds left = entry.life.left();
  const double covered = static_cast<double>(left.count()) / static_cast<double>(PriceOf(entry, reason).count());
  const auto hits = static_cast<int64_t>(covered - WorstOverrun(reason));
  const uint64_t least = IsExact(reason) ? options_.least_exact_hits : options_.least_hits;
  return static_cast<uint64_t>(
      std::clamp(hits, static_cast<int64_t>(least), static_cast<int64_t>(MostHits(entry, reason))));
}

const Allowance& WindowScheduler::PartOf(WindowReason reason) const {
  return reason == WindowReason::kSuspect ? for_suspects_ : for_others_;
}

Allowance& WindowScheduler::PartOf(WindowReason reason) {
  return reason == WindowReason::kSuspect ? for_suspects_ : for_others_;
}

void WindowScheduler::EarnUntil(BootTime now) {
  if (earned_until_ && now <= *earned_until_) return;
  const nanoseconds time = earned_until_ ? now - *earned_until_ : nanoseconds(0);
  for_suspects_.Earn(time);
  for_others_.Earn(time);
  earned_time_ += time;
  earned_until_ = now;
}

// Neither suspects nor the others take the last one.
bool WindowScheduler::HasSlot(WindowReason reason) const {
  const bool suspect = reason == WindowReason::kSuspect;
  const auto alike = static_cast<size_t>(std::ranges::count_if(
      open_, [suspect](const auto& one) { return (one.second.reason == WindowReason::kSuspect) == suspect; }));
  return open_.size() < options_.most_open && (alike == 0 || alike + 1 < options_.most_open);
}

bool WindowScheduler::IsCovered(const Entry& entry, WindowReason reason) const {
  const nanoseconds cost = Expected(entry, HitsFor(entry, reason), reason);
  return entry.life.Covers(cost) && (reason != WindowReason::kRound || entry.standing.Covers(cost));
}

nanoseconds WindowScheduler::GapOf(double map_share) const {
  if (!(map_share > 0)) return options_.unsampled_gap;
  const nanoseconds longest = options_.rare_gap;
  if (map_share * static_cast<double>(longest.count()) <
      options_.full_share * static_cast<double>(nanoseconds(options_.round_gap).count())) {
    return longest;
  }
  return ShareOf(std::max(1.0, options_.full_share / map_share), options_.round_gap);
}

BootTime WindowScheduler::TurnOf(const Entry& entry) const {
  const nanoseconds gap = GapOf(entry.map_share);
  if (!entry.whole.closed) return entry.map_share > 0 ? entry.added : entry.added + gap;
  return *entry.whole.closed + Doubled(gap, entry.whole.misses, std::max<nanoseconds>(gap, options_.longest_backoff));
}

// Puts it where it belongs in the queue, or nowhere. One that cannot pay is back when it has used more CPU time.
void WindowScheduler::Enqueue(const ProcessId& process, Entry& entry) {
  std::optional<BootTime> turn;
  if (!open_.contains(process) && IsCovered(entry, WindowReason::kRound)) turn = TurnOf(entry);
  if (turn == entry.queued) return;
  if (entry.queued) queue_.erase({*entry.queued, process});
  if (turn) queue_.emplace(*turn, process);
  entry.queued = turn;
}

// Who may have a window for that reason and when, the first one first.
std::vector<WindowScheduler::Due> WindowScheduler::Urgent(WindowReason reason) const {
  std::vector<Due> due;
  const auto consider = [&](const ProcessId& process) {
    const auto found = entries_.find(process);
    if (found == entries_.end() || open_.contains(process) || !IsCovered(found->second, reason)) return;
    const Entry& entry = found->second;
    const nanoseconds most = options_.asked_backoff;
    const Entry::Past& past = PastOf(entry, reason);
    const bool waits = past.closed && !(reason == WindowReason::kSuspect && entry.at_once);
    due.emplace_back(waits ? *past.closed + Doubled(options_.urgent_gap, past.misses, most) : BootTime{}, process);
  };
  if (reason == WindowReason::kSuspect) {
    for (const ProcessId& process : suspects_) consider(process);
  } else {
    for (const auto& [process, until] : asked_) consider(process);
  }
  std::ranges::sort(due);
  return due;
}

std::vector<WindowPlan> WindowScheduler::Open(BootTime now) {
  EarnUntil(now);
  std::erase_if(asked_, [now](const auto& ask) { return ask.second <= now; });
  std::vector<WindowPlan> plans;
  OpenUrgent(WindowReason::kSuspect, now, plans);
  if (options_.suspects_only) return plans;
  OpenUrgent(WindowReason::kAsked, now, plans);
  OpenRound(now, plans);
  return plans;
}

void WindowScheduler::OpenUrgent(WindowReason reason, BootTime now, std::vector<WindowPlan>& plans) {
  for (const auto& [due, process] : Urgent(reason)) {
    Entry& entry = entries_.at(process);
    // A dear one holds up others behind it, or it would never have its turn.
    if (due > now || !HasSlot(reason) || !PartOf(reason).Covers(Expected(entry, MostHits(entry, reason), reason)))
      return;
    plans.push_back(Begin(process, entry, reason));
  }
}

void WindowScheduler::OpenRound(BootTime now, std::vector<WindowPlan>& plans) {
  constexpr auto kReason = WindowReason::kRound;
  while (!queue_.empty() && queue_.begin()->first <= now && HasSlot(kReason)) {
    const ProcessId process = queue_.begin()->second;
    Entry& entry = entries_.at(process);
    if (!PartOf(kReason).Covers(Expected(entry, MostHits(entry, kReason), kReason))) return;
    if (IsCovered(entry, kReason)) {
      plans.push_back(Begin(process, entry, kReason));
    } else {  // more is expected of a window than when it was queued
      Enqueue(process, entry);
    }
  }
}

nanoseconds WindowScheduler::LongestOf(WindowReason reason) const {
  switch (reason) {
    case WindowReason::kSuspect: return options_.suspect_length;
    case WindowReason::kAsked: return options_.asked_length;
    case WindowReason::kRound: break;
  }
  return options_.length;
}

WindowPlan WindowScheduler::Begin(const ProcessId& process, Entry& entry, WindowReason reason) {
  const uint64_t hits = HitsFor(entry, reason);
  const uint64_t passed =
      reason == WindowReason::kSuspect ? 0 : hits * entry.passed_hits / (entry.passed_hits + options_.hits);
  const nanoseconds held = Expected(entry, hits, reason);
  PartOf(reason).Hold(held);
  open_.emplace(process, OpenWindow{.reason = reason, .held = held, .hits = hits});
  if (reason == WindowReason::kSuspect) entry.at_once = false;
  Enqueue(process, entry);
  return {.process = process,
          .reason = reason,
          .most_hits = hits - passed,
          .passed_hits = passed,
          .longest = LongestOf(passed > 0 ? WindowReason::kAsked : reason)};  // over a rest, too
}

void WindowScheduler::OnClosed(const WindowOutcome& outcome, BootTime now) {
  const auto open = open_.find(outcome.process);
  if (open == open_.end()) return;
  const OpenWindow window = open->second;
  const WindowReason reason = window.reason;
  open_.erase(open);
  EarnUntil(now);
  PartOf(reason).Release(window.held);
  PartOf(reason).Spend(outcome.cost);
  Count(outcome, reason, tally_);
  Learn(outcome, window);
  Entry* const entry = Find(outcome.process);
  if (entry == nullptr) return;
  entry->life.Spend(outcome.cost);
  if (IsExact(reason)) entry->missed = outcome.missed ? entry->missed + 1 : 0;
  const bool again = outcome.missed && entry->missed <= kMostMissed;
  if (again) entry->at_once = true;
  if (reason == WindowReason::kRound) entry->standing.Spend(outcome.cost);
  Count(outcome, reason, entry->tally);
  Entry::Past& past = PastOf(*entry, reason);
  past.closed = now;
  if (!again) past.misses = outcome.hits == 0 ? past.misses + 1 : 0;
  Enqueue(outcome.process, *entry);
}

// A window that ended by time had no overrun that tells of others.
void WindowScheduler::Learn(const WindowOutcome& outcome, const OpenWindow& window) {
  if (IsExact(window.reason) || outcome.hits < window.hits) return;
  overruns_.Learn(static_cast<double>(std::min(outcome.hits - window.hits, LongestOverrun(options_.hits))));
}

std::optional<BootTime> WindowScheduler::NextDue(BootTime now) const {
  std::optional<BootTime> next;
  const auto consider = [&](WindowReason reason, const Due& first) {
    const auto& [due, process] = first;
    const Entry& entry = entries_.at(process);
    const auto wait = PartOf(reason).TimeUntil(Expected(entry, MostHits(entry, reason), reason));
    if (!wait || !HasSlot(reason)) return;
    BootTime at = std::max(now, due);
    if (*wait > nanoseconds(0)) at = std::max(at, earned_until_.value_or(now) + *wait);
    // When nobody asks for it any more, it holds up nobody.
    if (reason == WindowReason::kAsked) at = std::min(at, std::max(now, asked_.at(process)));
    next = std::min(next.value_or(at), at);
  };
  for (const WindowReason reason : {WindowReason::kSuspect, WindowReason::kAsked}) {
    if (reason != WindowReason::kSuspect && options_.suspects_only) return next;
    if (const auto urgent = Urgent(reason); !urgent.empty()) consider(reason, urgent.front());
  }
  if (!queue_.empty()) consider(WindowReason::kRound, *queue_.begin());
  return next;
}

std::vector<ProcessWindows> WindowScheduler::List() const {
  std::vector<ProcessWindows> all;
  all.reserve(entries_.size());
  for (const auto& [process, entry] : entries_) {
    all.push_back(
        {.process = process, .tally = entry.tally, .debt = std::max(entry.standing.debt(), entry.life.debt())});
  }
  return all;
}

NodeWindows WindowScheduler::node() const {
  return {.tally = tally_,
          .budget = ShareOf(node_share_, earned_time_),
          .debt = for_suspects_.debt() + for_others_.debt(),
          .open = open_.size()};
}

}  // namespace profd
