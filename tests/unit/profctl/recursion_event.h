// A recursion story to begin with, for tests that change what they are about.
#pragma once

#include "profctl/answer_text.h"
#include "profd/v1/profiler.pb.h"

namespace profd::testing {

inline constexpr WallTime kStoryEnd{std::chrono::seconds(1'800'000'000)};  // 2027-01-15T08:00:00Z

inline void AddFrame(google::protobuf::RepeatedPtrField<v1::CodeFrame>& frames, const std::string& name,
                     const std::string& file = "", int64_t line = 0) {
  v1::CodeFrame& frame = *frames.Add();
  frame.set_name(name);
  frame.set_file(file);
  frame.set_line(line);
}

/// `main.(*Config).Get` calls itself, 3.8 s before it dies; last seen at kStoryEnd.
inline v1::RecursionEvent Runaway() {
  v1::RecursionEvent event;
  event.set_id("9f3c12ab00000001");
  event.set_grade("projected");
  event.set_state("active");
  event.set_pid(30321);
  event.set_command("orders");
  event.set_tid(30325);
  event.set_goroutine(7);
  AddFrame(*event.mutable_cycle(), "main.(*Config).Get", "config.go", 42);
  AddFrame(*event.mutable_entry(), "main.handle", "server.go", 10);
  AddFrame(*event.mutable_root(), "main.main", "main.go", 5);
  event.set_depth(3532112);
  event.set_depth_exact(true);
  event.set_stack_bytes(169554739);
  event.set_stack_limit_bytes(512u << 20);
  event.set_limit_reason("goroutine stack limit");
  event.set_growth_bytes_per_second(92.1 * 1024 * 1024);
  event.set_seconds_to_overflow(3.8);
  *event.mutable_first_seen() = profctl::FromWall(kStoryEnd - std::chrono::milliseconds(1750));
  *event.mutable_last_seen() = profctl::FromWall(kStoryEnd);
  event.set_trigger("sample");
  event.set_reason("a third of the limit is in use");
  event.set_positions_verified(41);
  event.set_occurrences(1);
  event.set_advice("a guard belongs into main.(*Config).Get");
  v1::RecursionStep& step = *event.add_history();
  *step.mutable_time() = event.first_seen();
  step.set_what("growing: three times as deep");
  return event;
}

/// The same, after its death.
inline v1::RecursionEvent Crashed() {
  v1::RecursionEvent event = Runaway();
  event.set_state("crashed");
  event.clear_seconds_to_overflow();
  event.set_trigger("fatal_error");
  return event;
}

}  // namespace profd::testing
