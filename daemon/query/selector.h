// Which processes a question is about.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>

#include "query/backend.h"

namespace profd {

/// All that is set must match; nothing set is every process.
struct Selector {
  uint32_t pid = 0;       ///< in profd's PID namespace
  uint32_t ns_pid = 0;    ///< in the process's own, innermost PID namespace
  std::string command;    ///< exact
  std::string pod;        ///< exact
  std::string container;  ///< name, or at least six characters of the id's beginning
  std::string name_space;

  bool empty() const { return *this == Selector(); }
  bool operator==(const Selector&) const = default;
};

/// "pid 42, container web", for messages.
std::string Describe(const Selector& selector);

/// What tells two programs apart, whatever they call themselves meanwhile.
using ProgramKey = std::tuple<uint32_t, uint64_t, uint32_t>;
inline ProgramKey KeyOf(const Process& process) { return {process.pid, process.start_time_ns, process.exec_id}; }

/// A selector applied to one window. Where it names a pid that several programs had in that window (exec, pid reuse),
/// it means the newest of them: two programs are never mixed. `stories`: recursion in that window, whose program may
/// have died before it was ever sampled.
class ProcessMatcher {
 public:
  ProcessMatcher(const Selector& selector, std::span<const std::shared_ptr<const Segment>> segments,
                 std::span<const ProcessListEntry> known, std::span<const RecursionEvent> stories = {});

  bool Matches(const Process& process) const;
  /// Was there any such process in the window, or is there one now?
  bool found() const { return found_; }

 private:
  bool LabelsMatch(const Process& process) const;
  void NoteProgram(const Process& process);

  Selector selector_;
  std::optional<ProgramKey> newest_of_pid_;
  std::set<ProgramKey> of_ns_pid_;
  bool found_ = false;
};

}  // namespace profd
