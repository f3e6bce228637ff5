#include "probes/go_probes.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "probes/place.h"
#include "probes/price.h"

namespace profd {
namespace {

constexpr size_t kMaxBinaries = 256;
constexpr uint32_t kNumbers = 1024;
constexpr size_t kMaxProcesses = 4096;  // of one binary, that are followed to their end
constexpr std::chrono::minutes kUnused{10};
// A process that has just begun owns next to no CPU time: so much it may owe before its binary loses the probe.
constexpr std::chrono::milliseconds kOverdraft{20};

}  // namespace

absl::StatusOr<ProbeSites> SitesOf(const GoFacts& facts) {
  if (!facts.tls_g_known) return Error(absl::StatusCode::kFailedPrecondition, "where its goroutine is is not known");
  ASSIGN_OR_RETURN(const ProbePlace fatal_error, PlaceProbe(facts.fatal_error.code));
  ProbeSites sites;
  sites.fatal_error = facts.fatal_error.offset + fatal_error.distance;
  const auto growth = PlaceProbe(facts.stack_growth.code);
  // Stacks grow often: single-stepped it would cost too much.
  sites.with_growth = growth.ok() && growth->emulated;
  if (sites.with_growth) sites.stack_growth = facts.stack_growth.offset + growth->distance;
  return sites;
}

GoProbes::GoProbes(ProbeAttacher* attacher, CpuTimeOf cpu_time, double budget)
    : attacher_(attacher), cpu_time_(std::move(cpu_time)), budget_(budget) {}

GoProbes::~GoProbes() { SetEnabled(false); }

bool GoProbes::Consider(GoBinary binary) {
  const ProcessId process = binary.process;
  if (const auto known = by_file_.find(binary.file); known != by_file_.end()) {
    Entry& entry = entries_.at(known->second);
    if (entry.processes.size() < kMaxProcesses) entry.processes.insert(process);
    entry.unused_since = {};
    return false;
  }
  if (!MakeRoom()) return false;
  while (entries_.contains(next_)) next_ = (next_ + 1) % kNumbers;
  const uint32_t number = next_;
  next_ = (next_ + 1) % kNumbers;
  by_file_[binary.file] = number;
  oldest_first_.push_back(number);
  Entry& entry = entries_[number];
  entry.binary = std::move(binary);
  entry.processes.insert(process);
  auto sites = SitesOf(entry.binary.facts);
  if (sites.ok()) {
    entry.sites = *sites;
  } else {
    entry.refused = Message(sites.status());
  }
  Rearm(number, entry);
  return true;
}

void GoProbes::OnEnd(const ProcessId& process, BootTime now) {
  for (auto& [number, entry] : entries_) {
    if (entry.processes.erase(process) > 0 && entry.processes.empty()) entry.unused_since = now;
  }
}

bool GoProbes::MakeRoom() {
  if (entries_.size() < kMaxBinaries) return true;
  const auto unused = std::ranges::find_if(
      oldest_first_, [this](uint32_t number) { return entries_.at(number).unused_since != BootTime{}; });
  if (unused == oldest_first_.end()) return false;
  LetGo(*unused);
  return true;
}

void GoProbes::LetGo(uint32_t number) {
  const auto entry = entries_.find(number);
  if (entry->second.armed) attacher_->Detach(number);
  by_file_.erase(entry->second.binary.file);
  entries_.erase(entry);
  std::erase(oldest_first_, number);
}

// Brings what is attached in line with what ought to be.
void GoProbes::Rearm(uint32_t number, Entry& entry) {
  if (entry.armed && !enabled_) {
    attacher_->Detach(number);
    entry.armed = false;
  }
  if (!enabled_ || !entry.sites || !entry.refused.empty()) return;
  ProbeSites sites = *entry.sites;
  sites.with_growth &= entry.debtors.empty();
  const GoFacts& facts = entry.binary.facts;
  absl::Status unchanged = CheckCode(entry.binary.fd.get(), facts.fatal_error);
  if (unchanged.ok() && sites.with_growth) unchanged = CheckCode(entry.binary.fd.get(), facts.stack_growth);
  if (!unchanged.ok()) {
    if (entry.armed) attacher_->Detach(number);
    entry.armed = false;
    entry.refused = Message(unchanged);
    return;
  }
  const absl::Status attached = attacher_->Attach(number, entry.binary.fd.get(), facts, sites);
  entry.armed = attached.ok();
  entry.failed = attached.ok() ? "" : Message(attached);
}

std::chrono::nanoseconds GoProbes::PriceOf(const ProbeCost& cost) const {
  return PriceOfHits(cost.hits, attacher_->trap_cost(), cost.program);
}

bool GoProbes::InDebt(const ProbeCost& cost, std::chrono::nanoseconds overdraft) const {
  const auto cpu = cpu_time_(cost.process);
  if (!cpu) return false;
  return PriceOf(cost) >
         overdraft + std::chrono::nanoseconds(static_cast<int64_t>(budget_ * static_cast<double>(cpu->count())));
}

void GoProbes::OnCost(const ProbeCost& cost) {
  const auto found = entries_.find(cost.binary);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  entry.hits = std::max(entry.hits, cost.hits);
  entry.cost = std::max(entry.cost, PriceOf(cost));
  if (!InDebt(cost, kOverdraft)) return;
  const bool first = entry.debtors.empty();
  entry.debtors[cost.process] = cost;
  entry.debt = fmt::format("pid {} paid {} ms for {} hits", cost.process.tgid,
                           std::chrono::floor<std::chrono::milliseconds>(PriceOf(cost)).count(), cost.hits);
  if (first) Rearm(cost.binary, entry);
}

bool GoProbes::IsOpen() const {
  return std::ranges::any_of(entries_, [](const auto& one) {
    const Entry& entry = one.second;
    return !entry.debtors.empty() || !entry.failed.empty() || entry.unused_since != BootTime{};
  });
}

void GoProbes::Settle(BootTime now) {
  std::vector<uint32_t> unused;
  for (auto& [number, entry] : entries_) {
    struct stat status {};
    const bool gone = fstat(entry.binary.fd.get(), &status) == 0 && status.st_nlink == 0;
    if (entry.unused_since != BootTime{} && (gone || now - entry.unused_since > kUnused)) {
      unused.push_back(number);
      continue;
    }
    const bool owed = !entry.debtors.empty();
    std::erase_if(entry.debtors,
                  [this](const auto& debtor) { return !InDebt(debtor.second, std::chrono::nanoseconds(0)); });
    if ((owed && entry.debtors.empty()) || !entry.failed.empty()) Rearm(number, entry);
  }
  for (const uint32_t number : unused) LetGo(number);
}

void GoProbes::SetEnabled(bool enabled) {
  enabled_ = enabled;
  for (auto& [number, entry] : entries_) {
    if (entry.armed != enabled) Rearm(number, entry);
  }
}

std::vector<ProbedBinary> GoProbes::List() const {
  std::vector<ProbedBinary> all;
  for (const uint32_t number : oldest_first_) {
    const Entry& entry = entries_.at(number);
    std::string state = "armed";
    if (!entry.refused.empty()) {
      state = "refused: " + entry.refused;
    } else if (!entry.failed.empty()) {
      state = "failed: " + entry.failed;
    } else if (!enabled_) {
      state = "off";
    } else if (!entry.debtors.empty()) {
      state = "metered: " + entry.debt;
    } else if (!entry.sites->with_growth) {
      state = "armed at fatal errors only: no place for the growth probe is known";
    }
    all.push_back({.path = entry.binary.path,
                   .version = entry.binary.facts.version,
                   .state = std::move(state),
                   .hits = entry.hits,
                   .cost = entry.cost,
                   .armed = entry.armed});
  }
  return all;
}

}  // namespace profd
