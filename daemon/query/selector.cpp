#include "query/selector.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "base/utf8.h"

namespace profd {
namespace {

constexpr size_t kMinIdPrefix = 6;

bool ContainerMatches(const std::string& wanted, const ContainerLabels& container) {
  if (container.name == wanted) return true;
  return wanted.size() >= kMinIdPrefix && container.id.starts_with(wanted);
}

}  // namespace

std::string Describe(const Selector& selector) {
  std::vector<std::string> parts;
  auto add = [&parts](std::string_view key, const std::string& value) {
    if (!value.empty()) parts.push_back(fmt::format("{} {}", key, value));
  };
  if (selector.pid != 0) add("pid", std::to_string(selector.pid));
  if (selector.ns_pid != 0) add("ns-pid", std::to_string(selector.ns_pid));
  add("command", selector.command);
  add("namespace", selector.name_space);
  add("pod", selector.pod);
  add("container", selector.container);
  return parts.empty() ? "every process" : fmt::format("{}", fmt::join(parts, ", "));
}

ProcessMatcher::ProcessMatcher(const Selector& selector, std::span<const std::shared_ptr<const Segment>> segments,
                               std::span<const ProcessListEntry> known, std::span<const RecursionEvent> stories)
    : selector_(selector) {
  if (selector_.ns_pid != 0) {
    for (const ProcessListEntry& entry : known) {
      if (!entry.ns_pids.empty() && entry.ns_pids.back() == selector_.ns_pid) of_ns_pid_.insert(KeyOf(entry.process));
    }
  }
  if (selector_.pid != 0) {
    for (const auto& segment : segments) {
      for (const ProcessUsage& usage : segment->usage) NoteProgram(usage.process);
    }
    for (const RecursionEvent& story : stories) NoteProgram(story.process);
  }
  for (const auto& segment : segments) {
    found_ =
        found_ || std::ranges::any_of(segment->usage, [this](const auto& usage) { return Matches(usage.process); });
  }
  found_ =
      found_ || std::ranges::any_of(known, [this](const ProcessListEntry& entry) { return Matches(entry.process); });
  found_ =
      found_ || std::ranges::any_of(stories, [this](const RecursionEvent& story) { return Matches(story.process); });
}

void ProcessMatcher::NoteProgram(const Process& process) {
  if (process.pid != selector_.pid) return;
  newest_of_pid_ = std::max(newest_of_pid_.value_or(ProgramKey()), KeyOf(process));
}

bool ProcessMatcher::Matches(const Process& process) const {
  if (selector_.pid != 0) {
    if (process.pid != selector_.pid) return false;
    if (newest_of_pid_ && KeyOf(process) != *newest_of_pid_) return false;
  }
  if (selector_.ns_pid != 0 && !of_ns_pid_.contains(KeyOf(process))) return false;
  return LabelsMatch(process);
}

bool ProcessMatcher::LabelsMatch(const Process& process) const {
  const ContainerLabels& container = process.container;
  // Whoever asks has seen the name as UTF-8.
  if (!selector_.command.empty() && ToUtf8(process.command) != selector_.command) return false;
  if (!selector_.pod.empty() && container.pod != selector_.pod) return false;
  if (!selector_.name_space.empty() && container.name_space != selector_.name_space) return false;
  return selector_.container.empty() || ContainerMatches(selector_.container, container);
}

}  // namespace profd
