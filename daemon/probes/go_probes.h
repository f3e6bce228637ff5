// Which Go binaries have probes, and when they must lose them. Pure policy.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "probes/probe_attacher.h"
#include "process/process_table.h"

namespace profd {

/// A binary that may be probed.
struct GoBinary {
  FileIdentity file;
  std::string path;  ///< as one of its processes sees it
  UniqueFd fd;
  GoFacts facts;
  ProcessId process;  ///< one that runs it
};

/// What probes have cost a process so far.
struct ProbeCost {
  ProcessId process;
  uint32_t binary = 0;
  uint64_t hits = 0;
  std::chrono::nanoseconds program{};  ///< spent in BPF
};

struct ProbedBinary {
  std::string path, version;
  std::string state;  ///< "armed", "metered: why", "off", "refused: why"
  uint64_t hits = 0;  ///< that were told by processes at 4,096 hits and more
  std::chrono::nanoseconds cost{};
  bool armed = false;
};

/// User + system time of a process; nothing when it is gone.
using CpuTimeOf = std::function<std::optional<std::chrono::nanoseconds>(const ProcessId&)>;

/// Not thread safe. At most 256 binaries have probes: for a new one goes one that no process runs any more, else the
/// new one is refused. One that nobody runs is let go after ten minutes, at once if its file is gone: an open file
/// keeps its place on the disk.
///
/// The meter: probes may take `budget` (a share, 0.01) of a process's own CPU time over its life, and its first
/// second's overdraft is debt. The breakpoint is in the file, so its binary loses the growth probe when one process has
/// run into debt, and gets it back when that is paid or the process is gone. The probe at fatal errors stays: it is
/// cold.
class GoProbes {
 public:
  GoProbes(ProbeAttacher* attacher, CpuTimeOf cpu_time, double budget);
  ~GoProbes();

  /// A process that runs this binary was seen. True: the binary is new here.
  bool Consider(GoBinary binary);
  void OnEnd(const ProcessId& process, BootTime now);
  void OnCost(const ProbeCost& cost);
  /// Gives probes back where debts are paid, tries again where attaching failed, lets go of what nobody runs. Call it
  /// about once a second while IsOpen().
  void Settle(BootTime now);
  bool IsOpen() const;
  /// Off: nothing is armed until it is on again.
  void SetEnabled(bool enabled);
  bool enabled() const { return enabled_; }
  std::vector<ProbedBinary> List() const;

 private:
  struct Entry {
    GoBinary binary;
    std::optional<ProbeSites> sites;
    std::string refused;  // for good
    std::string failed;   // this time
    std::set<ProcessId> processes;
    BootTime unused_since{};
    std::map<ProcessId, ProbeCost> debtors;
    std::string debt;  // in words
    bool armed = false;
    uint64_t hits = 0;
    std::chrono::nanoseconds cost{};
  };
  std::chrono::nanoseconds PriceOf(const ProbeCost& cost) const;
  bool InDebt(const ProbeCost& cost, std::chrono::nanoseconds overdraft) const;
  void Rearm(uint32_t number, Entry& entry);
  bool MakeRoom();
  void LetGo(uint32_t number);

  ProbeAttacher* const attacher_;
  const CpuTimeOf cpu_time_;
  const double budget_;
  bool enabled_ = true;
  std::map<uint32_t, Entry> entries_;  // by number
  std::map<FileIdentity, uint32_t> by_file_;
  std::list<uint32_t> oldest_first_;
  uint32_t next_ = 0;
};

/// Where probes stand in a binary with these facts. FailedPrecondition says why nowhere.
absl::StatusOr<ProbeSites> SitesOf(const GoFacts& facts);

}  // namespace profd
