#include "query/query_engine.h"

#include <algorithm>
#include <map>

#include "pprof/pprof.h"
#include "profile/profile_builder.h"

namespace profd {
namespace {

using ProcessIndex = std::map<ProgramKey, const ProcessListEntry*>;

ProcessIndex IndexOf(const std::vector<ProcessListEntry>& known) {
  ProcessIndex index;
  for (const ProcessListEntry& entry : known) index.emplace(KeyOf(entry.process), &entry);
  return index;
}

/// A process that ended during the window is still known by what it was at its beginning.
void AddMissing(const std::vector<ProcessListEntry>& before, std::vector<ProcessListEntry>& known) {
  const ProcessIndex index = IndexOf(known);
  std::vector<ProcessListEntry> gone;
  for (const ProcessListEntry& entry : before) {
    if (!index.contains(KeyOf(entry.process))) gone.push_back(entry);
  }
  known.insert(known.end(), gone.begin(), gone.end());
}

struct Usage {
  ProcessRow row;
  std::chrono::nanoseconds cpu{};
};

void Add(const ProcessUsage& usage, const ProcessIndex& index, Usage& total) {
  total.row.info.process = usage.process;
  if (auto known = index.find(KeyOf(usage.process)); known != index.end()) total.row.info = *known->second;
  total.cpu += usage.cpu;
  total.row.samples += usage.samples;
  if (usage.deepest_frames > total.row.deepest_frames) {
    total.row.deepest_frames = usage.deepest_frames;
    total.row.deepest_estimated = usage.deepest_estimated;
  }
  total.row.deepest_stack_bytes = std::max(total.row.deepest_stack_bytes, usage.deepest_stack_bytes);
  total.row.exited = usage.exited;
}

bool ByCpu(const ProcessRow& a, const ProcessRow& b) {
  return std::tuple(-a.cpu_percent, ~a.samples, KeyOf(a.info.process)) <
         std::tuple(-b.cpu_percent, ~b.samples, KeyOf(b.info.process));
}

std::vector<ProcessRow> RowsOf(const WindowData& window, const std::vector<ProcessListEntry>& known,
                               const ProcessMatcher& matcher) {
  const ProcessIndex index = IndexOf(known);
  std::map<ProgramKey, Usage> totals;
  for (const auto& segment : window.segments) {
    for (const ProcessUsage& usage : segment->usage) {
      if (matcher.Matches(usage.process)) Add(usage, index, totals[KeyOf(usage.process)]);
    }
  }
  std::vector<ProcessRow> rows;
  const double covered = std::chrono::duration<double>(window.covered).count();
  for (auto& [key, total] : totals) {
    if (covered > 0) total.row.cpu_percent = 100 * std::chrono::duration<double>(total.cpu).count() / covered;
    rows.push_back(std::move(total.row));
  }
  std::ranges::sort(rows, ByCpu);
  return rows;
}

/// Whoever asks for a process that has just died is told what it died of.
absl::Status Gone(const Selector& selector, std::span<const RecursionEvent> stories) {
  const auto story = std::ranges::find_if(stories, [&selector](const RecursionEvent& event) {
    return selector.pid != 0 && event.process.pid == selector.pid;
  });
  if (story == stories.end()) return Error(absl::StatusCode::kNotFound, "no such process: {}", Describe(selector));
  return Error(absl::StatusCode::kNotFound,
               "no such process: {}; one that had this pid recursed ({}): 'profctl recursion show {}' tells its story",
               Describe(selector), ToWord(story->state), story->id);
}

}  // namespace

ProcessListEntry QueryEngine::Identify(const Selector& selector, const Selection& selection) {
  const ProcessMatcher& matcher = selection.matcher;
  for (const ProcessListEntry& entry : selection.known) {
    if (matcher.Matches(entry.process)) return entry;
  }
  const auto& segments = selection.window.segments;
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
    for (const ProcessUsage& usage : (*segment)->usage) {
      if (matcher.Matches(usage.process)) return ProcessListEntry{.process = usage.process};
    }
  }
  if (!selection.recursion.empty()) return ProcessListEntry{.process = selection.recursion.front().process};
  return ProcessListEntry{.process = {.pid = selector.pid}};
}

absl::Status QueryEngine::CheckFound(const Selector& selector, bool found) const {
  if (found || selector.empty()) return absl::OkStatus();
  // An idle process was never sampled: only its pid can be found.
  if (selector == Selector{.pid = selector.pid} && backend_->ProcessExists(selector.pid)) return absl::OkStatus();
  return Gone(selector, backend_->Recursion());
}

absl::Status QueryEngine::Precheck(const Selector& selector, const Window& window) const {
  RETURN_IF_ERROR(ValidateWindow(window));
  if (window.kind != Window::Kind::kNext || selector.pid == 0 || backend_->ProcessExists(selector.pid)) {
    return absl::OkStatus();
  }
  return Gone(selector, backend_->Recursion());
}

absl::StatusOr<std::vector<ProcessListEntry>> QueryEngine::Processes(const Selector& selector) const {
  std::vector<ProcessListEntry> known = backend_->Processes();
  const ProcessMatcher matcher(selector, {}, known);
  RETURN_IF_ERROR(CheckFound(selector, matcher.found()));
  std::erase_if(known, [&matcher](const ProcessListEntry& entry) { return !matcher.Matches(entry.process); });
  if (known.empty() && selector.pid != 0) known.push_back({.process = {.pid = selector.pid}});
  std::ranges::sort(known, {}, [](const ProcessListEntry& entry) { return KeyOf(entry.process); });
  backend_->ExplainMissingSymbols(known);
  return known;
}

absl::StatusOr<QueryEngine::Selection> QueryEngine::Select(const Selector& selector, const Window& window,
                                                           const Pause& pause) const {
  RETURN_IF_ERROR(Precheck(selector, window));
  const std::vector<ProcessListEntry> before = backend_->Processes();
  ASSIGN_OR_RETURN(WindowData data, ResolveWindow(*backend_, *clock_, window, pause));
  std::vector<ProcessListEntry> known = backend_->Processes();
  AddMissing(before, known);
  std::vector<RecursionEvent> stories = backend_->Recursion();
  KeepSeenIn(window, data, stories);
  ProcessMatcher matcher(selector, data.segments, known, stories);
  // A recording asked for by pid began while the process lived: no sample of it is an answer too.
  const bool existed = window.kind == Window::Kind::kNext && selector == Selector{.pid = selector.pid};
  RETURN_IF_ERROR(CheckFound(selector, existed || matcher.found()));
  std::erase_if(stories, [&matcher](const RecursionEvent& story) { return !matcher.Matches(story.process); });
  return Selection{std::move(data), std::move(known), std::move(matcher), std::move(stories)};
}

absl::StatusOr<Profile> QueryEngine::Sum(const Selection& selection, bool everything, const Pause& pause,
                                         const GoDetail& detail) const {
  std::lock_guard lock(decoding_);
  ProfileBuilder builder;
  for (const auto& segment : selection.window.segments) {
    if (!pause(std::chrono::nanoseconds(0))) return Error(absl::StatusCode::kCancelled, "the question was withdrawn");
    ASSIGN_OR_RETURN(Profile profile, pprof::Decode(segment->profile));
    if (!everything) {
      std::erase_if(profile.samples, [&](const Sample& sample) {
        return sample.process >= profile.processes.size() ||
               !selection.matcher.Matches(profile.processes[sample.process]);
      });
    }
    // Another recording may have asked for them.
    for (Sample& sample : profile.samples) {
      if (!detail.goroutine) sample.goroutine = 0;
      if (!detail.labels) sample.labels.clear();
    }
    builder.Merge(profile);
  }
  const WindowData& window = selection.window;
  builder.SetTime(window.start, window.end - window.start, window.period);
  return builder.Build();
}

absl::StatusOr<ProcessTop> QueryEngine::TopProcesses(const Selector& selector, const Window& window,
                                                     const Pause& pause) const {
  ASSIGN_OR_RETURN(Selection selection, Select(selector, window, pause));
  ProcessTop top;
  top.rows = RowsOf(selection.window, selection.known, selection.matcher);
  const ProcessStates states(selection.recursion);
  for (ProcessRow& row : top.rows) {
    top.samples += row.samples;
    row.state = states.Of(row.info.process);
  }
  top.window = std::move(selection.window);
  top.recursion = std::move(selection.recursion);
  return top;
}

absl::StatusOr<FunctionTop> QueryEngine::TopFunctionsOf(const Selector& selector, const Window& window,
                                                        const Pause& pause) const {
  ASSIGN_OR_RETURN(Selection selection, Select(selector, window, pause));
  FunctionTop top;
  ASSIGN_OR_RETURN(const Profile profile, Sum(selection, selector.empty(), pause));
  top.top = ComputeTop(profile);
  if (selector.pid != 0 || selector.ns_pid != 0) {
    top.process = Identify(selector, selection);
  }
  top.window = std::move(selection.window);
  top.recursion = std::move(selection.recursion);
  return top;
}

absl::StatusOr<ProcessMaps> QueryEngine::Maps(const Selector& selector, const Pause& pause) const {
  constexpr uint64_t kEnoughHits = 150;
  constexpr std::chrono::milliseconds kLookAgain{200}, kLongest{5000};
  if (selector.pid == 0 && selector.ns_pid == 0) {
    return Error(absl::StatusCode::kInvalidArgument, "map accesses are those of one process: say which by its pid");
  }
  ASSIGN_OR_RETURN(std::vector<ProcessListEntry> found, Processes(selector));
  ProcessMaps maps{.process = std::move(found.back())};
  const uint64_t before = backend_->MapSites(maps.process.process).hits;
  for (std::chrono::milliseconds waited{0}; waited < kLongest; waited += kLookAgain) {
    maps.answer = backend_->MapSites(maps.process.process);
    if (!maps.answer.why_not.empty() || maps.answer.hits >= before + kEnoughHits) break;
    if (!pause(kLookAgain)) return Error(absl::StatusCode::kCancelled, "the question was withdrawn");
  }
  if (maps.answer.why_not.empty()) maps.answer.why_not = maps.answer.why_not_yet;
  return maps;
}

absl::StatusOr<WindowProfile> QueryEngine::GetProfile(const Selector& selector, const Window& window,
                                                      const Pause& pause, const GoDetail& detail) const {
  if (detail.any() && window.kind != Window::Kind::kNext) {
    return Error(
        absl::StatusCode::kInvalidArgument,
        "goroutines and their labels are told apart in a recording of the time to come only: what is stored does not "
        "have them");
  }
  RETURN_IF_ERROR(Precheck(selector, window));
  const std::shared_ptr<void> noted = detail.any() ? backend_->Note(detail) : nullptr;
  ASSIGN_OR_RETURN(Selection selection, Select(selector, window, pause));
  WindowProfile answer;
  ASSIGN_OR_RETURN(answer.profile, Sum(selection, selector.empty(), pause, detail));
  answer.window = std::move(selection.window);
  return answer;
}

absl::StatusOr<std::vector<RecursionEvent>> QueryEngine::Recursion(const Selector& selector, bool active_only,
                                                                   const std::string& id) const {
  const StoryQuestion question{selector, active_only, id};
  RETURN_IF_ERROR(Validate(question));
  const std::vector<ProcessListEntry> known = backend_->Processes();
  const std::vector<RecursionEvent> all = backend_->Recursion();
  std::vector<RecursionEvent> stories = SelectStories(question, all, known);
  if (!stories.empty()) return stories;
  if (!id.empty()) return WhyNoStory(question, all);
  const ProcessMatcher matcher(selector, {}, known, all);
  if (CheckFound(selector, matcher.found()).ok()) return stories;
  return NoSuchProcess(selector);
}

absl::StatusOr<std::shared_ptr<void>> QueryEngine::WatchRecursion(
    const Selector& selector, std::function<void(const RecursionEvent&)> sink) const {
  const std::vector<ProcessListEntry> known = backend_->Processes();
  ProcessMatcher matcher(selector, {}, known);
  if (selector.ns_pid != 0 && !matcher.found()) return NoSuchProcess(selector);
  if (selector.pid != 0 && !backend_->ProcessExists(selector.pid) &&
      !ProcessMatcher(selector, {}, {}, backend_->Recursion()).found()) {
    return NoSuchProcess(selector);
  }
  auto watch =
      backend_->WatchRecursion([matcher = std::move(matcher), sink = std::move(sink)](const RecursionEvent& story) {
        if (matcher.Matches(story.process)) sink(story);
      });
  if (watch == nullptr) return Error(absl::StatusCode::kUnavailable, "profd is not sampling: it starts or stops");
  return watch;
}

}  // namespace profd
