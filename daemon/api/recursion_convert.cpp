#include "api/recursion_convert.h"

#include "api/proto_convert.h"
#include "base/utf8.h"

namespace profd {
namespace {

void AddFrames(const std::vector<CodeFrame>& frames, google::protobuf::RepeatedPtrField<v1::CodeFrame>& messages) {
  for (const CodeFrame& frame : frames) {
    v1::CodeFrame& message = *messages.Add();
    message.set_name(ToUtf8(frame.name));
    message.set_file(ToUtf8(frame.file));
    message.set_line(frame.line);
  }
}

void AddStack(const RecursionEvent& event, v1::RecursionEvent& message) {
  AddFrames(event.cycle, *message.mutable_cycle());
  AddFrames(event.entry, *message.mutable_entry());
  AddFrames(event.root, *message.mutable_root());
  message.set_depth(event.depth);
  message.set_depth_exact(event.depth_exact);
  if (event.depth_error) message.set_depth_error(*event.depth_error);
  message.set_stack_bytes(event.stack_bytes);
  message.set_stack_limit_bytes(event.stack_limit_bytes);
  message.set_limit_reason(ToUtf8(event.limit_reason));
  message.set_growth_bytes_per_second(event.growth_bytes_per_second);
  if (event.seconds_to_overflow) message.set_seconds_to_overflow(*event.seconds_to_overflow);
  message.set_positions_verified(event.positions_verified);
}

void ToProto(const RecursionMap& map, v1::RecursionMap& message) {
  message.set_address(map.address);
  message.set_type(ToUtf8(map.type));
  message.set_entries(map.entries);
  message.set_key_hash(fmt::format("{:016x}", map.key_hash));
  if (!map.key.empty()) message.set_key(ToUtf8(map.key));
  message.set_same_key_hits(map.same_key_hits);
}

}  // namespace

void ToProto(const RecursionEvent& event, v1::RecursionEvent& message) {
  message.set_id(ToUtf8(event.id));
  message.set_grade(ToWord(event.grade));
  message.set_state(ToWord(event.state));
  message.set_pid(event.process.pid);
  message.set_command(ToUtf8(event.process.command));
  if (event.process.container != ContainerLabels()) ToProto(event.process.container, *message.mutable_container());
  message.set_tid(event.tid);
  message.set_goroutine(event.goroutine);
  AddStack(event, message);
  ToProto(event.first_seen, *message.mutable_first_seen());
  ToProto(event.last_seen, *message.mutable_last_seen());
  message.set_trigger(ToWord(event.trigger));
  message.set_reason(ToUtf8(event.reason));
  message.set_occurrences(event.occurrences);
  if (event.map) ToProto(*event.map, *message.mutable_map());
  message.set_advice(ToUtf8(event.advice));
  for (const RecursionStep& step : event.history) {
    v1::RecursionStep& out = *message.add_history();
    ToProto(step.time, *out.mutable_time());
    out.set_what(ToUtf8(step.what));
  }
}

}  // namespace profd
