#include "process/process_table.h"

#include <algorithm>
#include <tuple>

#include "process/proc_maps.h"
#include "process/process_table_impl.h"

namespace profd {
namespace {

constexpr size_t kMaxMappings = 4096;
constexpr size_t kAverageMappings = 64;  // of all processes, for the budget they share
constexpr size_t kFileBytesPerProcess = 8192;
constexpr size_t kMaxGenerations = 16;  // programs kept of one tgid: a loop of execs must not push out the others
constexpr size_t kMaxCommBytes = 64;

/// As the kernel has it: ends at the first NUL.
std::string_view Comm(std::string_view comm) { return comm.substr(0, std::min(comm.find('\0'), kMaxCommBytes)); }

auto Age(const ProcessEntry* entry) { return std::tuple(entry->id.start_time_ns, entry->id.exec_id); }

}  // namespace

ProcessTable::Impl::Impl(const ProcFs* proc_fs, const Clock* clock, size_t max_processes)
    : proc_fs_(proc_fs),
      clock_(clock),
      max_processes_(std::max<size_t>(max_processes, 1)),
      budget_{.limit = std::max(max_processes_ * kAverageMappings, kMaxMappings)},
      files_(std::max<size_t>(max_processes_ * kFileBytesPerProcess, 4 << 20)) {}

ProcessEntry* ProcessTable::Impl::Find(const ProcessId& id) {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : found->second.get();
}

/// The program that ran as `tgid` at `time`.
ProcessEntry* ProcessTable::Impl::GenerationAt(uint32_t tgid, BootTime time) {
  const auto found = tgids_.find(tgid);
  if (found == tgids_.end()) return nullptr;
  const std::vector<ProcessEntry*>& generations = found->second.generations;
  for (auto entry = generations.rbegin(); entry != generations.rend(); ++entry) {
    if ((*entry)->image_begin <= time) return *entry;
  }
  return nullptr;
}

ProcessEntry& ProcessTable::Impl::Add(const ProcessId& id, std::string_view comm) {
  auto owned = std::make_unique<ProcessEntry>();
  ProcessEntry* entry = owned.get();
  entry->id = id;
  entry->details.process = NamelessProcess(id);
  entry->details.process.command = Comm(comm);
  entries_.emplace(id, std::move(owned));
  entry->position = living_.insert(living_.end(), entry);

  TgidState& state = tgids_[id.tgid];
  LinkGeneration(state, entry);
  if (entry == state.generations.back()) ClaimPending(state, *entry);
  EvictBeyondLimit(entry);
  return *entry;
}

void ProcessTable::Impl::LinkGeneration(TgidState& state, ProcessEntry* entry) {
  std::vector<ProcessEntry*>& generations = state.generations;
  const auto place = std::partition_point(generations.begin(), generations.end(),
                                          [&](const ProcessEntry* other) { return Age(other) < Age(entry); });
  const BootTime now = clock_->Boot();
  if (place != generations.begin()) {
    ProcessEntry* previous = *std::prev(place);
    if (previous->id.start_time_ns == entry->id.start_time_ns) {
      entry->origin = previous->id;
      entry->image_begin = now;  // corrected by the exec's own events
    } else {
      entry->image_begin = BootTime(entry->id.start_time_ns);
    }
  }
  generations.insert(place, entry);
  for (size_t i = 0; i + 1 < generations.size(); ++i) End(*generations[i], now);
  if (generations.size() > kMaxGenerations) {
    ++evicted_;
    Remove(*(generations.front() == entry ? generations[1] : generations.front()));
  }
}

void ProcessTable::Impl::ClaimPending(TgidState& state, ProcessEntry& entry) {
  if (!state.pending) return;
  PendingImage pending = *std::exchange(state.pending, std::nullopt);
  // A process that started since then has nothing to do with an exec of the former owner of its number.
  if (BootTime(entry.id.start_time_ns) > pending.begin) return;
  entry.image_begin = pending.begin;
  if (entry.maps_complete) return;
  entry.maps = std::move(pending.maps);
  entry.maps_complete = true;
}

void ProcessTable::Impl::End(ProcessEntry& entry, BootTime time) {
  if (entry.details.exited) return;
  entry.details.exited = true;
  entry.end = time;
  ended_.splice(ended_.end(), living_, entry.position);
}

void ProcessTable::Impl::Touch(ProcessEntry& entry) {
  if (!entry.details.exited) living_.splice(living_.end(), living_, entry.position);
}

void ProcessTable::Impl::Remove(ProcessEntry& entry) {
  (entry.details.exited ? ended_ : living_).erase(entry.position);
  const auto state = tgids_.find(entry.id.tgid);
  std::erase(state->second.generations, &entry);
  if (state->second.generations.empty() && !state->second.pending) tgids_.erase(state);
  entries_.erase(ProcessId(entry.id));
}

void ProcessTable::Impl::EvictBeyondLimit(const ProcessEntry* keep) {
  while (entries_.size() > max_processes_) {
    ProcessEntry* victim = nullptr;
    for (std::list<ProcessEntry*>* list : {&ended_, &living_}) {
      for (auto entry = list->begin(); entry != list->end() && !victim; ++entry) {
        if (*entry != keep) victim = *entry;
      }
    }
    ++evicted_;
    Remove(*victim);
  }
}

void ProcessTable::Impl::OnExec(const ProcessId& id, std::string_view comm, BootTime time) {
  ProcessEntry* entry = Find(id);
  if (entry == nullptr) {
    entry = &Add(id, comm);
  } else {
    entry->details.process.command = Comm(comm);
    Touch(*entry);
    if (TgidState& state = tgids_[id.tgid]; state.pending && state.pending->begin <= time) ClaimPending(state, *entry);
  }
  if (entry->exec_time == BootTime(0)) entry->exec_time = time;
  entry->same_image_as_origin = false;
  if (entry->maps_complete) return;
  // What became of the new image's mappings is not known; they were made before this event.
  if (entry->origin || entry->image_begin > time) entry->image_begin = time;
  ReadMapsIfUnknown(*entry);
}

void ProcessTable::Impl::OnExecMappings(uint32_t tgid, BootTime time) {
  const auto found = tgids_.find(tgid);
  if (found != tgids_.end()) {
    // Late: the exec whose mappings these are may be known already. It is the first one after `time`.
    for (ProcessEntry* entry : found->second.generations) {
      if (entry->exec_time < time || BootTime(entry->id.start_time_ns) > time) continue;
      entry->image_begin = std::min(entry->image_begin, time);
      if (!entry->details.exited) entry->maps_complete = true;
      return;
    }
  } else if (tgids_.size() >= 2 * max_processes_) {
    return;  // only tgids without any process can be that many
  }
  tgids_[tgid].pending = PendingImage{.begin = time};
}

void ProcessTable::Impl::OnFork(const ProcessId& child, uint32_t parent_tgid, std::string_view comm, BootTime time) {
  ProcessEntry* parent = GenerationAt(parent_tgid, time);
  std::shared_ptr<MappingSet> maps;
  std::optional<ProcessId> origin;
  bool complete = false;
  if (parent != nullptr) {
    ReadMapsIfUnknown(*parent);
    maps = parent->maps;
    complete = parent->maps_complete;
    origin = parent->id;
  }
  ProcessEntry* entry = Find(child);
  if (entry == nullptr) entry = &Add(child, comm);
  if (entry->exec_time != BootTime(0) || entry->maps_complete) return;
  entry->origin = origin;
  entry->same_image_as_origin = true;
  entry->maps = std::move(maps);
  entry->maps_complete = complete;
}

void ProcessTable::Impl::OnExit(const ProcessId& id, BootTime time) {
  const auto found = tgids_.find(id.tgid);
  if (found == tgids_.end()) return;
  TgidState& state = found->second;
  // An exec that failed past its point of no return ends the process, and nobody claims what it had mapped.
  if (state.pending && state.pending->begin <= time) state.pending.reset();
  for (ProcessEntry* entry : state.generations) {
    if (entry->id.start_time_ns == id.start_time_ns) End(*entry, time);
  }
  if (state.generations.empty() && !state.pending) tgids_.erase(found);
}

void ProcessTable::Impl::OnSeen(const ProcessId& id, std::string_view comm) {
  ProcessEntry* entry = Find(id);
  if (entry == nullptr) entry = &Add(id, comm);
  if (!Comm(comm).empty()) entry->details.process.command = Comm(comm);
  Touch(*entry);
}

void ProcessTable::Impl::OnMap(uint32_t tgid, BootTime time, const MapEvent& event) {
  const auto found = tgids_.find(tgid);
  if (found == tgids_.end()) return;
  std::optional<PendingImage>& pending = found->second.pending;
  if (pending && pending->begin <= time) {
    if (!Insert(pending->maps, event)) ++dropped_mappings_;
    return;
  }
  ProcessEntry* entry = GenerationAt(tgid, time);
  if (entry == nullptr || Insert(entry->maps, event)) return;
  entry->maps_full = true;
  ++dropped_mappings_;
}

bool ProcessTable::Impl::Insert(std::shared_ptr<MappingSet>& maps, const MapEvent& event) {
  if (event.length == 0 || event.start + event.length < event.start) return true;  // no mapping at all
  std::shared_ptr<const MappedFile> file;
  if (event.file.path.size() <= kMaxPathBytes) {
    file = files_.Intern(event.file);
  } else {
    MappedFile cut = event.file;
    cut.path.resize(kMaxPathBytes);
    file = files_.Intern(cut);
  }
  if (file == nullptr) return false;
  if (maps == nullptr) {
    maps = std::make_shared<MappingSet>(&budget_, kMaxMappings);
  } else if (maps.use_count() > 1) {
    if (budget_.used + maps->ranges().size() > budget_.limit) return false;
    maps = std::make_shared<MappingSet>(*maps);
  }
  return maps->Insert({event.start, event.start + event.length, event.file_offset, std::move(file)});
}

void ProcessTable::Impl::ForgetExitedBefore(BootTime time) {
  for (auto entry = ended_.begin(); entry != ended_.end();) {
    ProcessEntry* candidate = *entry++;
    if (candidate->end < time) Remove(*candidate);
  }
  // A pending image whose exec never came, of a process nobody knows.
  std::erase_if(tgids_, [&](const auto& item) {
    const TgidState& state = item.second;
    return state.generations.empty() && (!state.pending || state.pending->begin < time);
  });
}

void ProcessTable::Impl::EndMissing(const std::set<ProcessId>& alive, BootTime time) {
  std::set<std::pair<uint32_t, uint64_t>> known;
  for (const ProcessId& id : alive) known.emplace(id.tgid, id.start_time_ns);
  for (auto next = living_.begin(); next != living_.end();) {
    ProcessEntry& entry = **next++;
    if (BootTime(entry.id.start_time_ns) < time && !known.contains({entry.id.tgid, entry.id.start_time_ns})) {
      End(entry, time);
    }
  }
}

void ProcessTable::Impl::ForEach(const std::function<void(const ProcessId&, const ProcessDetails&)>& visit) const {
  // A copy: the visitor may ask the table something, and that reorders the list.
  const std::vector<ProcessEntry*> living(living_.begin(), living_.end());
  for (const ProcessEntry* entry : living) visit(entry->id, entry->details);
}

ProcessTable::ProcessTable(const ProcFs* proc_fs, const Clock* clock, size_t max_processes)
    : impl_(std::make_unique<Impl>(proc_fs, clock, max_processes)) {}
ProcessTable::~ProcessTable() = default;

void ProcessTable::OnExec(const ProcessId& id, std::string_view comm, BootTime time) { impl_->OnExec(id, comm, time); }
void ProcessTable::OnExecMappings(uint32_t tgid, BootTime time) { impl_->OnExecMappings(tgid, time); }
void ProcessTable::OnFork(const ProcessId& child, uint32_t parent_tgid, std::string_view comm, BootTime time) {
  impl_->OnFork(child, parent_tgid, comm, time);
}
void ProcessTable::OnExit(const ProcessId& id, BootTime time) { impl_->OnExit(id, time); }
void ProcessTable::OnMap(uint32_t tgid, BootTime time, const MapEvent& event) { impl_->OnMap(tgid, time, event); }
void ProcessTable::OnSeen(const ProcessId& id, std::string_view comm) { impl_->OnSeen(id, comm); }
void ProcessTable::EndMissing(const std::set<ProcessId>& alive, BootTime time) { impl_->EndMissing(alive, time); }
std::vector<ResolvedAddress> ProcessTable::Resolve(const ProcessId& id, std::span<const uint64_t> addresses) {
  return impl_->Resolve(id, addresses);
}
const ProcessDetails& ProcessTable::Details(const ProcessId& id) { return impl_->Details(id); }
std::optional<ResolvedAddress> ProcessTable::ExecutableText(const ProcessId& id) { return impl_->ExecutableText(id); }
std::optional<ResolvedAddress> ProcessTable::TextOf(const ProcessId& id, const FileFilter& wanted) {
  return impl_->TextOf(id, wanted);
}
std::shared_ptr<const MappedFile> ProcessTable::ExecutableFile(const ProcessId& id) {
  return impl_->ExecutableFile(id);
}
void ProcessTable::ForgetExitedBefore(BootTime time) { impl_->ForgetExitedBefore(time); }
size_t ProcessTable::size() const { return impl_->size(); }
uint64_t ProcessTable::evicted() const { return impl_->evicted(); }
uint64_t ProcessTable::dropped_mappings() const { return impl_->dropped_mappings(); }
void ProcessTable::ForEach(const std::function<void(const ProcessId&, const ProcessDetails&)>& visit) const {
  impl_->ForEach(visit);
}

}  // namespace profd
