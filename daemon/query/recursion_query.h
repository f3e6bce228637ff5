// Which recursion stories a question is about, and what they say of a process.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "query/backend.h"
#include "query/selector.h"
#include "query/window.h"

namespace profd {

/// In ascending order.
enum class ProcessState { kOk, kGrowing, kRunaway };
/// "ok", "growing", "RUNAWAY".
const char* ToWord(ProcessState state);

struct StoryQuestion {
  Selector selector;
  bool active_only = false;
  std::string id;  ///< empty: all
};

/// InvalidArgument: an id that no story can have.
absl::Status Validate(const StoryQuestion& question);

/// Those that are meant, in their order. `stories`: all there are, last seen first. A pid means the newest program that
/// has it (`known`), else that had it.
std::vector<RecursionEvent> SelectStories(const StoryQuestion& question, std::span<const RecursionEvent> stories,
                                          std::span<const ProcessListEntry> known);
/// Why SelectStories found none with the id.
absl::Status WhyNoStory(const StoryQuestion& question, std::span<const RecursionEvent> stories);
/// NotFound, and where to look.
absl::Status NoSuchProcess(const Selector& selector);

/// Leaves those that are active, or were last seen in the window. `asked`: what became `window`.
void KeepSeenIn(const Window& asked, const WindowData& window, std::vector<RecursionEvent>& stories);

/// What stories of one window say of its processes. A crash or OOM kill by recursion is a runaway too.
class ProcessStates {
 public:
  explicit ProcessStates(std::span<const RecursionEvent> stories);
  ProcessState Of(const Process& process) const;

 private:
  std::map<ProgramKey, ProcessState> states_;
};

}  // namespace profd
