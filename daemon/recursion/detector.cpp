#include "recursion/detector.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>

#include "recursion/advice.h"

namespace profd {
namespace {

// Growth is what was added in the last while. Shorter would be wrong: a Go stack stands still while it is moved.
constexpr std::chrono::milliseconds kRecentTime{1000}, kRecentGap{20};
// What is only observed is looked at more often while it gets deeper by a quarter within a second; what grows, as long
// as it does at all.
constexpr double kProgress = 1.25;
constexpr std::chrono::seconds kProgressTime{1}, kGrowingProgressTime{5};

// Memory that is nearly full makes each stack a large part of what is left; it is not the stack that fills it.
bool Matters(uint64_t stack_bytes, const RecursionReading& reading) {
  constexpr uint64_t kLeastPart = 64;
  const bool by_memory = reading.room && reading.limit.reason == reading.room->reason;
  return !by_memory || stack_bytes >= reading.room->limit_bytes / kLeastPart;
}

// Of signals, those that a fault raises, or the program itself to say that it gives up.
bool IsCrash(uint32_t signal) {
  return signal == SIGSEGV || signal == SIGBUS || signal == SIGABRT || signal == SIGILL || signal == SIGFPE ||
         signal == SIGTRAP || signal == SIGSYS;
}

double Seconds(BootTime time) { return std::chrono::duration<double>(time).count(); }

std::string Bytes(uint64_t bytes) {
  if (bytes < 1 << 20) return fmt::format("{:.0f} KiB", static_cast<double>(bytes) / 1024);
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
}

std::string Milliseconds(BootTime time) {
  return Seconds(time) < 1 ? fmt::format("{:.1f} ms", Seconds(time) * 1000) : fmt::format("{:.1f} s", Seconds(time));
}

}  // namespace

Detector::Run* Detector::FindRun(const RecursionReading& reading) {
  const auto found = runs_.find(KeyOf(reading));
  return found == runs_.end() ? nullptr : &found->second;
}

bool Detector::OnReading(const RecursionReading& reading) {
  const RunKey key = KeyOf(reading);
  if (dying_.contains(std::get<0>(key))) return false;
  if (!reading.fatal && ended_.contains(std::get<0>(key))) return false;
  const std::optional<Cycle> cycle = FindCycle(reading.stack);
  Run* run = FindRun(reading);
  if (run != nullptr && reading.time < run->last) return false;  // CPUs tell in any order
  if (!cycle) {
    // A stack that could not be read says nothing.
    if (run != nullptr && !reading.stack.truncated) {
      EndRun(key, RecursionState::kEnded, fmt::format("it came back, to {} of stack", Bytes(reading.stack_bytes)),
             reading.wall, reading.wall);
    }
    return false;
  }
  if (run != nullptr && reading.stack_bytes < run->max_bytes / 2) {
    EndRun(key, RecursionState::kEnded,
           fmt::format("it came back, from {} of stack to {}", Bytes(run->max_bytes), Bytes(reading.stack_bytes)),
           reading.wall, reading.wall);
    run = nullptr;
  }
  if (run != nullptr && !stories_.at(run->story).provisional && cycle->named &&
      !cycle->SharesFunctionWith(stories_.at(run->story).event.cycle)) {
    EndRun(key, RecursionState::kEnded, "another recursion has begun on its stack", reading.wall, reading.wall);
    run = nullptr;
  }
  if (run == nullptr) run = BeginRun(reading, *cycle);
  if (run == nullptr) return false;
  if (cycle->named && stories_.at(run->story).provisional) Name(run->story, *cycle);
  Measure(*run, reading);
  Judge(*run, reading);
  Show(*run, reading, *cycle);
  Die(key, reading);
  return !cycle->all_named;
}

Detector::Run* Detector::BeginRun(const RecursionReading& reading, const Cycle& cycle) {
  if (!MakeRoom(reading.time, reading.fatal)) return nullptr;
  const uint64_t number = StoryOf(reading, cycle);
  Run& run = runs_[KeyOf(reading)];
  run = {.story = number, .process = reading.process, .tid = reading.tid, .first = reading.time};
  run.go_runtime = reading.go_runtime || reading.goroutine != 0;
  run.progress = reading.time;
  run.doubling_bytes = run.progress_bytes = reading.stack_bytes;
  Story& story = stories_.at(number);
  RecursionEvent& event = story.event;
  // What profd's earlier life saw goes on.
  const bool goes_on = event.state == RecursionState::kActive && story.restored != WallTime{} &&
                       KeyOf(event.process) == KeyOf(reading.process) && event.goroutine == reading.goroutine;
  const std::optional<RecursionEvent> before = story.begun ? std::optional(event) : std::nullopt;
  if (story.begun && !goes_on) ++event.occurrences;
  story.restored = {};
  if (story.active_runs++ > 0) return &run;
  // What has not been told yet of the occurrence before.
  if (story.transition) due_.push_back({.event = before.value_or(event), .transition = true});
  if (goes_on) {
    run.grade = event.grade;
    return &run;
  }
  story.before = before;
  if (!story.begun) event.first_seen = reading.wall;
  story.begun = true;
  event.grade = RecursionGrade::kObserved;
  event.state = RecursionState::kActive;
  event.map.reset();
  event.reason = "a cycle stands on a stack at least three times";
  story.changed = story.transition = true;
  story.shown = KeyOf(reading);
  return &run;
}

void Detector::Measure(Run& run, const RecursionReading& reading) {
  const uint64_t bytes = reading.stack_bytes;
  run.rises = run.last != BootTime{} && bytes > run.last_bytes ? run.rises + 1 : 0;
  if (bytes >= 2 * run.doubling_bytes) {
    for (uint64_t next = 2 * run.doubling_bytes; next != 0 && next <= bytes; next *= 2) {
      run.doubling_bytes = next;
      // One reading is one doubling, whatever was between it and the last.
      if (next > bytes / 2) ++run.doublings;
    }
  }
  run.max_bytes = std::max(run.max_bytes, bytes);
  const double needed = run.grade == RecursionGrade::kObserved ? kProgress : 1;
  if (static_cast<double>(bytes) > needed * static_cast<double>(run.progress_bytes)) {
    run.progress = reading.time;
    run.progress_bytes = bytes;
  }
  if (run.recent.empty() || reading.time - run.recent.back().first >= kRecentGap) {
    run.recent.emplace_back(reading.time, bytes);
  }
  // One that is older stays, for a stack that is seldom looked at.
  while (run.recent.size() > 2 && reading.time - run.recent[1].first > kRecentTime) run.recent.pop_front();
  const BootTime span = reading.time - run.recent.front().first;
  const double grown = static_cast<double>(bytes) - static_cast<double>(run.recent.front().second);
  run.growth = span > BootTime{0} ? std::max(grown / Seconds(span), 0.0) : 0;
  run.last = reading.time;
  run.last_bytes = bytes;
  run.limit_bytes = reading.limit.bytes;
}

bool Detector::IsGrowing(const Run& run) {
  return run.doublings >= options_.growing_doublings || run.rises >= options_.growing_rises;
}

// Its own limit, or what all growing stacks of the process together leave of its memory.
std::optional<std::string> Detector::WhyProjected(const Run& run, const RecursionReading& reading) const {
  const double limit = static_cast<double>(reading.limit.bytes), bytes = static_cast<double>(run.last_bytes);
  if (run.growth <= 0 || run.last_bytes < run.max_bytes) return std::nullopt;
  if (limit > 0 && bytes > options_.projected_share * limit && Matters(run.last_bytes, reading)) {
    const double left = std::max(limit - bytes, 0.0) / run.growth;
    if (left > std::chrono::duration<double>(options_.horizon).count()) return std::nullopt;
    return fmt::format("{} of {} ({}) in use, {}/s more: full in {:.1f} s unless it returns", Bytes(run.last_bytes),
                       Bytes(reading.limit.bytes), reading.limit.reason, Bytes(static_cast<uint64_t>(run.growth)),
                       left);
  }
  return WhyShareOfMemory(run, reading);
}

std::optional<std::string> Detector::WhyShareOfMemory(const Run& run, const RecursionReading& reading) const {
  if (!reading.room) return std::nullopt;
  double together = 0, growth = 0;
  size_t stacks = 0;
  const ProcessKey process = KeyOf(run.process);
  for (auto it = runs_.lower_bound({process, 0, 0}); it != runs_.end() && std::get<0>(it->first) == process; ++it) {
    const Run& other = it->second;
    if (other.grade < RecursionGrade::kGrowing || reading.time - other.last > kRecentTime) continue;
    together += static_cast<double>(other.last_bytes);
    growth += other.growth;
    ++stacks;
  }
  const double all = together + static_cast<double>(reading.room->left_bytes);
  if (stacks < 2 || together <= options_.projected_share * all || growth <= 0) return std::nullopt;
  if (!Matters(static_cast<uint64_t>(together), reading)) return std::nullopt;
  const double left = (all - together) / growth;
  if (left > std::chrono::duration<double>(options_.horizon).count()) return std::nullopt;
  return fmt::format("{} growing stacks have {} of the {} that {} leaves them, {}/s more: gone in {:.1f} s", stacks,
                     Bytes(static_cast<uint64_t>(together)), Bytes(static_cast<uint64_t>(all)), reading.room->reason,
                     Bytes(static_cast<uint64_t>(growth)), left);
}

void Detector::Judge(Run& run, const RecursionReading& reading) {
  if (run.grade < RecursionGrade::kGrowing && IsGrowing(run)) {
    run.grade = RecursionGrade::kGrowing;
    run.why = run.doublings >= options_.growing_doublings
                  ? fmt::format("its stack doubled {} times in {}, to {}", run.doublings,
                                Milliseconds(run.last - run.first), Bytes(run.last_bytes))
                  : fmt::format("its stack was deeper at each of {} looks in {}, now {}", run.rises + 1,
                                Milliseconds(run.last - run.first), Bytes(run.last_bytes));
  }
  if (run.grade < RecursionGrade::kGrowing) return;
  if (auto why = WhyProjected(run, reading)) {
    run.grade = RecursionGrade::kProjected;
    run.why = *std::move(why);
  } else if (run.grade == RecursionGrade::kProjected && reading.time - run.progress > kGrowingProgressTime) {
    // It stands still: that is no way to overflow.
    run.grade = RecursionGrade::kGrowing;
    run.why = fmt::format("its stack has not grown for {}", Milliseconds(reading.time - run.progress));
    Story& story = stories_.at(run.story);
    if (story.event.state == RecursionState::kActive && story.event.grade == RecursionGrade::kProjected &&
        WorstGradeOf(run.story) < RecursionGrade::kProjected) {
      LowerGrade(story, RecursionGrade::kGrowing, run.why, reading.wall);
    }
  }
}

// A fault elsewhere is another bug's, however deep the stack is.
bool Detector::IsOverflow(const RecursionReading& reading) {
  return reading.trigger == RecursionTrigger::kFatalError ||
         (reading.trigger == RecursionTrigger::kFatalSignal && reading.fault_at_stack_pointer);
}

// The death that this reading is about.
void Detector::Die(const RunKey& key, const RecursionReading& reading) {
  if (reading.trigger != RecursionTrigger::kFatalSignal && reading.trigger != RecursionTrigger::kFatalError) return;
  Run& run = runs_.at(key);
  run.fault_elsewhere = !IsOverflow(reading);
  if (run.fault_elsewhere) return;
  run.fault_at_limit = true;
  if (!reading.fatal) return;  // a handler may save it; its end will tell
  const std::string why =
      reading.trigger == RecursionTrigger::kFatalError
          ? fmt::format("the Go runtime gave up: stack overflow at {}", Bytes(reading.stack_bytes))
          : fmt::format("a fault at the end of its stack, {} of {} in use", Bytes(reading.stack_bytes),
                        reading.limit.bytes ? Bytes(reading.limit.bytes) : "an unknown limit");
  SetGrade(stories_.at(run.story), RecursionGrade::kProjected, why, reading.wall);
  run.grade = RecursionGrade::kProjected;
  EndRun(key, RecursionState::kCrashed, why, reading.wall, reading.wall);
  if (dying_.size() < options_.max_runs) dying_.insert(std::get<0>(key));
}

void Detector::EndRun(const RunKey& key, RecursionState state, const std::string& why, WallTime wall,
                      std::optional<WallTime> seen) {
  const auto found = runs_.find(key);
  const uint64_t number = found->second.story;
  Story& story = stories_.at(number);
  if (state != RecursionState::kEnded) ShowDead(story, key, found->second);
  runs_.erase(found);
  if (story.active_runs > 0) --story.active_runs;
  // A death is the process's, and so that of all its stacks.
  if (story.active_runs > 0 && state == RecursionState::kEnded) {
    EndOfOneOfSeveral(story, number, why, wall);
  } else {
    SetState(story, state, why, wall, seen);
  }
}

// The story is as bad as the worst stack that is left; where that is only observed, it is over, with what is known of
// it.
void Detector::EndOfOneOfSeveral(Story& story, uint64_t number, const std::string& why, WallTime wall) {
  if (story.event.state != RecursionState::kActive || story.event.grade == RecursionGrade::kObserved) return;
  const RecursionGrade worst = WorstGradeOf(number);
  if (worst == story.event.grade) return;
  if (worst == RecursionGrade::kObserved) {
    SetState(story, RecursionState::kEnded, why, wall, wall);
  } else {
    LowerGrade(story, worst, why, wall);
  }
}

RecursionGrade Detector::WorstGradeOf(uint64_t story) const {
  RecursionGrade worst = RecursionGrade::kObserved;
  for (const auto& [key, run] : runs_) {
    if (run.story == story) worst = std::max(worst, run.grade);
  }
  return worst;
}

std::vector<Detector::RunKey> Detector::RunsOf(const ProcessKey& process) const {
  std::vector<RunKey> keys;
  for (auto it = runs_.lower_bound({process, 0, 0}); it != runs_.end() && std::get<0>(it->first) == process; ++it) {
    keys.push_back(it->first);
  }
  return keys;
}

void Detector::OnOomKill(uint32_t tgid, uint32_t tid, BootTime time) {
  constexpr size_t kMostVictims = 64;
  if (victims_.size() == kMostVictims) victims_.erase(victims_.begin());
  victims_.push_back({.tgid = tgid, .tid = tid, .time = time});
}

bool Detector::WasOomKilled(const ProcessKey& process, const std::vector<RunKey>& keys) {
  const uint32_t pid = std::get<0>(process);
  return std::erase_if(victims_, [&](const Victim& victim) {
           if (victim.tgid != 0) return victim.tgid == pid;
           const auto has_thread = [&](const RunKey& key) { return runs_.at(key).tid == victim.tid; };
           return victim.tid == pid || std::ranges::any_of(keys, has_thread);
         }) > 0;
}

void Detector::OnProcessEnd(const ProcessEnd& end) {
  constexpr uint32_t kSignalMask = 0x7f;
  constexpr std::chrono::seconds kJustBefore{3};
  constexpr uint32_t kGoFatal = 2;  // what the Go runtime exits with after a fatal error
  const ProcessKey process = KeyOf(end.process);
  const std::vector<RunKey> keys = RunsOf(process);
  const bool oom_killed = WasOomKilled(process, keys);
  const uint32_t signal = end.exit_code & kSignalMask, status = end.exit_code >> 8 & 0xff;
  const bool looked_at = dying_.erase(process) > 0 || !keys.empty();
  if (looked_at && ended_.size() < options_.max_runs) ended_[process] = end.time;
  for (const RunKey& key : keys) {
    const Run& run = runs_.at(key);
    const bool grown = run.grade >= RecursionGrade::kGrowing;
    // A look long ago says nothing of the end.
    const bool full = run.limit_bytes != 0 && run.last_bytes > run.limit_bytes / 2 && !run.fault_elsewhere &&
                      end.time - run.last < kJustBefore;
    const bool go_fatal = run.go_runtime && status == kGoFatal;
    std::string why = end.replaced ? "its process has become another program"
                      : signal     ? fmt::format("its process was ended by signal {}", signal)
                                   : fmt::format("its process exited with {}", status);
    RecursionState state = RecursionState::kEnded;
    if (oom_killed && grown) {
      state = RecursionState::kOomKilled;
      stories_.at(run.story).event.trigger = RecursionTrigger::kOomKill;
      why = "the OOM killer ended its process";
    } else if (run.fault_at_limit && (IsCrash(signal) || go_fatal)) {
      state = RecursionState::kCrashed;
      why = go_fatal ? "a fault at the end of its stack, for which the Go runtime ended its process"
                     : fmt::format("a fault at the end of its stack, then signal {}", signal);
      SetGrade(stories_.at(run.story), RecursionGrade::kProjected, why, end.wall);
    } else if (grown && full && (IsCrash(signal) || go_fatal)) {
      state = RecursionState::kCrashed;
      if (!signal) why += ", as the Go runtime does after a fatal error";
    }
    EndRun(key, state, why, end.wall, end.wall);
  }
}

void Detector::OnTime(BootTime now, WallTime wall) {
  std::vector<RunKey> unseen;
  for (const auto& [key, run] : runs_) {
    if (now - run.last > options_.unseen) unseen.push_back(key);
  }
  for (const RunKey& key : unseen) {
    EndRun(key, RecursionState::kEnded, NotSeen(), wall, std::nullopt);
  }
  std::erase_if(victims_, [&](const Victim& victim) { return now - victim.time > std::chrono::minutes(1); });
  std::erase_if(ended_, [&](const auto& ended) { return now - ended.second > options_.unseen; });
  for (auto& [number, story] : stories_) {
    const bool restored = story.restored != WallTime{} && story.event.state == RecursionState::kActive;
    if (restored && wall - story.restored > options_.unseen) {
      SetState(story, RecursionState::kEnded, NotSeen(), wall, std::nullopt);
    }
  }
  std::vector<uint64_t> forgotten;
  for (const auto& [number, story] : stories_) {
    const bool only_observed = story.event.grade == RecursionGrade::kObserved && !story.before;
    if (only_observed && story.active_runs == 0 && wall - story.event.last_seen > options_.observed_kept) {
      forgotten.push_back(number);
    }
  }
  for (const uint64_t number : forgotten) Forget(number, "it never grew");
}

std::vector<Process> Detector::Suspects(BootTime now) const {
  std::vector<const Run*> worst;
  for (const auto& [key, run] : runs_) {
    const auto patience = run.grade == RecursionGrade::kObserved ? kProgressTime : kGrowingProgressTime;
    if (now - run.progress <= patience) worst.push_back(&run);
  }
  std::ranges::sort(worst, std::greater(), [](const Run* run) { return std::pair(run->grade, run->progress); });
  std::vector<Process> suspects;
  std::set<ProcessKey> taken;
  for (const Run* run : worst) {
    if (suspects.size() == options_.max_suspects) break;
    if (taken.insert(KeyOf(run->process)).second) suspects.push_back(run->process);
  }
  return suspects;
}

// A stack that was seen just now gives way to none: taking turns, no stack would be seen twice.
bool Detector::MakeRoom(BootTime now, bool for_a_death) {
  constexpr std::chrono::milliseconds kLookAgain{100};
  constexpr std::chrono::seconds kJustNow{1};
  if (runs_.size() < options_.max_runs) return true;
  if (now < full_until_ && !for_a_death) return false;
  const auto oldest = std::ranges::min_element(runs_, {}, [](const auto& run) { return run.second.last; });
  if (now - oldest->second.last < kJustNow && !for_a_death) {
    full_until_ = now + kLookAgain;
    return false;
  }
  const RunKey key = oldest->first;
  EndRun(key, RecursionState::kEnded, "there are too many to follow", stories_.at(oldest->second.story).event.last_seen,
         std::nullopt);
  return true;
}

std::string Detector::NotSeen() const { return fmt::format("not seen for {} s", options_.unseen.count()); }

}  // namespace profd
