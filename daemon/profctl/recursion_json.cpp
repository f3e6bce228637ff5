#include "profctl/recursion_json.h"

#include <fmt/format.h>

#include "profctl/time_text.h"

namespace profd::profctl {
namespace {

Json FramesJson(const google::protobuf::RepeatedPtrField<v1::CodeFrame>& frames) {
  Json list = Json::array();
  for (const v1::CodeFrame& frame : frames) {
    list.push_back({{"name", frame.name()}, {"file", frame.file()}, {"line", frame.line()}});
  }
  return list;
}

Json HistoryJson(const google::protobuf::RepeatedPtrField<v1::RecursionStep>& history) {
  Json list = Json::array();
  for (const v1::RecursionStep& step : history) {
    list.push_back({{"time", Rfc3339(ToWall(step.time()), true)}, {"what", step.what()}});
  }
  return list;
}

Json MapJson(const v1::RecursionMap& map) {
  return {{"address", fmt::format("{:#x}", map.address())},
          {"type", map.type()},
          {"entries", map.entries()},
          {"key_hash", map.key_hash()},
          {"key", map.has_key() ? Json(map.key()) : Json(nullptr)},
          {"same_key_hits", map.same_key_hits()}};
}

}  // namespace

Json RecursionJson(const v1::RecursionEvent& event) {
  return {{"id", event.id()},
          {"grade", event.grade()},
          {"state", event.state()},
          {"pid", event.pid()},
          {"command", event.command()},
          {"container", ContainerJson(event.container())},
          {"tid", event.tid()},
          {"goroutine", event.goroutine()},
          {"cycle", FramesJson(event.cycle())},
          {"entry", FramesJson(event.entry())},
          {"root", FramesJson(event.root())},
          {"depth", event.depth()},
          {"depth_exact", event.depth_exact()},
          {"stack_bytes", event.stack_bytes()},
          {"stack_limit_bytes", event.stack_limit_bytes()},
          {"limit_reason", event.limit_reason()},
          {"growth_bytes_per_second", event.growth_bytes_per_second()},
          {"seconds_to_overflow", event.has_seconds_to_overflow() ? Json(event.seconds_to_overflow()) : Json(nullptr)},
          {"first_seen", Rfc3339(ToWall(event.first_seen()), true)},
          {"last_seen", Rfc3339(ToWall(event.last_seen()), true)},
          {"trigger", event.trigger()},
          {"reason", event.reason()},
          {"positions_verified", event.positions_verified()},
          {"depth_error", event.has_depth_error() ? Json(event.depth_error()) : Json(nullptr)},
          {"occurrences", event.occurrences()},
          {"map", event.has_map() ? MapJson(event.map()) : Json(nullptr)},
          {"advice", event.advice()},
          {"history", HistoryJson(event.history())}};
}

Json RecursionListJson(const std::vector<v1::RecursionEvent>& events) {
  Json list = Json::array();
  for (const v1::RecursionEvent& event : events) list.push_back(RecursionJson(event));
  return {{"schema", "profctl.recursion/v1"}, {"events", std::move(list)}};
}

}  // namespace profd::profctl
