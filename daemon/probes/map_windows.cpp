#include "probes/map_windows.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

namespace profd {
namespace {

// Which samples are in map functions that are not Go's is not looked at: a turn in 25 s.
constexpr double kShareOfOthers = 0.02;
}  // namespace

MapWindows::MapWindows(MapWindowsParts parts, bool enabled)
    : parts_(std::move(parts)), scheduler_(parts_.options, parts_.cpus), enabled_(enabled) {
  epoll_.Reset(epoll_create1(EPOLL_CLOEXEC));
  wakeup_.Reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  for (const int fd : {parts_.prober->hits_fd(), wakeup_.get()}) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
  }
  const auto slots = std::min<uint32_t>(MapProber::kSlots, static_cast<uint32_t>(parts_.options.most_open));
  for (uint32_t slot = 0; slot < slots; ++slot) {
    openers_.emplace_back([this, slot](std::stop_token stop) { RunSlot(slot, stop); });
  }
  thread_ = std::jthread([this](std::stop_token stop) { Run(stop); });
}

MapWindows::~MapWindows() { Stop(); }

void MapWindows::Stop() {
  if (!thread_.joinable()) return;
  SetEnabled(false);
  thread_.request_stop();
  Wake();
  thread_.join();
  for (std::jthread& opener : openers_) opener.request_stop();
  changed_.notify_all();
  openers_.clear();
}

void MapWindows::Wake() {
  const uint64_t one = 1;
  (void)!write(wakeup_.get(), &one, sizeof(one));
}

bool MapWindows::Add(const ProcessId& process, std::shared_ptr<const MapBinary> binary) {
  const auto cpu = parts_.cpu_time(process);
  if (!cpu) return false;
  const bool is_go = binary->names.empty();
  std::lock_guard lock(mutex_);
  if (!known_.emplace(process, Known{.binary = std::move(binary), .cpu = *cpu}).second) return false;
  scheduler_.Add(process, *cpu, parts_.clock->Boot());
  if (!is_go) scheduler_.OnMapShare(process, kShareOfOthers);
  Wake();
  return true;
}

void MapWindows::OnEnd(const ProcessId& process) {
  std::lock_guard lock(mutex_);
  if (known_.erase(process) > 0) scheduler_.Remove(process);
}

void MapWindows::OnUsage(const ProcessId& process, std::chrono::nanoseconds cpu, uint64_t samples,
                         uint64_t map_samples) {
  constexpr double kNew = 0.3;  // samples are few
  std::lock_guard lock(mutex_);
  const auto known = known_.find(process);
  if (known == known_.end()) return;
  known->second.cpu += cpu;
  scheduler_.OnCpuTime(process, known->second.cpu);
  if (samples == 0 || !known->second.binary->names.empty()) return;
  double& share = known->second.map_share;
  share += kNew * (static_cast<double>(map_samples) / static_cast<double>(samples) - share);
  scheduler_.OnMapShare(process, share);
}

// Not with the lock held: the kernel adds the times up of all threads of a process.
void MapWindows::Refresh(const std::set<ProcessId>& processes) {
  std::vector<std::pair<ProcessId, std::chrono::nanoseconds>> times;
  for (const ProcessId& process : processes) {
    if (const auto cpu = parts_.cpu_time(process)) times.emplace_back(process, *cpu);
  }
  std::lock_guard lock(mutex_);
  for (const auto& [process, cpu] : times) {
    const auto known = known_.find(process);
    if (known != known_.end()) scheduler_.OnCpuTime(process, known->second.cpu = cpu);
  }
}

void MapWindows::SetSuspects(const std::set<ProcessId>& suspects) {
  Refresh(suspects);
  std::lock_guard lock(mutex_);
  const BootTime now = parts_.clock->Boot();
  std::map<ProcessId, BootTime> since;
  for (const ProcessId& process : suspects) {
    if (!known_.contains(process)) continue;
    const auto before = suspect_since_.find(process);
    since[process] = before == suspect_since_.end() ? now : before->second;
    if (before != suspect_since_.end()) continue;
    Known& known = known_.at(process);
    known.tried.clear();
    known.seldom = false;
    known.turn = 0;
    TellFunctions(process, known);
  }
  suspect_since_ = std::move(since);
  scheduler_.SetSuspects(suspects);
  if (!suspects.empty()) Wake();
}

void MapWindows::OnRecursion(const ProcessId& process, RecursingThread thread) {
  std::lock_guard lock(mutex_);
  const auto known = known_.find(process);
  // Breakpoints are set where the program's own file is mapped: of what is in a library nothing is known there.
  if (known == known_.end() || !known->second.binary->names.empty()) return;
  known->second.recursion = std::move(thread);
  if (suspect_since_.contains(process) && !KnowsCalls(known->second)) Wake();
}

// From another leaf the same cycle begins elsewhere.
bool MapWindows::KnowsCalls(const Known& known) {
  return known.looked_at && std::ranges::is_permutation(*known.looked_at, known.recursion->cycle);
}

RecursionSites MapWindows::NextSites(const Known& known) {
  return SitesOfRecursion(*known.binary, known.called, known.tried, known.turn);
}

void MapWindows::TellFunctions(const ProcessId& process, const Known& known) {
  if (known.recursion) scheduler_.SetExactFunctions(process, NextSites(known).sites.size());
}

void MapWindows::OnThread(const ProcessId& process, uint64_t goroutine, uint32_t tid) {
  std::lock_guard lock(mutex_);
  const auto known = known_.find(process);
  if (known == known_.end()) return;
  if (auto& recursion = known->second.recursion; recursion && recursion->goroutine == goroutine) {
    recursion->tid = tid;
    recursion->seen = parts_.clock->Boot();
  }
  for (auto& window : windows_) {
    if (!window || window->plan.process != process || !window->thread) continue;
    if (window->thread->goroutine != goroutine || window->thread->tid == tid) continue;
    window->moved = true;
    changed_.notify_all();
  }
}

bool MapWindows::Ask(const ProcessId& process, std::chrono::nanoseconds length) {
  Refresh({process});
  std::lock_guard lock(mutex_);
  if (!scheduler_.Ask(process, parts_.clock->Boot() + length)) return false;
  Wake();
  return true;
}

void MapWindows::SetEnabled(bool enabled) {
  std::unique_lock lock(mutex_);
  enabled_ = enabled;
  Wake();
  if (enabled) return;
  for (auto& window : windows_) {
    if (window) window->closing = true;
  }
  changed_.notify_all();
  changed_.wait(lock, [this] { return !AnyOpen(); });
}

bool MapWindows::AnyOpen() const {
  return std::ranges::any_of(windows_, [](const auto& window) { return window && !window->closed; });
}

void MapWindows::OnOtherCost(const ProcessId& process, std::chrono::nanoseconds total) {
  std::lock_guard lock(mutex_);
  scheduler_.OnOtherCost(process, total);
}

WindowTally MapWindows::TallyOf(const ProcessId& process) const {
  std::lock_guard lock(mutex_);
  const auto processes = scheduler_.List();
  const auto found = std::ranges::find(processes, process, &ProcessWindows::process);
  return found == processes.end() ? WindowTally{} : found->tally;
}

std::set<std::shared_ptr<const MapBinary>> MapWindows::Binaries() const {
  std::lock_guard lock(mutex_);
  std::set<std::shared_ptr<const MapBinary>> binaries;
  for (const auto& [process, known] : known_) binaries.insert(known.binary);
  return binaries;
}

NodeWindows MapWindows::Totals() const {
  std::lock_guard lock(mutex_);
  return scheduler_.node();
}

}  // namespace profd
