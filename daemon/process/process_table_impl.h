// The process table's inside. Internal to process/: entries and events in process_table.cpp, /proc in
// process_reads.cpp.
#pragma once

#include <list>
#include <memory>
#include <unordered_map>

#include "process/mapped_file_pool.h"
#include "process/process_entry.h"
#include "process/process_table.h"

namespace profd {

class ProcessTable::Impl {
 public:
  Impl(const ProcFs* proc_fs, const Clock* clock, size_t max_processes);

  void OnExec(const ProcessId& id, std::string_view comm, BootTime time);
  void OnExecMappings(uint32_t tgid, BootTime time);
  void OnFork(const ProcessId& child, uint32_t parent_tgid, std::string_view comm, BootTime time);
  void OnExit(const ProcessId& id, BootTime time);
  void OnMap(uint32_t tgid, BootTime time, const MapEvent& event);
  void OnSeen(const ProcessId& id, std::string_view comm);
  void EndMissing(const std::set<ProcessId>& alive, BootTime time);

  std::vector<ResolvedAddress> Resolve(const ProcessId& id, std::span<const uint64_t> addresses);
  const ProcessDetails& Details(const ProcessId& id);
  std::shared_ptr<const MappedFile> ExecutableFile(const ProcessId& id);
  std::optional<ResolvedAddress> ExecutableText(const ProcessId& id);
  std::optional<ResolvedAddress> TextOf(const ProcessId& id, const FileFilter& wanted);
  void ForgetExitedBefore(BootTime time);

  size_t size() const { return entries_.size(); }
  uint64_t evicted() const { return evicted_; }
  uint64_t dropped_mappings() const { return dropped_mappings_; }
  void ForEach(const std::function<void(const ProcessId&, const ProcessDetails&)>& visit) const;

 private:
  // Entries.
  ProcessEntry* Find(const ProcessId& id);
  ProcessEntry* GenerationAt(uint32_t tgid, BootTime time);
  ProcessEntry& Add(const ProcessId& id, std::string_view comm);
  void ClaimPending(TgidState& state, ProcessEntry& entry);
  void LinkGeneration(TgidState& state, ProcessEntry* entry);
  void End(ProcessEntry& entry, BootTime time);
  void Touch(ProcessEntry& entry);
  void Remove(ProcessEntry& entry);
  void EvictBeyondLimit(const ProcessEntry* keep);

  // Mappings.
  /// False when there was no room. Copies the set first when others share it.
  bool Insert(std::shared_ptr<MappingSet>& maps, const MapEvent& event);
  void ReadMaps(ProcessEntry& entry);
  void ReadMapsIfUnknown(ProcessEntry& entry);
  bool LookUp(const ProcessEntry& entry, std::vector<ResolvedAddress>& addresses) const;

  // Details.
  void ReadDetails(ProcessEntry& entry);
  void InheritDetails(ProcessEntry& entry);

  const ProcFs* proc_fs_;
  const Clock* clock_;
  const size_t max_processes_;
  MappingBudget budget_;  // outlives the entries below
  MappedFilePool files_;
  std::list<ProcessEntry*> living_;  // least recently seen first
  std::list<ProcessEntry*> ended_;   // first ended first
  std::unordered_map<ProcessId, std::unique_ptr<ProcessEntry>, ProcessIdHash> entries_;
  std::unordered_map<uint32_t, TgidState> tgids_;
  ProcessDetails unknown_;
  uint64_t evicted_ = 0;
  uint64_t dropped_mappings_ = 0;
};

}  // namespace profd
