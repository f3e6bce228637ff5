#include "pipeline/resolver.h"

#include <fnmatch.h>

#include <algorithm>
#include <set>

namespace profd {
namespace {

constexpr size_t kMaxProcesses = 16384;

// A count may arrive this long after its process ended: an interval and a slow batch.
constexpr std::chrono::seconds kKeepExited{60};

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return !name.empty() && std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

bool Exclusions::Match(const Process& process) const {
  return Contains(commands, process.command) || Contains(containers, process.container.name) ||
         Contains(containers, process.container.id) || Contains(name_spaces, process.container.name_space);
}

Exclusions Exclusions::Parse(const std::vector<std::string>& selectors) {
  Exclusions exclusions;
  for (const std::string& selector : selectors) {
    const size_t equals = selector.find('=');
    if (equals == std::string::npos) continue;
    const std::string key = selector.substr(0, equals), value = selector.substr(equals + 1);
    if (key == "command") exclusions.commands.push_back(value);
    if (key == "container") exclusions.containers.push_back(value);
    if (key == "namespace") exclusions.name_spaces.push_back(value);
  }
  return exclusions;
}

Resolver::Resolver(const ProcFs* proc_fs, const Clock* clock, const std::vector<TaskUsage>& alive,
                   Exclusions exclusions, std::function<void(const ProcessId&)> exclude,
                   std::function<void(const ProcessEvent&)> on_event)
    : clock_(clock),
      exclusions_(std::move(exclusions)),
      exclude_(std::move(exclude)),
      on_event_(std::move(on_event)),
      table_(proc_fs, clock, kMaxProcesses),
      accountant_(alive, clock->Boot()) {
  for (const TaskUsage& task : alive) {
    table_.OnSeen(task.process, task.comm);
    ConsiderExclusion(task.process, task.comm);
  }
}

void Resolver::ConsiderExclusion(const ProcessId& id, const std::string& comm) {
  if (exclusions_.empty()) return;
  const bool match = Contains(exclusions_.commands, comm) ||
                     (exclusions_.NeedsLabels() && exclusions_.Match(table_.Details(id).process));
  if (match) exclude_(id);
}

void Resolver::ApplyEvents(const RawBatch& batch) {
  // Process events are in order; mapping events are so within a CPU only. Both go by time together.
  std::vector<const MappingEvent*> mappings;
  for (const MappingEvent& mapping : batch.mappings) mappings.push_back(&mapping);
  std::stable_sort(mappings.begin(), mappings.end(), [](auto* a, auto* b) { return a->time < b->time; });
  auto apply_mappings_before = [&, next = size_t{0}](BootTime time) mutable {
    for (; next < mappings.size() && mappings[next]->time <= time; ++next) {
      const MappingEvent& event = *mappings[next];
      if (event.exec) {
        table_.OnExecMappings(event.tgid, event.time);
      } else {
        table_.OnMap(event.tgid, event.time, event.map);
      }
    }
  };
  for (const ProcessEvent& event : batch.processes) {
    apply_mappings_before(event.time);
    accountant_.OnEvent(event);
    switch (event.kind) {
      case ProcessEvent::Kind::kExec: table_.OnExec(event.process, event.comm, event.time); break;
      case ProcessEvent::Kind::kFork: table_.OnFork(event.process, event.parent_tgid, event.comm, event.time); break;
      case ProcessEvent::Kind::kExit: table_.OnExit(event.process, event.time); break;
      case ProcessEvent::Kind::kThreadExit: break;
    }
    if (event.kind == ProcessEvent::Kind::kExec || event.kind == ProcessEvent::Kind::kFork)
      ConsiderExclusion(event.process, event.comm);
    on_event_(event);
  }
  apply_mappings_before(BootTime::max());
}

ResolvedStack Resolver::ResolveStack(RawStack stack) {
  ResolvedStack resolved;
  if (!stack.kernel) {
    resolved.addresses = table_.Resolve(stack.process, stack.frames);
    std::vector<uint64_t> callers;
    for (const RawStack::LeafCaller& caller : stack.leaf_callers) callers.push_back(caller.address);
    resolved.leaf_callers = table_.Resolve(stack.process, callers);
    resolved.process = table_.Details(stack.process);
    const auto executable = table_.ExecutableFile(stack.process);
    for (const ResolvedAddress& address : resolved.addresses) {
      if (!executable || !address.file || !(*address.file == *executable)) continue;
      resolved.in_executable = true;
      resolved.executable_text = address;
      break;
    }
  }
  resolved.stack = std::move(stack);
  return resolved;
}

ResolvedInterval Resolver::CloseInterval(RawInterval interval) {
  ResolvedInterval resolved;
  // Without a list there is no account; the next one covers this interval too.
  std::vector<CpuUse> uses;
  if (!interval.usage.empty()) {
    std::set<ProcessId> alive;
    for (const TaskUsage& task : interval.usage) {
      table_.OnSeen(task.process, task.comm);
      alive.insert(task.process);
    }
    table_.EndMissing(alive, interval.end);
    uses = accountant_.Close(interval.usage, interval.end);
  }
  for (const CpuUse& use : uses) {
    ProcessUsage usage;
    usage.process = table_.Details(use.process).process;
    if (exclusions_.Match(usage.process)) continue;
    usage.cpu = use.cpu;
    usage.exited = use.exited;
    resolved.usage.push_back(std::move(usage));
  }
  for (const RawCount& count : interval.counts) {
    if (!resolved.processes.contains(count.process)) {
      resolved.processes[count.process] = table_.Details(count.process).process;
    }
  }
  table_.ForgetExitedBefore(interval.end - kKeepExited);
  resolved.raw = std::move(interval);
  return resolved;
}

ResolvedBatch Resolver::Resolve(RawBatch batch) {
  ResolvedBatch resolved;
  resolved.flip = batch.flip;
  resolved.labels = std::move(batch.labels);
  {
    std::lock_guard lock(mutex_);
    ApplyEvents(batch);
  }
  for (RawStack& stack : batch.stacks) {
    std::lock_guard lock(mutex_);
    resolved.stacks.push_back(ResolveStack(std::move(stack)));
  }
  if (batch.interval) {
    std::lock_guard lock(mutex_);
    resolved.interval = CloseInterval(*std::move(batch.interval));
  }
  return resolved;
}

std::optional<Resolver::Program> Resolver::ProgramOf(const ProcessId& id) {
  std::lock_guard lock(mutex_);
  Program program{.details = table_.Details(id)};
  if (program.details.process.command.empty()) return std::nullopt;
  program.text = table_.ExecutableText(id);
  program.excluded = exclusions_.Match(program.details.process);
  return program;
}

std::optional<ResolvedAddress> Resolver::TextOf(const ProcessId& id, const std::string& path_glob) {
  std::lock_guard lock(mutex_);
  return table_.TextOf(
      id, [&path_glob](const MappedFile& file) { return fnmatch(path_glob.c_str(), file.path.c_str(), 0) == 0; });
}

Resolver::Addresses Resolver::ResolveNow(const ProcessId& id, std::string_view comm,
                                         std::span<const uint64_t> addresses) {
  std::lock_guard lock(mutex_);
  Addresses resolved{.process = table_.Details(id)};
  if (resolved.process.process.command.empty()) {
    table_.OnSeen(id, comm);
    resolved.process = table_.Details(id);
  }
  resolved.addresses = table_.Resolve(id, addresses);
  resolved.executable = table_.ExecutableFile(id);
  return resolved;
}

std::vector<Resolver::KnownProcess> Resolver::Processes() {
  std::lock_guard lock(mutex_);
  std::vector<ProcessId> ids;
  table_.ForEach([&](const ProcessId& id, const ProcessDetails&) { ids.push_back(id); });
  std::vector<KnownProcess> all;
  for (const ProcessId& id : ids) {
    KnownProcess known;
    known.details = table_.Details(id);
    known.executable_file = table_.ExecutableFile(id);
    all.push_back(std::move(known));
  }
  std::sort(all.begin(), all.end(), [](auto& a, auto& b) { return a.details.process.pid < b.details.process.pid; });
  return all;
}

uint64_t Resolver::evicted() const {
  std::lock_guard lock(mutex_);
  return table_.evicted();
}

uint64_t Resolver::dropped_mappings() const {
  std::lock_guard lock(mutex_);
  return table_.dropped_mappings();
}

size_t Resolver::size() const {
  std::lock_guard lock(mutex_);
  return table_.size();
}

}  // namespace profd
