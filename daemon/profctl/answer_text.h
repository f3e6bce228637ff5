// What several verbs show of an answer, as text and as JSON.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "profd/v1/profiler.pb.h"

namespace profd::profctl {

using Json = nlohmann::ordered_json;

WallTime ToWall(const google::protobuf::Timestamp& time);
std::chrono::nanoseconds ToNanoseconds(const google::protobuf::Duration& length);
google::protobuf::Timestamp FromWall(WallTime time);
google::protobuf::Duration FromNanoseconds(std::chrono::nanoseconds length);

/// Ticks that were lost in the window, by reason (`ring_full`), sorted; of all processes.
std::vector<std::pair<std::string, uint64_t>> LostTicks(const v1::WindowInfo& window);
/// `lost 3 (ring_full 3)`, `lost 0`.
std::string LostText(const v1::WindowInfo& window);
/// `10.0 s to 12:00:00, 365 samples, lost 0`.
std::string WindowText(const v1::WindowInfo& window, uint64_t samples);

/// `web (pid 10)`; `pid 10` when it has no known name. Not escaped.
std::string ProcessText(const v1::ProcessInfo& process);

/// Its name, else the beginning of its id. Not escaped.
std::string ContainerText(const v1::Container& container);
/// Null where nothing is known of one.
Json ContainerJson(const v1::Container& container);
void AddWindow(const v1::WindowInfo& window, uint64_t samples, Json& json);

/// One object on one line, ASCII only, so that nothing in it can steer a terminal.
void PrintJson(const Json& json);
/// Lines on standard output; the first (titles) bold when `color`.
void PrintLines(const std::vector<std::string>& lines, bool color);

}  // namespace profd::profctl
