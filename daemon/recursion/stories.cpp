// The detector's stories: which reading belongs to which, and what is told of them.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "recursion/advice.h"
#include "recursion/detector.h"

namespace profd {
namespace {

constexpr size_t kMostSteps = 32;

std::string IdentityOf(const Process& process, const Cycle& cycle) {
  const ContainerLabels& container = process.container;
  // A pod's name changes when it is replaced; what runs in it does not.
  return fmt::format("{}\n{}\n{}\n{}", process.command, container.name_space, container.name, cycle.identity);
}

// Who can make how many of them is one party.
std::string OwnerOf(const RecursionReading& reading) {
  const std::string& container = reading.process.container.id;
  return container.empty() ? fmt::format("user {}", reading.uid) : container;
}

// FNV-1a: the same in each life of profd.
uint64_t Hash(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return hash;
}

// What stands for a name that is not known: "FILE+0xOFFSET", or an address.
bool IsPlace(std::string_view name) { return name.starts_with("0x") || name.find("+0x") != std::string_view::npos; }

std::string IdOf(uint64_t number) { return fmt::format("{:016x}", number); }

void AddStep(RecursionEvent& event, WallTime wall, std::string what) {
  event.history.push_back({.time = wall, .what = std::move(what)});
  // The first ones say how it began.
  if (event.history.size() > kMostSteps) event.history.erase(event.history.begin() + kMostSteps / 4);
}

}  // namespace

// Whoever has most stories loses one, so that nobody can flood away what others' programs died of. Of these: what never
// grew goes before what did, what is over before what is not, what was seen long ago before the rest.
uint64_t Detector::LeastOfStories() const {
  std::map<std::string_view, size_t> owners;
  for (const auto& [number, story] : stories_) ++owners[story.owner];
  const auto least = std::ranges::min_element(stories_, {}, [&owners](const auto& one) {
    const Story& story = one.second;
    const bool worth = story.event.grade > RecursionGrade::kObserved || story.before;
    return std::tuple(-static_cast<int64_t>(owners[story.owner]), worth, story.active_runs > 0, story.event.last_seen);
  });
  return least->first;
}

uint64_t Detector::StoryOf(const RecursionReading& reading, const Cycle& cycle) {
  const std::string identity = IdentityOf(reading.process, cycle);
  if (const auto known = by_identity_.find(identity); known != by_identity_.end()) return known->second;
  if (stories_.size() >= options_.max_stories) {
    const uint64_t least = LeastOfStories();
    std::erase_if(runs_, [least](const auto& run) { return run.second.story == least; });
    Forget(least, "there are too many to remember");
  }
  // Nobody gets another's story by a name that has the same hash.
  uint64_t number = Hash(identity);
  while (stories_.contains(number)) ++number;
  AddIdentity(identity, number);
  Story& story = stories_[number];
  story.owner = OwnerOf(reading);
  story.provisional = !cycle.named;
  story.event.id = IdOf(number);
  story.event.identity = identity;
  story.event.process = reading.process;
  story.event.cycle = cycle.functions;
  story.event.first_seen = story.event.last_seen = reading.wall;
  return number;
}

// Its functions have got their names: then it may be a story that is known.
void Detector::Name(uint64_t number, const Cycle& cycle) {
  Story& story = stories_.at(number);
  const std::string identity = IdentityOf(story.event.process, cycle);
  const auto known = by_identity_.find(identity);
  if (known != by_identity_.end() && known->second != number) {
    Merge(number, known->second);
    return;
  }
  AddIdentity(identity, number);  // the one by addresses stays: the next run of this binary is found by it at once
  story.event.identity = identity;
  story.event.cycle = cycle.functions;
  story.provisional = false;
  story.changed = story.renamed = true;
}

void Detector::OnNames(const RecursionReading& before, const RecursionReading& named) {
  const auto old_cycle = FindCycle(before.stack), cycle = FindCycle(named.stack);
  if (!old_cycle || !cycle) return;
  auto known = by_identity_.find(IdentityOf(before.process, *old_cycle));
  if (known == by_identity_.end()) return;
  if (stories_.at(known->second).provisional) Name(known->second, *cycle);
  known = by_identity_.find(IdentityOf(before.process, *old_cycle));
  Story& story = stories_.at(known->second);
  if (story.shown != KeyOf(before)) return;
  const RecursionEvent told = story.event;
  story.event.cycle = cycle->functions;
  story.event.entry = cycle->entry;
  story.event.root = cycle->root;
  story.event.advice = AdviceFor(*cycle);
  story.changed |= story.event != told;
}

// Of what a story was known by before it had its names, the oldest are forgotten when there are many.
void Detector::AddIdentity(const std::string& identity, uint64_t number) {
  if (by_identity_.size() >= 4 * options_.max_stories) {
    std::erase_if(by_identity_, [this](const auto& known) {
      const auto story = stories_.find(known.second);
      return story == stories_.end() || story->second.event.identity != known.first;
    });
  }
  by_identity_[identity] = number;
}

void Detector::Merge(uint64_t from, uint64_t into) {
  Story& other = stories_.at(into);
  const Story& story = stories_.at(from);
  const bool was_over = other.active_runs == 0;
  for (auto& [key, run] : runs_) {
    if (run.story != from) continue;
    run.story = into;
    ++other.active_runs;
  }
  // Its newest evidence is what it is now; what was only observed is so for a while.
  const bool grew = story.event.grade > RecursionGrade::kObserved;
  if (grew || (was_over && other.active_runs > 0)) {
    const RecursionEvent old = other.event;
    if (grew) {
      other.before.reset();
    } else if (!other.before) {
      other.before = old;
    }
    other.event = story.event;
    other.event.id = old.id;
    other.event.identity = old.identity;
    other.event.cycle = old.cycle;
    other.event.advice = old.advice;
    other.event.first_seen = std::min(old.first_seen, story.event.first_seen);
    other.event.history = old.history;
    for (const RecursionStep& step : story.event.history) AddStep(other.event, step.time, step.what);
    other.event.occurrences = old.occurrences;
    other.shown = story.shown;
  }
  other.event.occurrences += story.event.occurrences;
  other.begun = true;
  other.restored = {};
  other.changed = other.transition = true;
  for (auto& [identity, number] : by_identity_) {
    if (number == from) number = into;
  }
  SayLastWord(story.event, fmt::format("its functions have names now: it is {}", other.event.id));
  removed_.push_back(story.event.id);
  stories_.erase(from);
}

void Detector::SayLastWord(const RecursionEvent& event, const std::string& why) {
  RecursionEvent last = event;
  if (last.state == RecursionState::kActive) last.state = RecursionState::kEnded;
  last.seconds_to_overflow.reset();
  last.reason = why;
  due_.push_back({.event = std::move(last), .transition = true, .passing = true});
}

void Detector::Forget(uint64_t number, const std::string& why) {
  SayLastWord(stories_.at(number).event, why);
  removed_.push_back(stories_.at(number).event.id);
  std::erase_if(by_identity_, [number](const auto& entry) { return entry.second == number; });
  stories_.erase(number);
}

void Detector::SetGrade(Story& story, RecursionGrade grade, const std::string& why, WallTime wall) {
  if (grade <= story.event.grade) return;
  story.event.grade = grade;
  story.event.reason = why;
  // Of a death there is evidence until there is better: what only grows may come back.
  const bool died =
      story.before && story.before->state != RecursionState::kEnded && story.before->state != RecursionState::kActive;
  if (!died || grade >= RecursionGrade::kProjected) story.before.reset();
  AddStep(story.event, wall, fmt::format("{}: {}", ToWord(grade), why));
  story.changed = story.transition = true;
}

void Detector::LowerGrade(Story& story, RecursionGrade grade, const std::string& why, WallTime wall) {
  story.event.grade = grade;
  story.event.reason = why;
  AddStep(story.event, wall, fmt::format("{}: {}", ToWord(grade), why));
  story.changed = story.transition = true;
}

void Detector::SetState(Story& story, RecursionState state, const std::string& why, WallTime wall,
                        std::optional<WallTime> seen) {
  RecursionEvent& event = story.event;
  if (state == RecursionState::kEnded && event.state != RecursionState::kActive) return;
  if (state == RecursionState::kEnded && story.before) {
    // It never grew: what is known of it is what was known before.
    SayLastWord(event, why);
    const uint64_t occurrences = event.occurrences;
    event = *std::exchange(story.before, std::nullopt);
    // What honest programs do is counted where nothing worse is known, and beside a crash it is not.
    if (event.grade == RecursionGrade::kObserved) event.occurrences = occurrences;
    story.changed = story.transition = false;
    return;
  }
  event.state = state;
  event.seconds_to_overflow.reset();
  event.growth_bytes_per_second = 0;
  if (seen) event.last_seen = std::max(event.last_seen, *seen);
  if (event.grade > RecursionGrade::kObserved || state != RecursionState::kEnded) {
    event.reason = why;
    AddStep(event, wall, fmt::format("{}: {}", ToWord(state), why));
  }
  story.changed = story.transition = true;
}

void Detector::OnMap(const Process& process, uint64_t goroutine, const RecursionMap& map) {
  const auto run = runs_.find({KeyOf(process), goroutine, 0});
  if (run == runs_.end()) return;
  Story& story = stories_.at(run->second.story);
  if (story.shown != run->first || story.event.map == map) return;
  const bool first = !story.event.map || story.event.map->address != map.address || story.event.map->type != map.type;
  story.event.map = map;
  story.changed = true;
  // Told at once, as names are.
  story.renamed |= first;
}

// The story shows its worst stack; of those of one grade that of the newest process, and of these the deepest.
bool Detector::IsShown(const Story& story, const RunKey& key, const Run& run) const {
  const auto shown = runs_.find(story.shown);
  if (shown == runs_.end() || shown->first == key || shown->second.story != run.story) return true;
  const auto rank = [](const Run& one) { return std::tuple(one.grade, one.process.start_time_ns, one.last_bytes); };
  return rank(run) >= rank(shown->second);
}

void Detector::Show(Run& run, const RecursionReading& reading, const Cycle& cycle) {
  Story& story = stories_.at(run.story);
  RecursionEvent& event = story.event;
  const RunKey key = KeyOf(reading);
  if (event.state != RecursionState::kActive) {
    // The evidence of an end stays until another stack grows; what a process does while it dies is no other.
    const bool died = event.state != RecursionState::kEnded;
    if (run.grade == RecursionGrade::kObserved || (died && reading.process == event.process)) return;
    // It may have grown beside the one that died, and end in peace.
    if (died && !story.before) story.before = event;
    event.state = RecursionState::kActive;
    event.grade = RecursionGrade::kObserved;
    story.shown = key;
  }
  event.last_seen = std::max(event.last_seen, reading.wall);
  if (run.grade > event.grade) SetGrade(story, run.grade, run.why, reading.wall);
  if (!IsShown(story, key, run) && !IsOverflow(reading)) {
    TellInPassing(story, run, reading, cycle);
    return;
  }
  story.shown = key;
  story.changed = true;
  if (cycle.named || story.provisional) {
    event.cycle = cycle.functions;
    event.advice = AdviceFor(cycle);
  }
  Describe(event, run, reading, cycle);
  if (run.grade == RecursionGrade::kProjected) event.reason = run.why;
}

// Whoever dies is the one that the story is about.
void Detector::ShowDead(Story& story, const RunKey& key, const Run& run) {
  RecursionEvent& event = story.event;
  if (KeyOf(event.process) == KeyOf(run.process)) return;
  event.map.reset();
  story.shown = key;
  event.process = run.process;
  event.tid = run.tid;
  event.goroutine = std::get<1>(key);
  event.stack_bytes = run.last_bytes;
  event.stack_limit_bytes = run.limit_bytes;
}

// Another process does the same beside the one that the story shows: whoever watches is told, once for each grade.
void Detector::TellInPassing(Story& story, Run& run, const RecursionReading& reading, const Cycle& cycle) {
  if (reading.process.pid == story.event.process.pid || (run.told && run.grade <= *run.told)) return;
  if (run.grade == RecursionGrade::kObserved && reading.time - story.passed < options_.emit_gap) return;
  story.passed = reading.time;
  run.told = run.grade;
  RecursionEvent event = story.event;
  event.grade = run.grade;
  event.reason = run.why.empty() ? "another process of the same story" : run.why;
  Describe(event, run, reading, cycle);
  due_.push_back({.event = std::move(event), .transition = true, .passing = true});
}

void Detector::Describe(RecursionEvent& event, const Run& run, const RecursionReading& reading, const Cycle& cycle) {
  if (KeyOf(event.process) != KeyOf(reading.process)) event.map.reset();
  event.process = reading.process;
  event.tid = reading.tid;
  event.goroutine = reading.goroutine;
  event.entry = cycle.entry;
  event.root = cycle.root;
  event.depth = reading.stack.Depth();
  event.depth_exact = !reading.stack.DepthEstimated() && !reading.stack.truncated;
  event.depth_error.reset();
  // Two standard errors, of frames whose sizes vary as much as their mean: that goes with the root of their number.
  if (reading.stack.DepthEstimated() && reading.sampled_frames > 0) {
    event.depth_error = static_cast<uint64_t>(2 * static_cast<double>(event.depth) / std::sqrt(reading.sampled_frames));
  }
  event.stack_bytes = reading.stack_bytes;
  event.stack_limit_bytes = reading.limit.bytes;
  event.limit_reason = reading.limit.reason;
  event.growth_bytes_per_second = run.growth;
  event.seconds_to_overflow.reset();
  if (run.growth > 0 && reading.limit.bytes > reading.stack_bytes) {
    event.seconds_to_overflow = static_cast<double>(reading.limit.bytes - reading.stack_bytes) / run.growth;
  }
  event.trigger = reading.trigger;
  event.positions_verified = reading.positions_verified;
}

void Detector::Restore(std::vector<RecursionEvent> events, const std::function<bool(const Process&)>& lives,
                       WallTime now) {
  for (RecursionEvent& event : events) {
    uint64_t number = 0;
    for (const char c : event.id) number = number << 4 | (c <= '9' ? c - '0' : c - 'a' + 10);
    if (IdOf(number) != event.id || stories_.contains(number) || stories_.size() >= options_.max_stories) continue;
    by_identity_.emplace(event.identity, number);
    Story& story = stories_[number];
    story.event = std::move(event);
    // Whose it was is not known: each is a party of its own, and none is the largest.
    story.owner = story.event.process.container.id.empty() ? story.event.id : story.event.process.container.id;
    story.begun = true;
    story.restored = now;
    story.provisional = std::ranges::any_of(story.event.cycle, [](const CodeFrame& one) { return IsPlace(one.name); });
    if (story.event.state != RecursionState::kActive || lives(story.event.process)) continue;
    SetState(story, RecursionState::kEnded, "profd was not running when its process ended", now, std::nullopt);
  }
}

std::vector<RecursionChange> Detector::TakeChanges(BootTime now) {
  std::vector<RecursionChange> changes = std::exchange(due_, {});
  for (auto& [number, story] : stories_) {
    const bool at_once = story.transition || story.renamed;
    if (!story.changed || (!at_once && now - story.emitted < options_.emit_gap)) continue;
    changes.push_back({.event = story.event,
                       .transition = story.transition,
                       .renamed = story.renamed,
                       .passing = story.before.has_value()});
    story.changed = story.transition = story.renamed = false;
    story.emitted = now;
  }
  return changes;
}

std::vector<RecursionEvent> Detector::Events() const {
  std::vector<RecursionEvent> events;
  for (const auto& [number, story] : stories_) events.push_back(story.event);
  std::ranges::stable_sort(events, std::greater(), &RecursionEvent::last_seen);
  return events;
}

}  // namespace profd
