#include "map_probing.h"

#include <fcntl.h>

#include <thread>

#include "base/utf8.h"
#include "probes/price.h"
#include "process/cpu_time.h"

namespace profd {
namespace {

constexpr size_t kMostRefused = 1024, kMostLooks = 16384;
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
  }
  options.process_share = config.map_probe_budget / 100;
  options.standing_share = std::min(options.standing_share, options.process_share);
  return options;
}

std::vector<UserMapFunction> DescribedIn(const Config& config) {
  std::vector<UserMapFunction> functions;
  for (const std::string& text : config.map_function) {
    if (auto function = ParseUserMapFunction(text); function.ok()) functions.push_back(*std::move(function));
  }
  return functions;
}

MapFunction::Key KeyOf(UserMapFunction::KeyKind kind) {
  switch (kind) {
    case UserMapFunction::KeyKind::kNone: return MapFunction::Key::kNone;
    case UserMapFunction::KeyKind::kU32: return MapFunction::Key::kFast32;
    case UserMapFunction::KeyKind::kU64: return MapFunction::Key::kFast64;
    case UserMapFunction::KeyKind::kText:
    case UserMapFunction::KeyKind::kBytes: return MapFunction::Key::kString;
  }
  return MapFunction::Key::kNone;
}

DescribedMapFunctions ToDescribed(const UserMapFunction& function, std::vector<NamedFunction> functions) {
  return {.functions = std::move(functions),
          .operation = static_cast<MapFunction::Operation>(function.operation),
          .key = KeyOf(function.key_kind),
          .arguments = {.map = function.map,
                        .key = function.key,
                        .key_length = function.key_length,
                        .key_kind = static_cast<uint8_t>(function.key_kind)}};
}

}  // namespace

MapProbing::MapProbing(const Config& config, MapProbingParts parts, std::unique_ptr<MapProbes> probes)
    : parts_(std::move(parts)),
      described_(DescribedIn(config)),
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
  ASSIGN_OR_RETURN(std::unique_ptr<MapProbes> probes, MapProbes::Create());
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

void MapProbing::OnProgram(const GoProgram& program) {
  std::shared_ptr<const MapBinary> binary;
  {
    std::lock_guard lock(mutex_);
    binary = BinaryOf(program);
  }
  if (!binary) return;
  stage_.OnProgram(program.process);
  windows_->Add(program.process, std::move(binary));
}

void MapProbing::OnEnd(const ProcessId& process) {
  windows_->OnEnd(process);
  stage_.OnEnd(process);
  std::lock_guard lock(mutex_);
  why_not_.erase(process);
  next_look_.erase(process);
}

// One binary a process: the first that is described. What is mapped later is found with a later look.
void MapProbing::LookForDescribed(const ProcessId& process, Symbolizer::Patience patience) {
  if (described_.empty()) return;
  constexpr std::chrono::seconds kNextLook{10};
  const BootTime now = parts_.clock->Boot();
  {
    std::lock_guard lock(mutex_);
    const auto look = next_look_.find(process);
    if (look != next_look_.end() && now < look->second) return;
  }
  const auto look_again = [&](BootTime when, const absl::Status& why = absl::OkStatus()) {
    std::lock_guard lock(mutex_);
    if (next_look_.size() >= kMostLooks) next_look_.erase(next_look_.begin());
    next_look_[process] = when;
    if (!why.ok()) NoteWhyNot(process, why);
  };
  std::vector<DescribedMapFunctions> found;
  std::optional<ResolvedAddress> text;
  const auto program = parts_.resolver->ProgramOf(process);
  if (!program || program->excluded || program->details.exited) return;
  bool asked = false;
  for (const UserMapFunction& function : described_) {
    const auto mapped = parts_.resolver->TextOf(process, function.binary);
    if (!mapped || (text && *mapped->file != *text->file)) continue;
    text = mapped;
    auto functions = parts_.symbolizer->FunctionsNamed(program->details, *mapped, function.symbol, patience);
    asked = asked || !functions;
    if (functions) found.push_back(ToDescribed(function, *std::move(functions)));
  }
  if (asked) return;  // the answers are there with one of the next segments
  if (!text) return look_again(now + kNextLook);
  auto file = parts_.symbolizer->FileAt(program->details, *text);
  if (!file.ok()) return look_again(now + kNextLook);
  const auto binary = DescribedBinaryOf(found, text->file->path, *std::move(file));
  if (!binary.ok()) return look_again(BootTime::max(), binary.status());
  look_again(BootTime::max());
  // A process that is known already is Go's.
  if (windows_->Add(process, *binary)) stage_.OnDescribed(process, *binary);
}

absl::StatusOr<std::shared_ptr<const MapBinary>> MapProbing::DescribedBinaryOf(
    const std::vector<DescribedMapFunctions>& described, const std::string& path, Symbolizer::File file) {
  std::lock_guard lock(mutex_);
  const auto known = described_binaries_.find(file.identity);
  if (known != described_binaries_.end()) {
    if (auto binary = known->second.lock()) return binary;
  }
  ASSIGN_OR_RETURN(MapBinary made, MapBinaryOf(described, path, std::move(file.fd)));
  for (const std::string& why : made.refused) {
    parts_.on_error(Error(absl::StatusCode::kFailedPrecondition, "{}: {}", ToPrintable(path), why));
  }
  std::erase_if(described_binaries_, [](const auto& one) { return one.second.expired(); });
  auto binary = std::make_shared<const MapBinary>(std::move(made));
  described_binaries_[file.identity] = binary;
  return binary;
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

void MapProbing::OnGrowthCost(const ProbeCost& cost) {
  windows_->OnOtherCost(cost.process, PriceOfHits(cost.hits, probes_->trap_cost(), cost.program));
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
  answer.cost = windows_->CostOf(id);
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
  status.losses.push_back({"map_hits_lost", "hits of map probes, lost for lack of room", probes_->lost_hits()});
}

}  // namespace profd
