// Between the API's messages and what the query engine speaks. Foreign bytes leave here as valid UTF-8.
#pragma once

#include "base/status.h"
#include "profd/v1/profiler.pb.h"
#include "query/query_engine.h"

namespace profd {

Selector FromProto(const v1::Selector& message);
/// InvalidArgument: times that no clock shows.
absl::StatusOr<Window> FromProto(const v1::Window& message);

void ToProto(WallTime time, google::protobuf::Timestamp& message);
void ToProto(std::chrono::nanoseconds length, google::protobuf::Duration& message);
void ToProto(const ContainerLabels& labels, v1::Container& message);
void ToProto(const ProcessListEntry& entry, const Clock& clock, v1::ProcessInfo& message);
void ToProto(const WindowData& window, v1::WindowInfo& message);
void ToProto(const ProcessRow& row, const Clock& clock, v1::ProcessRow& message);
void ToProto(const FunctionShare& function, v1::FunctionRow& message);
void ToProto(const DaemonStatus& status, v1::GetStatusResponse& message);

}  // namespace profd
