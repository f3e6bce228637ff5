// A daemon without a kernel: each flip closes a segment that the test describes, into a real store.
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <iterator>
#include <list>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "pprof/pprof.h"
#include "profile/profile_builder.h"
#include "query/backend.h"
#include "storage/profile_store.h"

namespace profd::testing {

/// Stands still until it is moved.
class FakeClock final : public Clock {
 public:
  BootTime Boot() const override { return now_.load().time_since_epoch() - std::chrono::hours(1); }
  WallTime Wall() const override { return now_; }
  void Advance(std::chrono::nanoseconds by) { now_ = now_.load() + by; }

 private:
  std::atomic<WallTime> now_{WallTime(std::chrono::seconds(1'800'000'000))};
};

/// What one process did in a segment. `stacks`: function names, root first, with their ticks.
struct FakeProcess {
  Process process;
  std::chrono::nanoseconds cpu{};
  std::vector<std::pair<std::vector<std::string>, uint64_t>> stacks;
  uint64_t leaf_cycle_repeats = 0;  ///< more than 0: the frame below each leaf stands so often
  bool exited = false;
};

inline CallStack BuildStack(ProfileBuilder& builder, const std::vector<std::string>& root_first, uint64_t repeats) {
  CallStack stack;
  for (auto name = root_first.rbegin(); name != root_first.rend(); ++name) {
    const uint32_t function =
        builder.AddFunction({.name = *name, .system_name = *name, .file = "/src/" + *name + ".go", .start_line = 10});
    stack.locations.push_back(
        builder.AddLocation({.address = 0x1000 + std::hash<std::string>()(*name) % 4096, .lines = {{function, 12}}}));
  }
  if (repeats > 0 && stack.locations.size() > 1) stack.folds.push_back({.first = 1, .length = 1, .repeats = repeats});
  return stack;
}

inline Segment BuildSegment(WallTime start, WallTime end, const std::vector<FakeProcess>& processes,
                            OutcomeCounts outcomes = {}) {
  const std::chrono::nanoseconds period = std::chrono::milliseconds(10);
  ProfileBuilder builder;
  Segment segment{.start = start, .end = end, .period = period, .outcomes = std::move(outcomes)};
  for (const FakeProcess& fake : processes) {
    const uint32_t process = builder.AddProcess(fake.process);
    ProcessUsage usage{.process = fake.process, .cpu = fake.cpu, .exited = fake.exited};
    for (const auto& [names, count] : fake.stacks) {
      Sample sample{.process = process, .tid = fake.process.pid, .count = count, .stack_bytes = 4096};
      sample.stack = BuildStack(builder, names, fake.leaf_cycle_repeats);
      usage.samples += count;
      usage.deepest_frames = std::max(usage.deepest_frames, sample.stack.Depth());
      usage.deepest_stack_bytes = std::max(usage.deepest_stack_bytes, sample.stack_bytes);
      builder.AddSample(std::move(sample));
    }
    segment.usage.push_back(std::move(usage));
  }
  builder.SetTime(start, end - start, period);
  segment.profile = pprof::Encode(builder.Build());
  return segment;
}

/// A story of one process, of the function "main.(*Config).Get".
inline RecursionEvent BuildStory(std::string id, const Process& process, WallTime seen) {
  RecursionEvent story;
  story.id = std::move(id);
  story.grade = RecursionGrade::kProjected;
  story.process = process;
  story.tid = process.pid;
  story.cycle = {{.name = "main.(*Config).Get", .file = "/src/config.go", .line = 42}};
  story.depth = 100'000;
  story.stack_bytes = 32 << 20;
  story.first_seen = story.last_seen = seen;
  return story;
}

class FakeBackend final : public Backend {
 public:
  explicit FakeBackend(const Clock* clock)
      : clock_(clock), store_(MakeMemoryProfileStore(64 << 20, std::chrono::hours(24))), last_end_(clock->Wall()) {}

  void ExplainMissingSymbols(std::vector<ProcessListEntry>&) const override {}
  std::shared_ptr<void> Note(const GoDetail&) override {
    ++detail_users;
    return {this, [](FakeBackend* backend) { --backend->detail_users; }};
  }
  std::atomic<int> detail_users = 0;

  absl::StatusOr<WallTime> Flip() override {
    std::lock_guard lock(mutex_);
    ++flips;
    const WallTime now = clock_->Wall();
    if (now <= last_end_) return last_end_;
    RETURN_IF_ERROR(store_->Append(BuildSegment(last_end_, now, running, outcomes)));
    return last_end_ = now;
  }
  const ProfileStore& store() const override { return *store_; }
  std::vector<ProcessListEntry> Processes() const override {
    std::lock_guard lock(mutex_);
    return known;
  }
  bool ProcessExists(uint32_t pid) const override {
    std::lock_guard lock(mutex_);
    return existing.contains(pid);
  }
  std::vector<RecursionEvent> Recursion() const override {
    std::lock_guard lock(mutex_);
    return stories;
  }
  std::shared_ptr<void> WatchRecursion(std::function<void(const RecursionEvent&)> sink) override {
    std::lock_guard lock(watch_mutex_);
    sinks_.push_back(std::move(sink));
    const auto place = std::prev(sinks_.end());
    return {this, [place](FakeBackend* backend) {
              std::lock_guard lock(backend->watch_mutex_);
              backend->sinks_.erase(place);
            }};
  }
  MapAnswer MapSites(const Process&) override {
    std::lock_guard lock(mutex_);
    return maps;
  }
  std::vector<ProcessMapRate> MapRates() const override { return map_rates; }
  std::vector<ProcessMapRate> map_rates;
  absl::StatusOr<bool> SetProbes(bool on) override {
    std::lock_guard lock(mutex_);
    return std::exchange(status.probes_on, on);
  }
  DaemonStatus Status() const override {
    std::lock_guard lock(mutex_);
    return status;
  }
  bool ready() const override { return is_ready; }

  ProfileStore& mutable_store() { return *store_; }
  /// A change of a story, told to all that watch.
  void Tell(const RecursionEvent& event) {
    std::lock_guard lock(watch_mutex_);
    for (const auto& sink : sinks_) sink(event);
  }
  size_t watchers() const {
    std::lock_guard lock(watch_mutex_);
    return sinks_.size();
  }

  // What the next flips will find, and what is known. Set before other threads use the backend.
  std::vector<FakeProcess> running;
  OutcomeCounts outcomes;
  std::vector<ProcessListEntry> known;
  std::set<uint32_t> existing;
  std::vector<RecursionEvent> stories;
  MapAnswer maps;
  DaemonStatus status;
  std::atomic<bool> is_ready{true};
  std::atomic<int> flips{0};

 private:
  const Clock* clock_;
  std::unique_ptr<ProfileStore> store_;
  mutable std::mutex mutex_;
  WallTime last_end_;
  mutable std::mutex watch_mutex_;
  std::list<std::function<void(const RecursionEvent&)>> sinks_;
};

}  // namespace profd::testing
