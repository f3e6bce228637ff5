// What the process table learns from /proc: once for a process older than profd, and where events left a gap.
#include <algorithm>

#include "process/cgroup.h"
#include "process/proc_maps.h"
#include "process/proc_status.h"
#include "process/process_table_impl.h"

namespace profd {
namespace {

constexpr size_t kMaxMapsBytes = 8 << 20;  // 65,530 mappings, the kernel's own limit, with ordinary names
constexpr size_t kMaxTextBytes = 64 << 10;
constexpr size_t kMaxMappingsRead = 4096;
constexpr size_t kMaxOrigins = 4;
constexpr uint64_t kLowestCode = 64 << 10;            // nothing is mapped below
constexpr uint64_t kHighestCode = uint64_t{1} << 56;  // user space ends there or before

/// Broken frame-pointer chains yield small numbers and the like: no reason to read anything.
bool CouldBeCode(uint64_t address) { return address >= kLowestCode && address < kHighestCode; }

}  // namespace

void ProcessTable::Impl::ReadMaps(ProcessEntry& entry) {
  const BootTime begin = clock_->Boot();
  const auto text = proc_fs_->Read(fmt::format("{}/maps", entry.id.tgid), kMaxMapsBytes);
  const absl::Status same = text.ok() ? CheckIdentity(*proc_fs_, entry.id.tgid, entry.id.start_time_ns) : text.status();
  const BootTime now = clock_->Boot();
  entry.maps_schedule.Done(now, now - begin);
  if (absl::IsNotFound(same)) End(entry, now);
  if (!same.ok()) return;

  std::shared_ptr<MappingSet> maps;
  // The fresh list alone when the old one overflowed; else old ranges where nothing new is, for samples taken before.
  if (!std::exchange(entry.maps_full, false)) maps = entry.maps;
  for (const MapEvent& event : ParseExecutableMaps(*text, kMaxMappingsRead)) {
    if (Insert(maps, event)) continue;
    entry.maps_full = true;
    ++dropped_mappings_;
  }
  entry.maps = std::move(maps);
  entry.maps_complete = true;
}

void ProcessTable::Impl::ReadMapsIfUnknown(ProcessEntry& entry) {
  if (entry.maps_complete || entry.details.exited || !entry.maps_schedule.Due(clock_->Boot())) return;
  ReadMaps(entry);
}

bool ProcessTable::Impl::LookUp(const ProcessEntry& entry, std::vector<ResolvedAddress>& addresses) const {
  bool all = true;
  for (ResolvedAddress& resolved : addresses) {
    if (resolved.file != nullptr) continue;
    const MappingRange* range = entry.maps == nullptr ? nullptr : entry.maps->Find(resolved.address);
    if (range == nullptr) {
      all = all && !CouldBeCode(resolved.address);
      continue;
    }
    resolved.mapping_start = range->start;
    resolved.mapping_limit = range->limit;
    resolved.mapping_offset = range->offset;
    resolved.file = range->file;
  }
  return all;
}

std::vector<ResolvedAddress> ProcessTable::Impl::Resolve(const ProcessId& id, std::span<const uint64_t> addresses) {
  std::vector<ResolvedAddress> resolved(addresses.size());
  for (size_t i = 0; i < addresses.size(); ++i) resolved[i].address = addresses[i];
  ProcessEntry* entry = Find(id);
  if (entry == nullptr) return resolved;
  Touch(*entry);
  ReadDetails(*entry);

  const bool was_complete = entry->maps_complete;
  ReadMapsIfUnknown(*entry);
  if (LookUp(*entry, resolved) || entry->details.exited || !was_complete) return resolved;
  if (!entry->maps_schedule.Due(clock_->Boot())) return resolved;
  const auto unknown = [&] {
    return std::count_if(resolved.begin(), resolved.end(), [](const auto& address) { return address.file == nullptr; });
  };
  const auto before = unknown();
  ReadMaps(*entry);
  LookUp(*entry, resolved);
  if (unknown() < before) entry->maps_schedule.Helped();
  return resolved;
}

void ProcessTable::Impl::ReadDetails(ProcessEntry& entry) {
  if (entry.details_read) return;
  const uint32_t pid = entry.id.tgid;
  if (entry.details.exited) {
    entry.details_read = true;
    return InheritDetails(entry);
  }
  const BootTime begin = clock_->Boot();
  if (!entry.details_schedule.Due(begin)) return;
  const auto executable = proc_fs_->ReadLink(fmt::format("{}/exe", pid));
  const auto status = proc_fs_->Read(fmt::format("{}/status", pid), kMaxTextBytes);
  const auto cgroup = proc_fs_->Read(fmt::format("{}/cgroup", pid), kMaxTextBytes);
  const absl::Status same = CheckIdentity(*proc_fs_, pid, entry.id.start_time_ns);
  if (absl::IsNotFound(same)) {
    End(entry, clock_->Boot());
    entry.details_read = true;
    return InheritDetails(entry);
  }
  entry.details_schedule.Done(begin, clock_->Boot() - begin);
  if (!same.ok()) return;
  // Kernel threads have no executable, and that never changes; what may not be read today is not asked for again.
  if (executable.ok()) entry.details.executable = WithoutDeleted(*executable).substr(0, kMaxPathBytes);
  if (status.ok()) entry.details.ns_pids = ParseStatus(*status).ns_pids;
  if (cgroup.ok()) entry.details.process.container = ParseCgroup(*cgroup);
  entry.details_read = true;
}

/// A process that ended before it was asked: it was in the container of the one it came from, as a rule.
void ProcessTable::Impl::InheritDetails(ProcessEntry& entry) {
  std::optional<ProcessId> origin = entry.origin;
  bool same_image = entry.same_image_as_origin;
  for (size_t step = 0; step < kMaxOrigins && origin; ++step) {
    ProcessEntry* from = Find(*origin);
    if (from == nullptr || from == &entry) return;
    if (!from->details.exited) ReadDetails(*from);
    if (from->details_read && !from->details.executable.empty()) {
      entry.details.process.container = from->details.process.container;
      if (same_image) entry.details.executable = from->details.executable;
      return;
    }
    same_image = same_image && from->same_image_as_origin;
    origin = from->origin;
  }
}

const ProcessDetails& ProcessTable::Impl::Details(const ProcessId& id) {
  ProcessEntry* entry = Find(id);
  if (entry == nullptr) {
    unknown_ = {};
    unknown_.process = NamelessProcess(id);
    return unknown_;
  }
  Touch(*entry);
  ReadDetails(*entry);
  return entry->details;
}

std::shared_ptr<const MappedFile> ProcessTable::Impl::ExecutableFile(const ProcessId& id) {
  ProcessEntry* entry = Find(id);
  if (entry == nullptr || entry->executable_file != nullptr) return entry ? entry->executable_file : nullptr;
  ReadDetails(*entry);
  ReadMapsIfUnknown(*entry);
  if (entry->maps == nullptr || entry->details.executable.empty()) return nullptr;
  for (const MappingRange& range : entry->maps->ranges()) {
    if (WithoutDeleted(range.file->path) != entry->details.executable) continue;
    entry->executable_file = range.file;
    break;
  }
  return entry->executable_file;
}

std::optional<ResolvedAddress> ProcessTable::Impl::ExecutableText(const ProcessId& id) {
  const auto file = ExecutableFile(id);
  if (file == nullptr) return std::nullopt;
  return TextOf(id, [&file](const MappedFile& mapped) { return mapped == *file; });
}

std::optional<ResolvedAddress> ProcessTable::Impl::TextOf(const ProcessId& id, const FileFilter& wanted) {
  ProcessEntry* entry = Find(id);
  if (entry == nullptr || entry->maps == nullptr) return std::nullopt;
  for (const MappingRange& range : entry->maps->ranges()) {
    if (!wanted(*range.file)) continue;
    return ResolvedAddress{.address = range.start,
                           .mapping_start = range.start,
                           .mapping_limit = range.limit,
                           .mapping_offset = range.offset,
                           .file = range.file};
  }
  return std::nullopt;
}

}  // namespace profd
