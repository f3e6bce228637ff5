// Which processes exist, what they are called, where they run and what they have mapped. Fed by kernel events; /proc is
// read once for a process that is older than profd, never polled.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "process/proc_fs.h"
#include "profile/profile.h"

namespace profd {

/// The kernel's name for one program in one process (bpf/shared/abi.h, struct profd_process_id).
struct ProcessId {
  uint32_t tgid = 0;
  uint32_t exec_id = 0;
  uint64_t start_time_ns = 0;  ///< BootTime

  bool operator==(const ProcessId&) const = default;
  auto operator<=>(const ProcessId&) const = default;
};

inline ProcessId IdOf(const Process& process) {
  return {.tgid = process.pid, .exec_id = process.exec_id, .start_time_ns = process.start_time_ns};
}
/// The process, without a name.
inline Process NamelessProcess(const ProcessId& id) {
  return {.pid = id.tgid, .start_time_ns = id.start_time_ns, .exec_id = id.exec_id, .command = {}, .container = {}};
}

struct ProcessIdHash {
  size_t operator()(const ProcessId& id) const {
    uint64_t hash = (id.start_time_ns ^ (uint64_t{id.tgid} << 32 | id.exec_id)) * 0x9E3779B97F4A7C15u;
    return static_cast<size_t>(hash ^ hash >> 32);
  }
};

/// A file as the kernel names it in a mapping (PERF_RECORD_MMAP2, /proc/PID/maps).
struct MappedFile {
  uint32_t device_major = 0, device_minor = 0;
  uint64_t inode = 0;
  std::string path;  ///< as the process sees it; "[vdso]", "//anon", "[heap]" for what is no file

  bool operator==(const MappedFile&) const = default;
  auto operator<=>(const MappedFile&) const = default;
};

/// One executable mapping.
struct MapEvent {
  uint64_t start = 0;
  uint64_t length = 0;
  uint64_t file_offset = 0;
  MappedFile file;
};

/// An address with what is mapped there at that moment. `file` is shared between all addresses of one file.
struct ResolvedAddress {
  uint64_t address = 0;
  uint64_t mapping_start = 0, mapping_limit = 0, mapping_offset = 0;
  std::shared_ptr<const MappedFile> file;  ///< null: no executable mapping known there

  uint64_t FileOffset() const { return address - mapping_start + mapping_offset; }
};

using FileFilter = std::function<bool(const MappedFile&)>;

struct ProcessDetails {
  Process process;
  std::string executable;         ///< path as the process sees it
  std::vector<uint32_t> ns_pids;  ///< outermost first
  bool exited = false;            ///< ended, or replaced by an exec: /proc no longer tells about it
};

/// Not thread safe: one stage owns it. Bounded: `max_processes` entries and 4,096 mappings each; beyond that the oldest
/// exited ones go first, then the least recently seen, and `evicted()` counts them. All together hold at most 64
/// mappings a process on the average; what is beyond that is not recorded, and `dropped_mappings()` counts it.
///
/// The program of a tgid before an exec and the one after it are two entries; a mapping belongs to the one whose
/// address space existed at its time.
class ProcessTable {
 public:
  ProcessTable(const ProcFs* proc_fs, const Clock* clock, size_t max_processes);
  ~ProcessTable();

  // Kernel events, in the order of their time. Exec's two events and mappings may also be late among each other.
  void OnExec(const ProcessId& id, std::string_view comm, BootTime time);
  /// The old address space is gone (perf's COMM record with the exec flag): mappings from now on are the next
  /// program's, whose OnExec is still to come.
  void OnExecMappings(uint32_t tgid, BootTime time);
  void OnFork(const ProcessId& child, uint32_t parent_tgid, std::string_view comm, BootTime time);
  void OnExit(const ProcessId& id, BootTime time);
  void OnMap(uint32_t tgid, BootTime time, const MapEvent& event);
  /// A process seen by the task iterator or in a sample; makes an entry for one older than profd.
  void OnSeen(const ProcessId& id, std::string_view comm);

  /// Ends the processes, whatever program they run, that are none of `alive`, all that lived at `time`: the event of
  /// their exit was lost.
  void EndMissing(const std::set<ProcessId>& alive, BootTime time);

  /// What is mapped at each address. Reads /proc/TGID/maps once for a process whose mappings no event told (it is older
  /// than profd), and again if an address lies in none of those known: at most once a second, less often if that never
  /// helps. Reads the details too, as long as the process is there to be asked.
  std::vector<ResolvedAddress> Resolve(const ProcessId& id, std::span<const uint64_t> addresses);

  /// Container labels and executable are read on first use. A process never seen: only its id, with an empty command.
  /// Valid until the next call of anything that is not const.
  const ProcessDetails& Details(const ProcessId& id);

  /// The mapped file that is the process's executable; null when its mappings do not tell.
  std::shared_ptr<const MappedFile> ExecutableFile(const ProcessId& id);

  /// The beginning of its first executable mapping of that file; nothing when it is not known.
  std::optional<ResolvedAddress> ExecutableText(const ProcessId& id);
  /// The first mapping of a file that is wanted, as far as mappings are known.
  std::optional<ResolvedAddress> TextOf(const ProcessId& id, const FileFilter& wanted);

  /// Exited processes stay until then, so that what was counted before their end keeps its name.
  void ForgetExitedBefore(BootTime time);

  size_t size() const;
  uint64_t evicted() const;
  uint64_t dropped_mappings() const;
  /// Calls `visit` for each living process.
  void ForEach(const std::function<void(const ProcessId&, const ProcessDetails&)>& visit) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace profd
