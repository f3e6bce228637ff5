// Addresses to frames: finds the object behind an address, asks the worker about it and remembers the answers for the
// sampled PCs, nothing else.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "process/proc_fs.h"
#include "process/process_table.h"
#include "worker/object_analyzer.h"

namespace profd {

/// One address, symbolized: what it is in and what it stands for.
struct SymbolizedAddress {
  uint64_t address = 0;
  uint64_t mapping_start = 0, mapping_limit = 0, mapping_offset = 0;
  std::string file;      ///< path; "[kernel]", "[vdso]", "" when nothing is mapped there
  std::string build_id;  ///< hex
  FrameLines lines;      ///< empty: unknown
  bool pending = false;  ///< the object was asked, and its answer is still to come
};

/// How the symbols of a process's main executable stand, for `profctl ps`.
struct SymbolsState {
  std::string runtime;  ///< "go1.26.1", "native", empty while unknown
  std::string symbols;  ///< "symtab", ..., "failed: why", empty while unknown
};

struct SymbolizerCounters {
  uint64_t lookups = 0;         ///< addresses in something that can be asked
  uint64_t hits = 0;            ///< of them answered from the cache
  uint64_t unanswered = 0;      ///< of them in an object that cannot be asked now, or ever
  uint64_t open_failures = 0;   ///< mapped files that could not be opened, perf maps that do not exist left out
  uint64_t failed_objects = 0;  ///< times an object was refused, or its worker died or was too slow
};

/// Thread safe. Threads of its own ask the workers; callers wait for them no longer than their `patience`, and nobody
/// else's cached lookups do. Bounded:
/// `max_cached` addresses, least recently used go first (about 60 bytes each, and the names they share: at most 128
/// bytes an address on the average); 64 open files, none longer than five minutes without use.
class Symbolizer {
 public:
  using Patience = std::chrono::milliseconds;
  static constexpr Patience kPatient{10'000};  ///< longer than a worker may take

  Symbolizer(const ProcFs* proc_fs, const Clock* clock, ObjectAnalyzer* analyzer, size_t max_cached);
  ~Symbolizer();

  /// One stack, leaf first: the first address is exact, all others are return addresses and stand for the call before
  /// them. Objects are opened by /proc/PID/map_files, then by path beneath /proc/PID/root when device and inode agree;
  /// a process that has exited resolves through files known by (device, inode, path). Addresses in memory that is no
  /// file are looked up in /tmp/perf-PID.map of the process's own root and PID namespace, if it is younger than the
  /// process and belongs to its user. An object that was refused is not asked again; one whose worker failed, after a
  /// while.
  std::vector<SymbolizedAddress> Symbolize(const ProcessDetails& process, std::span<const ResolvedAddress> addresses,
                                           Patience patience = kPatient);
  /// A kernel stack, likewise, by /proc/kallsyms through the worker.
  std::vector<SymbolizedAddress> SymbolizeKernel(std::span<const uint64_t> addresses, Patience patience = kPatient);

  /// Facts about the object that holds `text`, an address in an executable of `process`; from the cache or the worker.
  /// NotFound: no Go. Unavailable: the answer is not there yet, or its file cannot be opened now. Errors of the worker
  /// as in ObjectAnalyzer.
  absl::StatusOr<GoFacts> AskGo(const ProcessDetails& process, const ResolvedAddress& text,
                                Patience patience = kPatient);
  struct File {
    FileIdentity identity;
    UniqueFd fd;
  };
  /// The file that is mapped at `text`, opened. Unavailable: it cannot be opened now.
  absl::StatusOr<File> FileAt(const ProcessDetails& process, const ResolvedAddress& text);
  /// How far above the stack pointer the return address is when the instruction at `leaf` is about to run, bytes; from
  /// the cache or the worker. Nothing: not known, or nobody to ask.
  std::optional<uint32_t> StackDelta(const ProcessDetails& process, const ResolvedAddress& leaf,
                                     Patience patience = kPatient);
  /// The name of a Go type ("map[string]int") whose descriptor is at that offset in the file that is mapped at `text`;
  /// from the cache or the worker. Empty: it has none. Nothing: not known yet.
  std::optional<std::string> GoTypeName(const ProcessDetails& process, const ResolvedAddress& text, uint64_t position,
                                        Patience patience = kPatient);
  /// The functions of the file that is mapped at `text` whose names, as they were linked, match the glob; from the
  /// cache or the worker. Nothing: not known yet.
  std::optional<std::vector<NamedFunction>> FunctionsNamed(const ProcessDetails& process, const ResolvedAddress& text,
                                                           const std::string& glob, Patience patience = kPatient);
  /// What is known of it by now. Asks nobody.
  SymbolsState StateOf(const MappedFile& executable) const;

  size_t cached() const;
  SymbolizerCounters counters() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace profd
