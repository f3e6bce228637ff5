#include "map_probing.h"

#include <fcntl.h>

#include <algorithm>
#include <numeric>
#include <thread>

#include "base/utf8.h"
#include "probes/price.h"
#include "process/cpu_time.h"

namespace profd {
namespace {

constexpr size_t kMostRefused = 1024;
constexpr std::chrono::seconds kAsked{10};
constexpr Symbolizer::Patience kForDescribed{300};
// What the program takes of a hit, besides the trap: measured 0.5 to 1 us. The windows' own measures are charged.
constexpr std::chrono::nanoseconds kProgramPrice{1000};

WindowOptions OptionsOf(const Config& config, const MapProbes& probes) {
  WindowOptions options;
  options.hit_price = PriceOfHits(1, probes.trap_cost(), kProgramPrice);
  options.suspects_only = !probes.of_one_process();
  if (const auto cost = probes.breakpoint_cost()) {
    options.exact_hit_price = PriceOfBreakpoints(1, *cost, kProgramPrice);
    options.exact_functions = MapProber::kBreakpoints;
  }
  options.process_share = config.map_probe_budget / 100;
  options.standing_share = std::min(options.standing_share, options.process_share);
  return options;
}

}  // namespace

MapProbing::MapProbing(const Config& config, MapProbingParts parts, std::unique_ptr<MapProbes> probes)
    : parts_(std::move(parts)),
      described_(config.map_function, {.resolver = parts_.resolver,
                                       .symbolizer = parts_.symbolizer,
                                       .clock = parts_.clock,
                                       .on_error = parts_.on_error}),
      probes_(std::move(probes)),
      stage_({.resolver = parts_.resolver,
              .symbolizer = parts_.symbolizer,
              .proc_fs = parts_.proc_fs,
              .on_evidence = parts_.on_evidence}),
      enabled_(config.map_probes) {
  windows_ = std::make_unique<MapWindows>(
      MapWindowsParts{.prober = probes_.get(),
                      .cpu_time = [this](const ProcessId& process) { return ReadCpuTime(*parts_.proc_fs, process); },
                      .clock = parts_.clock,
                      .options = OptionsOf(config, *probes_),
                      .cpus = std::thread::hardware_concurrency(),
                      .key_text = config.map_key_text,
                      .functions_of = [this](const ProcessId& process) { return stage_.FunctionsForRate(process); },
                      .on_window = [this](const MapWindow& window) { stage_.OnWindow(window); },
                      .on_error = parts_.on_error},
      config.map_probes);
}

absl::StatusOr<std::unique_ptr<MapProbing>> MapProbing::Create(const Config& config, MapProbingParts parts) {
  ASSIGN_OR_RETURN(std::unique_ptr<MapProbes> probes, MapProbes::Create(parts.holder));
  // Twenty probes take two seconds to go on such kernels, from every process that runs the binary: breakpoints have to
  // do, which are few, and for suspects.
  if (!probes->of_one_process() && !probes->breakpoint_cost()) {
    return Error(absl::StatusCode::kUnimplemented,
                 "there are neither probes of one process alone (Linux 6.10 has them) nor breakpoints of the CPU");
  }
  return std::unique_ptr<MapProbing>(new MapProbing(config, std::move(parts), std::move(probes)));
}

// With the lock held.
std::shared_ptr<const MapBinary> MapProbing::BinaryOf(const GoProgram& program) {
  std::weak_ptr<const MapBinary>& known = binaries_[program.file];
  if (auto binary = known.lock()) return binary;
  auto made = MapBinaryOf(program.facts, program.path, UniqueFd(fcntl(program.fd.get(), F_DUPFD_CLOEXEC, 0)));
  if (!made.ok()) {
    NoteWhyNot(program.process, made.status());
    return nullptr;
  }
  std::erase_if(binaries_, [](const auto& one) { return one.second.expired(); });
  auto binary = std::make_shared<const MapBinary>(*std::move(made));
  binaries_[program.file] = binary;
  return binary;
}

void MapProbing::Sweep(const std::shared_ptr<const MapBinary>& binary) {
  {
    std::lock_guard lock(mutex_);
    std::erase_if(swept_, [](const auto& one) { return one.expired(); });
    if (!swept_.insert(binary).second) return;
  }
  if (const absl::Status swept = probes_->Sweep(binary->fd.get(), binary->sites); !swept.ok()) parts_.on_error(swept);
}

void MapProbing::OnProgram(const GoProgram& program) {
  std::shared_ptr<const MapBinary> binary;
  {
    std::lock_guard lock(mutex_);
    binary = BinaryOf(program);
  }
  if (!binary) return;
  stage_.OnProgram(program.process);
  windows_->Add(program.process, binary);
  Sweep(binary);
}

void MapProbing::OnEnd(const ProcessId& process) {
  windows_->OnEnd(process);
  stage_.OnEnd(process);
  described_.OnEnd(process);
  std::lock_guard lock(mutex_);
  why_not_.erase(process);
}

// A process that is known already is Go's.
void MapProbing::LookForDescribed(const ProcessId& process, Symbolizer::Patience patience) {
  const auto binary = described_.Look(process, patience);
  if (!binary.ok()) {
    std::lock_guard lock(mutex_);
    NoteWhyNot(process, binary.status());
  } else if (*binary && windows_->Add(process, *binary)) {
    stage_.OnDescribed(process, *binary);
    Sweep(*binary);
  }
}

// With the lock held. The reason may hold what a program is called.
void MapProbing::NoteWhyNot(const ProcessId& process, const absl::Status& why) {
  if (why_not_.size() >= kMostRefused) why_not_.erase(why_not_.begin());
  why_not_[process] = ToPrintable(Message(why));
}

void MapProbing::OnSegment(const Segment& segment) {
  for (const ProcessUsage& usage : segment.usage) {
    if (!usage.exited) LookForDescribed(IdOf(usage.process), Symbolizer::Patience(0));
    windows_->OnUsage(IdOf(usage.process), usage.cpu, usage.samples, usage.map_samples);
  }
}

void MapProbing::OnRecursion(const StackReading& reading, const Resolver::Addresses& stack) {
  RecursingThread thread{.tid = reading.tid, .goroutine = reading.goroutine, .seen = reading.time};
  for (const Fold& fold : reading.stack.folds) {
    for (size_t i = fold.first; i < std::min<size_t>(fold.first + fold.length, stack.addresses.size()); ++i) {
      const ResolvedAddress& address = stack.addresses[i];
      if (!address.file || address.file != stack.executable) continue;
      thread.load_bias = address.address - address.FileOffset();
      thread.cycle.push_back(address.FileOffset());
    }
  }
  if (!thread.cycle.empty()) windows_->OnRecursion(reading.process, std::move(thread));
}

void MapProbing::OnGrowthCost(const ProcessId& process, std::chrono::nanoseconds price) {
  windows_->OnOtherCost(process, price);
}

void MapProbing::SetEnabled(bool enabled) {
  enabled_ = enabled;
  windows_->SetEnabled(enabled);
}

MapAnswer MapProbing::MapsOf(const Process& process) {
  const ProcessId id = IdOf(process);
  LookForDescribed(id, kForDescribed);  // who asks may do so before a segment has
  const bool known = windows_->Ask(id, kAsked);
  MapAnswer answer = stage_.MapsOf(id);
  const WindowTally tally = windows_->TallyOf(id);
  answer.cost = tally.cost;
  if (!answer.sites.empty()) return answer;
  std::lock_guard lock(mutex_);
  if (const auto why = why_not_.find(id); why != why_not_.end()) {
    answer.why_not = why->second;
  } else if (!known) {
    answer.why_not = "it is no Go program whose map functions are known, nor described, or it has just begun";
  } else if (!probes_->of_one_process()) {
    answer.why_not =
        "this kernel has no probes of one process alone (Linux 6.10 has): only suspects' maps are looked at";
  } else if (!enabled_) {
    answer.why_not = "probes are off: 'profctl probes on'";
  } else if (std::accumulate(tally.windows.begin(), tally.windows.end(), uint64_t{0}) == 0) {
    answer.why_not_yet =
        "it has used too little CPU time to be probed, which may cost it a small part of that: ask again later";
  }
  return answer;
}

void MapProbing::AddStatus(DaemonStatus& status) const {
  const NodeWindows node = windows_->Totals();
  const auto closed = [&node](WindowReason reason) { return node.tally.windows[static_cast<size_t>(reason)]; };
  status.map_windows = {.windows = {{"suspect", closed(WindowReason::kSuspect)},
                                    {"asked", closed(WindowReason::kAsked)},
                                    {"round", closed(WindowReason::kRound)}},
                        .failed = node.tally.failed,
                        .hits = node.tally.hits,
                        .cost = node.tally.cost,
                        .worst = node.tally.worst,
                        .budget = node.budget,
                        .mechanism = probes_->mechanism(),
                        .trap_cost = probes_->trap_cost(),
                        .breakpoint_cost = probes_->breakpoint_cost()};
  for (const auto& binary : windows_->Binaries()) {
    const MapPlacements of = PlacementsOf(*binary);
    status.map_windows.placements.push_back(
        {.path = binary->path, .at_entry = of.at_entry, .behind_entry = of.behind_entry, .refused = of.refused});
  }
  std::ranges::sort(status.map_windows.placements, {}, &MapPlacementStatus::path);
  status.losses.push_back({"map_hits_lost", "hits of map probes, lost for lack of room", probes_->lost_hits()});
}

}  // namespace profd
