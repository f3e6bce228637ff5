// Second stage: ties addresses to mappings and counts to processes, while both still exist. Never blocks on a worker.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "pipeline/stages.h"
#include "pipeline/usage_accountant.h"
#include "process/process_table.h"

namespace profd {

/// Which processes configuration leaves alone.
struct Exclusions {
  std::vector<std::string> commands, containers, name_spaces;

  bool empty() const { return commands.empty() && containers.empty() && name_spaces.empty(); }
  /// `command` alone is known at once; the labels cost a look into /proc.
  bool NeedsLabels() const { return !containers.empty() || !name_spaces.empty(); }
  bool Match(const Process& process) const;
  /// From `command=X`, `container=X`, `namespace=X`.
  static Exclusions Parse(const std::vector<std::string>& selectors);
};

/// Resolve() is for one thread; all that is const or answers a question may be called from any.
class Resolver {
 public:
  /// `exclude` is called for each process that matches, once a program; `on_event` for each event, in order, by
  /// Resolve().
  Resolver(const ProcFs* proc_fs, const Clock* clock, const std::vector<TaskUsage>& alive, Exclusions exclusions,
           std::function<void(const ProcessId&)> exclude, std::function<void(const ProcessEvent&)> on_event);

  ResolvedBatch Resolve(RawBatch batch);

  struct KnownProcess {
    ProcessDetails details;
    std::shared_ptr<const MappedFile> executable_file;  ///< null: not mapped, as far as is known
  };
  struct Program {
    ProcessDetails details;
    std::optional<ResolvedAddress> text;  ///< of its executable
    bool excluded = false;
  };
  /// Nothing: not known (any more).
  std::optional<Program> ProgramOf(const ProcessId& id);
  /// The first file that is mapped executable and whose path matches the glob.
  std::optional<ResolvedAddress> TextOf(const ProcessId& id, const std::string& path_glob);

  struct Addresses {
    ProcessDetails process;
    std::shared_ptr<const MappedFile> executable;  ///< null: not known
    std::vector<ResolvedAddress> addresses;        ///< as many as asked for
  };
  /// For those who cannot wait for Resolve(): by what is known now.
  Addresses ResolveNow(const ProcessId& id, std::string_view comm, std::span<const uint64_t> addresses);

  /// All living processes, by pid.
  std::vector<KnownProcess> Processes();
  size_t size() const;
  uint64_t evicted() const;
  uint64_t dropped_mappings() const;

 private:
  void ApplyEvents(const RawBatch& batch);
  ResolvedStack ResolveStack(RawStack stack);
  ResolvedInterval CloseInterval(RawInterval interval);
  void ConsiderExclusion(const ProcessId& id, const std::string& comm);

  const Clock* clock_;
  const Exclusions exclusions_;
  const std::function<void(const ProcessId&)> exclude_;
  const std::function<void(const ProcessEvent&)> on_event_;
  mutable std::mutex mutex_;  // guards the table; held for a batch's events, stack or interval at a time
  ProcessTable table_;
  UsageAccountant accountant_;
};

}  // namespace profd
