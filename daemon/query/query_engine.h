// Answers questions about processes and profiles from the store, whatever the protocol they came by.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "profile/top.h"
#include "query/backend.h"
#include "query/recursion_query.h"
#include "query/selector.h"
#include "query/window.h"

namespace profd {

/// One program in one process, over a window.
struct ProcessRow {
  ProcessListEntry info;   ///< `process` only, where the daemon has forgotten the rest
  double cpu_percent = 0;  ///< 100 is one CPU; by the kernel's accounting
  uint64_t samples = 0;
  uint64_t deepest_frames = 0;
  bool deepest_estimated = false;
  uint64_t deepest_stack_bytes = 0;
  bool exited = false;
  ProcessState state = ProcessState::kOk;
};

struct ProcessTop {
  WindowData window;
  std::vector<ProcessRow> rows;  ///< by CPU, then samples, descending, then pid
  uint64_t samples = 0;
  std::vector<RecursionEvent> recursion;  ///< active, or last seen in the window; last seen first
};

struct FunctionTop {
  WindowData window;
  TopFunctions top;
  std::vector<RecursionEvent> recursion;    ///< as in ProcessTop
  std::optional<ProcessListEntry> process;  ///< when the selector names one by pid or ns-pid
};

struct ProcessMaps {
  ProcessListEntry process;
  MapAnswer answer;
};

struct WindowProfile {
  WindowData window;
  Profile profile;
};

/// Thread safe. Questions of "next" block for their time. NotFound: no such process in the window, nor now. Other
/// errors are those of ResolveWindow. Profiles are decoded by one caller at a time, which bounds memory.
class QueryEngine {
 public:
  QueryEngine(Backend* backend, const Clock* clock) : backend_(backend), clock_(clock) {}

  /// Known processes, by pid.
  absl::StatusOr<std::vector<ProcessListEntry>> Processes(const Selector& selector) const;
  absl::StatusOr<ProcessTop> TopProcesses(const Selector& selector, const Window& window, const Pause& pause) const;
  absl::StatusOr<FunctionTop> TopFunctionsOf(const Selector& selector, const Window& window, const Pause& pause) const;
  /// `detail` is for a window that is still to come.
  absl::StatusOr<WindowProfile> GetProfile(const Selector& selector, const Window& window, const Pause& pause,
                                           const GoDetail& detail = {}) const;

  /// The map accesses of one process. Waits up to some seconds until enough of them were seen. InvalidArgument: the
  /// selector names no process by pid.
  absl::StatusOr<ProcessMaps> Maps(const Selector& selector, const Pause& pause) const;

  /// Stories of all time, last seen first; of a pid, those of the newest program that has or had it. `id`: that one
  /// alone. InvalidArgument: no such id can be. NotFound: no such story, or neither process nor story.
  absl::StatusOr<std::vector<RecursionEvent>> Recursion(const Selector& selector, bool active_only,
                                                        const std::string& id) const;
  /// As Backend::WatchRecursion, for the selector's stories. An ns-pid means the processes that have it now; labels are
  /// those of any process to come. NotFound: neither process nor story has that pid, or no process that ns-pid.
  absl::StatusOr<std::shared_ptr<void>> WatchRecursion(const Selector& selector,
                                                       std::function<void(const RecursionEvent&)> sink) const;

  /// What can be said before a long wait: a bad window, or a pid that does not exist.
  absl::Status Precheck(const Selector& selector, const Window& window) const;

 private:
  struct Selection {
    WindowData window;
    std::vector<ProcessListEntry> known;
    ProcessMatcher matcher;
    std::vector<RecursionEvent> recursion;
  };
  absl::StatusOr<Selection> Select(const Selector& selector, const Window& window, const Pause& pause) const;
  /// The one process that a pid or ns-pid meant: as the daemon knows it now, else as the segments or stories have it.
  static ProcessListEntry Identify(const Selector& selector, const Selection& selection);
  absl::Status CheckFound(const Selector& selector, bool found) const;
  absl::StatusOr<Profile> Sum(const Selection& selection, bool everything, const Pause& pause,
                              const GoDetail& detail = {}) const;

  Backend* backend_;
  const Clock* clock_;
  mutable std::mutex decoding_;
};

}  // namespace profd
