// What the threads of MapWindows do.
#include <sys/epoll.h>

#include <algorithm>

#include "probes/map_windows.h"
#include "probes/price.h"
#include "probes/priority.h"

namespace profd {
namespace {

constexpr std::chrono::milliseconds kLongestWait{1000};
// Who has just become a suspect earns its first window with each millisecond that it runs: its CPU time is read that
// often, for so long.
constexpr std::chrono::milliseconds kFreshWait{2};
// The window before ended in a burst, and the gap between them may be so many bursts long.
constexpr std::chrono::nanoseconds kLongestDelay = std::chrono::milliseconds(25);
constexpr uint64_t kThinness = 4;          // the accesses of all functions, of those in a window of a few
constexpr std::chrono::seconds kFresh{1};  // also: what is known of a thread, for so long

}  // namespace

bool MapWindows::IsExact(WindowReason reason) const {
  return reason == WindowReason::kSuspect && parts_.prober->breakpoint_cost().has_value();
}

absl::Status MapWindows::Open(uint32_t slot, const OpenWindow& window) const {
  const MapBinary& binary = *window.binary;
  if (!IsUnchanged(binary)) {
    return Error(absl::StatusCode::kFailedPrecondition, "{}: its code has changed", binary.path);
  }
  MapWindowSpec spec{.process = window.plan.process,
                     .number = window.number,
                     .fd = binary.fd.get(),
                     .skip_hits = static_cast<uint32_t>(window.plan.passed_hits),
                     .most_hits = static_cast<uint32_t>(window.plan.most_hits),
                     .swiss = binary.swiss,
                     .key_text = parts_.key_text,
                     .g_goid = binary.g_goid,
                     .g_stack_hi = binary.g_stack_hi};
  if (!window.thread && IsExact(window.plan.reason)) {
    return Error(absl::StatusCode::kNotFound, "{}: which thread recurses is not known", binary.path);
  }
  if (window.thread) {
    spec.thread = window.thread->tid;
    spec.load_bias = window.thread->load_bias;
    spec.sites = window.sites.sites;
  } else {
    std::ranges::copy_if(binary.sites, std::back_inserter(spec.sites), [&window](const MapProbeSite& site) {
      return window.functions.none() || window.functions[site.function];
    });
  }
  return parts_.prober->Open(slot, spec);
}

void MapWindows::RunSlot(uint32_t slot, std::stop_token stop) {
  RunSoonWhenWoken();
  std::unique_lock lock(mutex_);
  auto& window = windows_[slot];
  while (true) {
    if (!changed_.wait(lock, stop, [&] { return window && !window->closed; })) return;
    changed_.wait_for(lock, stop, window->delay, [&] { return window->closing; });
    OpenWindow opening = *window;
    lock.unlock();
    if (opening.plan.reason != WindowReason::kSuspect) opening.functions = parts_.functions_of(opening.plan.process);
    if (opening.functions.any()) opening.plan.passed_hits /= kThinness;
    opening.status = Open(slot, opening);
    opening.armed = parts_.clock->Boot();
    if (opening.status.ok() && !opening.thread) parts_.prober->SetArmed(slot, true);
    lock.lock();
    window->functions = opening.functions;
    window->plan.passed_hits = opening.plan.passed_hits;
    window->status = opening.status;
    window->armed = opening.armed;
    if (opening.status.ok()) {
      changed_.wait_for(lock, window->plan.longest, [&] { return window->full || window->moved || window->closing; });
      window->ended = parts_.clock->Boot();
      lock.unlock();
      const MapWindowCount count = parts_.prober->Close(slot);
      lock.lock();
      window->count = count;
    }
    window->closed = true;
    changed_.notify_all();
    Wake();
    // The other thread takes it away, and may have put another one there by then.
    if (!changed_.wait(lock, stop, [&] { return !window || window->number != opening.number; })) return;
  }
}

void MapWindows::Run(std::stop_token stop) {
  RunSoonWhenWoken();
  while (!stop.stop_requested()) {
    Wait();
    ReadHits();
    FinishClosed();
    LookForCalls();
    OpenNew();
  }
  FinishClosed();
}

void MapWindows::Wait() {
  auto longest = kLongestWait;
  {
    std::lock_guard lock(mutex_);
    const BootTime now = parts_.clock->Boot();
    if (AnyFresh(now)) longest = kFreshWait;
    if (const auto due = enabled_ ? scheduler_.NextDue(now) : std::nullopt) {
      longest =
          std::clamp(std::chrono::ceil<std::chrono::milliseconds>(*due - now), std::chrono::milliseconds(1), longest);
    }
  }
  epoll_event events[2];
  epoll_wait(epoll_.get(), events, 2, static_cast<int>(longest.count()));
  uint64_t count;
  (void)!read(wakeup_.get(), &count, sizeof(count));
}

void MapWindows::ReadHits() {
  std::vector<MapHit> hits;
  parts_.prober->Read(hits);
  std::lock_guard lock(mutex_);
  for (MapHit& hit : hits) {
    const auto of =
        std::ranges::find_if(windows_, [&hit](const auto& window) { return window && window->number == hit.window; });
    if (of == windows_.end()) continue;
    if (hit.last) {
      (*of)->full = true;
      (*of)->filled = hit.time;
      changed_.notify_all();
    }
    (*of)->hits.push_back(std::move(hit));
  }
}

void MapWindows::FinishClosed() {
  bool any = false;
  {
    std::lock_guard lock(mutex_);
    for (auto& window : windows_) {
      if (window && window->closed) any = window->complete = true;
    }
  }
  if (!any) return;
  ReadHits();  // all hits of these are in the ring by now
  std::vector<OpenWindow> complete;
  {
    std::lock_guard lock(mutex_);
    for (auto& window : windows_) {
      if (!window || !window->complete) continue;
      complete.push_back(*std::move(window));
      window.reset();
    }
    changed_.notify_all();
  }
  if (!std::ranges::all_of(complete, [](const OpenWindow& window) { return window.thread.has_value(); }))
    MeasureTrapCost();
  for (OpenWindow& window : complete) Finish(std::move(window));
}

// Of the machine as it is now.
void MapWindows::MeasureTrapCost() {
  constexpr std::chrono::milliseconds kPause{250};
  const BootTime now = parts_.clock->Boot();
  if (now - measured_ < kPause) return;
  measured_ = now;
  parts_.prober->MeasureTrapCost();
}

// Threads come and go. That a debugger, or the program itself, has all breakpoints is told once.
void MapWindows::TellFailure(const OpenWindow& window) {
  if (absl::IsNotFound(window.status)) return;
  if (absl::IsResourceExhausted(window.status)) {
    std::lock_guard lock(mutex_);
    const auto known = known_.find(window.plan.process);
    if (known == known_.end() || std::exchange(known->second.told_why_not, true)) return;
  }
  parts_.on_error(Annotate(window.status, fmt::format("the maps of pid {}", window.plan.process.tgid)));
}

MapUse MapWindows::UseOf(const OpenWindow& window, std::chrono::nanoseconds trap) {
  const MapWindowCount& count = window.count;
  const uint64_t passed = std::min(window.plan.passed_hits, count.armed_hits);
  const uint64_t hits = window.filled ? passed + window.plan.most_hits : count.armed_hits;
  const uint64_t told = std::min<uint64_t>(count.armed_hits - passed, window.plan.most_hits);
  std::set<uint32_t> threads;
  for (const MapHit& hit : window.hits) threads.insert(hit.tid);
  return {.hits = hits,
          .length = window.filled.value_or(window.ended) - window.armed,
          .price = trap * static_cast<int64_t>(hits) + count.ProgramOf(told, passed),
          .threads = std::max<size_t>(1, threads.size()),
          .burst_hits = window.burst_hits};
}

// With the lock held.
void MapWindows::LearnBursts(const OpenWindow& window) {
  const auto known = known_.find(window.plan.process);
  if (known == known_.end() || window.plan.reason == WindowReason::kSuspect) return;
  Bursts& bursts = known->second.bursts;
  std::vector<BootTime> times;
  for (const MapHit& hit : window.hits) times.push_back(hit.time);
  // Of a few functions there are as many hits the fewer.
  if (window.functions.none()) bursts.Add(window.armed, window.count.first, window.plan.passed_hits, times);
  scheduler_.SetPassedHits(window.plan.process, bursts.longest() == 0 ? 0 : random_() % bursts.longest());
}

// To what the next window of that recursion is to look at. With the lock held.
void MapWindows::Proceed(const OpenWindow& window, uint64_t hits) {
  const auto found = known_.find(window.plan.process);
  if (found == known_.end() || !found->second.recursion) return;
  Known& known = found->second;
  if (!window.sites.guess) {
    ++known.turn;
  } else {
    // What is hit, but too seldom for that time, gets another window, which is longer.
    known.seldom = hits > 0 && !window.full && !known.seldom;
    if (!known.seldom) known.tried.insert(*window.sites.guess);
  }
  TellFunctions(window.plan.process, known);
}

void MapWindows::Finish(OpenWindow window) {
  const MapWindowCount& count = window.count;
  const auto trap = window.thread ? *parts_.prober->breakpoint_cost() : parts_.prober->trap_cost();
  const uint64_t all = count.hits + count.other_hits;
  const auto cost =
      window.thread ? PriceOfBreakpoints(all, trap, count.program) : PriceOfHits(all, trap, count.program);
  bool of_long_bursts = false;
  {
    std::lock_guard lock(mutex_);
    // In another thread, or at a function that it does not call.
    const bool looked = window.status.ok() && !window.closing;
    const bool missed = looked && ((window.moved && !window.full) || (window.sites.guess && all == 0));
    scheduler_.OnClosed(
        {.process = window.plan.process, .attached = window.status.ok(), .hits = all, .cost = cost, .missed = missed},
        parts_.clock->Boot());
    if (looked && !window.thread) LearnBursts(window);
    if (const auto known = known_.find(window.plan.process); known != known_.end()) {
      of_long_bursts = known->second.bursts.too_long();
    }
    if (looked && window.thread && (window.full || !window.moved)) Proceed(window, all);
  }
  if (!window.status.ok()) {
    // It may have ended before it was added: nobody would say so again.
    if (!parts_.cpu_time(window.plan.process)) OnEnd(window.plan.process);
    TellFailure(window);
    return;
  }
  if (parts_.key_text) SpellKeys(*window.binary, window.hits);
  parts_.on_window({.process = window.plan.process,
                    .binary = std::move(window.binary),
                    .reason = window.plan.reason,
                    .is_of_long_bursts = of_long_bursts,
                    .one_thread = window.thread.has_value(),
                    .end = window.filled.value_or(window.ended),
                    .functions = window.functions,
                    .use = UseOf(window, trap),
                    .hits = std::move(window.hits)});
}

bool MapWindows::AnyFresh(BootTime now) const {
  return std::ranges::any_of(suspect_since_, [now](const auto& one) { return now - one.second < kFresh; });
}

// Reads programs' files, which may take as long as anything: not on the thread that tells of recursion.
void MapWindows::LookForCalls() {
  constexpr std::chrono::milliseconds kPause{100};  // cycles that are estimates are never quite the same
  std::unique_lock lock(mutex_);
  const BootTime now = parts_.clock->Boot();
  std::vector<ProcessId> wanted;
  for (const auto& [process, since] : suspect_since_) {
    const auto known = known_.find(process);
    if (known == known_.end() || !known->second.recursion || KnowsCalls(known->second)) continue;
    if (now - known->second.looked >= kPause) wanted.push_back(process);
  }
  for (const ProcessId& process : wanted) {
    auto known = known_.find(process);
    if (known == known_.end() || !known->second.recursion) continue;
    known->second.looked = now;
    const auto binary = known->second.binary;
    std::vector<uint64_t> cycle = known->second.recursion->cycle;
    lock.unlock();
    std::vector<size_t> called = SitesCalled(*binary, cycle);
    lock.lock();
    known = known_.find(process);
    if (known == known_.end() || known->second.binary != binary || !known->second.recursion) continue;
    known->second.called = std::move(called);
    known->second.looked_at = std::move(cycle);
    TellFunctions(process, known->second);
  }
}

void MapWindows::OpenNew() {
  const BootTime now = parts_.clock->Boot();
  std::set<ProcessId> fresh;
  {
    std::lock_guard lock(mutex_);
    if (!enabled_) return;
    for (const auto& [process, since] : suspect_since_) {
      if (now - since < kFresh) fresh.insert(process);
    }
  }
  Refresh(fresh);
  std::lock_guard lock(mutex_);
  if (!enabled_) return;
  for (const WindowPlan& plan : scheduler_.Open(parts_.clock->Boot())) {
    const auto free = std::ranges::find_if(windows_, [](const auto& window) { return !window; });
    Known& known = known_.at(plan.process);
    *free = OpenWindow{.plan = plan, .binary = known.binary, .number = next_number_++};
    // A suspect does not rest now.
    if (plan.reason != WindowReason::kSuspect && known.bursts.rests()) {
      (*free)->burst_hits = known.bursts.longest();
      (*free)->delay = std::chrono::nanoseconds(random_() % kLongestDelay.count());
    }
    if (!IsExact(plan.reason) || !known.recursion || now - known.recursion->seen > kFresh) continue;
    (*free)->thread = known.recursion;
    (*free)->sites = NextSites(known);
    if ((*free)->sites.guess && !known.seldom) (*free)->plan.longest = parts_.options.length;
  }
  changed_.notify_all();
}

}  // namespace profd
