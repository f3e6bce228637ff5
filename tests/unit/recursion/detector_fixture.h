// A detector with a clock, and looks at stacks for it.
#pragma once

#include <gmock/gmock.h>

#include <algorithm>
#include <initializer_list>
#include <ostream>

#include "recursion/detector.h"
#include "stack_of.h"

namespace profd {

inline void PrintTo(RecursionGrade grade, std::ostream* out) { *out << ToWord(grade); }
inline void PrintTo(RecursionState state, std::ostream* out) { *out << ToWord(state); }

inline constexpr uint64_t kKiB = 1 << 10, kMiB = 1 << 20;
inline constexpr uint32_t kSegv = 11, kTerm = 15, kKill = 9;  // as wait() has a death by a signal
inline constexpr uint32_t Exited(uint32_t status) { return status << 8; }

inline Process ProcessOf(uint32_t pid) {
  return {.pid = pid, .start_time_ns = 1'000'000 * uint64_t{pid}, .exec_id = 1, .command = "demo", .container = {}};
}

/// main.(*Config).Get that calls itself.
inline StackOf Runaway() {
  return StackOf({"runtime.memmove"})
      .Then({"main.(*Config).Get"})
      .Repeat(1000)
      .Then({"main.handle", "main.main", "runtime.main"});
}
inline StackOf Flat() { return StackOf({"main.handle", "main.main", "runtime.main"}); }

/// A goroutine in that recursion, of at most 512 MiB.
inline RecursionReading Goroutine(uint64_t id = 7, uint32_t pid = 1) {
  return {.process = ProcessOf(pid),
          .tid = 100 + pid,
          .goroutine = id,
          .stack = Runaway(),
          .limit = {.bytes = 512 * kMiB, .reason = "goroutine stack limit"},
          .room = {}};
}

/// A thread of a native program in that recursion, of at most 8 MiB.
inline RecursionReading Thread(uint32_t tid = 11, uint32_t pid = 1) {
  RecursionReading reading = Goroutine(0, pid);
  reading.tid = tid;
  reading.limit = {.bytes = 8 * kMiB, .reason = "RLIMIT_STACK"};
  return reading;
}

class DetectorFixture : public ::testing::Test {
 public:
  static WallTime WallOf(BootTime time) { return WallTime(std::chrono::hours(24 * 20000)) + time; }

  /// Looks at a stack that is so deep, and lets `step` pass.
  void Look(RecursionReading reading, uint64_t stack_bytes) {
    reading.time = now;
    reading.wall = WallOf(now);
    reading.stack_bytes = stack_bytes;
    detector.OnReading(reading);
    now += step;
  }
  void LookAtEach(const RecursionReading& reading, std::initializer_list<uint64_t> stack_bytes) {
    for (const uint64_t bytes : stack_bytes) Look(reading, bytes);
  }
  /// Three doublings, to 1/2048 of a goroutine's limit.
  void Grow(const RecursionReading& reading) { LookAtEach(reading, {32 * kKiB, 64 * kKiB, 128 * kKiB, 256 * kKiB}); }
  /// Doublings to half of a goroutine's limit.
  void RunAway(const RecursionReading& reading) {
    for (uint64_t bytes = 32 * kKiB; bytes <= 256 * kMiB; bytes *= 2) Look(reading, bytes);
  }
  /// The look of the runtime that gives up.
  void Overflow(RecursionReading reading) {
    reading.trigger = RecursionTrigger::kFatalError;
    reading.fatal = true;
    Look(reading, 511 * kMiB);
  }
  /// A fault in a thread of 8 MiB, while so much is in use.
  void Fault(RecursionReading reading, uint64_t stack_bytes, bool fatal = true) {
    reading.trigger = RecursionTrigger::kFatalSignal;
    reading.fatal = fatal;
    reading.fault_at_stack_pointer |= stack_bytes >= 6 * kMiB;
    Look(reading, stack_bytes);
  }
  void End(uint32_t pid, uint32_t exit_code) {
    ProcessEnd end{.process = ProcessOf(pid), .time = now, .wall = WallOf(now), .exit_code = exit_code};
    end.process.command.clear();  // nobody knows it any more
    detector.OnProcessEnd(end);
  }
  void Pass(std::chrono::milliseconds time) {
    now += time;
    detector.OnTime(now, WallOf(now));
  }

  /// The story, if it is the only one.
  RecursionEvent Story() const {
    const std::vector<RecursionEvent> events = detector.Events();
    EXPECT_EQ(events.size(), 1u);
    return events.empty() ? RecursionEvent() : events.front();
  }
  RecursionGrade Grade() const { return Story().grade; }
  RecursionState State() const { return Story().state; }
  size_t Changes() { return detector.TakeChanges(now).size(); }

  Detector detector;
  BootTime now = std::chrono::seconds(1000);
  std::chrono::nanoseconds step = std::chrono::milliseconds(10);
};

}  // namespace profd
