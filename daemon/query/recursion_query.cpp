#include "query/recursion_query.h"

#include <algorithm>
#include <array>
#include <optional>

namespace profd {
namespace {

constexpr std::array kStates{"ok", "growing", "RUNAWAY"};
constexpr size_t kIdDigits = 16;

/// The start times of stories may be of another boot, so among them the last seen is the newest.
std::optional<ProgramKey> NewestOfPid(uint32_t pid, std::span<const RecursionEvent> stories,
                                      std::span<const ProcessListEntry> known) {
  std::optional<ProgramKey> newest;
  for (const ProcessListEntry& entry : known) {
    if (entry.process.pid == pid) newest = std::max(newest.value_or(ProgramKey()), KeyOf(entry.process));
  }
  if (newest) return newest;
  const auto story = std::ranges::find(stories, pid, [](const RecursionEvent& event) { return event.process.pid; });
  return story == stories.end() ? std::nullopt : std::optional(KeyOf(story->process));
}

ProcessState StateOf(const RecursionEvent& story) {
  switch (story.state) {
    case RecursionState::kActive: break;
    case RecursionState::kEnded: return ProcessState::kOk;
    case RecursionState::kCrashed:
    case RecursionState::kOomKilled: return ProcessState::kRunaway;
  }
  if (story.grade >= RecursionGrade::kProjected) return ProcessState::kRunaway;
  return story.grade == RecursionGrade::kGrowing ? ProcessState::kGrowing : ProcessState::kOk;
}

}  // namespace

const char* ToWord(ProcessState state) { return kStates.at(static_cast<size_t>(state)); }

absl::Status Validate(const StoryQuestion& question) {
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  const std::string& id = question.id;
  if (id.empty() || (id.size() == kIdDigits && id.find_first_not_of(kHexDigits) == std::string::npos)) {
    return absl::OkStatus();
  }
  return Error(absl::StatusCode::kInvalidArgument,
               "the id of a recursion story has {} digits of 0-9 and a-f: 'profctl recursion list' shows them",
               kIdDigits);
}

std::vector<RecursionEvent> SelectStories(const StoryQuestion& question, std::span<const RecursionEvent> stories,
                                          std::span<const ProcessListEntry> known) {
  const ProcessMatcher matcher(question.selector, {}, known);
  const uint32_t pid = question.selector.pid;
  const std::optional<ProgramKey> newest = pid != 0 ? NewestOfPid(pid, stories, known) : std::nullopt;
  std::vector<RecursionEvent> selected;
  for (const RecursionEvent& story : stories) {
    if (!question.id.empty() && story.id != question.id) continue;
    if (question.active_only && story.state != RecursionState::kActive) continue;
    if (!matcher.Matches(story.process) || (newest && KeyOf(story.process) != *newest)) continue;
    selected.push_back(story);
  }
  return selected;
}

absl::Status WhyNoStory(const StoryQuestion& question, std::span<const RecursionEvent> stories) {
  const auto story = std::ranges::find(stories, question.id, &RecursionEvent::id);
  if (story == stories.end()) {
    return Error(absl::StatusCode::kNotFound, "no recursion story {}: 'profctl recursion list' shows those there are",
                 question.id);
  }
  if (question.active_only && story->state != RecursionState::kActive) {
    return Error(absl::StatusCode::kNotFound, "recursion story {} is over ({}): ask for more than active ones",
                 question.id, ToWord(story->state));
  }
  return Error(absl::StatusCode::kNotFound, "recursion story {} is of another process than {}: ask by its id alone",
               question.id, Describe(question.selector));
}

absl::Status NoSuchProcess(const Selector& selector) {
  return Error(absl::StatusCode::kNotFound,
               "no such process: {}; 'profctl ps' shows those there are, 'profctl recursion list' those that are gone",
               Describe(selector));
}

void KeepSeenIn(const Window& asked, const WindowData& window, std::vector<RecursionEvent>& stories) {
  // A window that ends now goes on while its answer is made.
  const bool past = asked.kind == Window::Kind::kRange;
  const WallTime end = past ? std::max(asked.until, window.end) : WallTime::max();
  std::erase_if(stories, [&](const RecursionEvent& story) {
    if (story.state == RecursionState::kActive) return story.first_seen > end;
    return story.last_seen < window.start || story.last_seen > end;
  });
}

ProcessStates::ProcessStates(std::span<const RecursionEvent> stories) {
  for (const RecursionEvent& story : stories) {
    ProcessState& state = states_[KeyOf(story.process)];
    state = std::max(state, StateOf(story));
  }
}

ProcessState ProcessStates::Of(const Process& process) const {
  const auto state = states_.find(KeyOf(process));
  return state == states_.end() ? ProcessState::kOk : state->second;
}

}  // namespace profd
