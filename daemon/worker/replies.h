// What a worker sends back, checked: it has read hostile files and may be theirs by now.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "worker/object_analyzer.h"
#include "worker/worker.pb.h"

namespace profd {

/// Every text is valid UTF-8, one line, and bounded. `positions` were asked. Errors: InvalidArgument with the reason
/// when the worker refused; Internal when its message breaks the rules.
absl::StatusOr<worker::Response> ParseReply(std::string_view content, size_t positions);

absl::StatusOr<ObjectFacts> FactsOf(const worker::Response& response);
/// Exactly `positions` answers.
absl::StatusOr<std::vector<FrameLines>> FramesOf(const worker::Response& response, size_t positions);
/// Exactly `positions` answers.
absl::StatusOr<std::vector<std::optional<uint32_t>>> StackDeltasOf(const worker::Response& response, size_t positions);
/// Exactly `positions` answers.
absl::StatusOr<std::vector<std::string>> TypeNamesOf(const worker::Response& response, size_t positions);
/// At most 32, each with a place in the file and 16 bytes of code at most.
absl::StatusOr<std::vector<NamedFunction>> NamedFunctionsOf(const worker::Response& response);
/// NotFound: not Go. FailedPrecondition: its layout is not known.
absl::StatusOr<GoFacts> GoFactsOf(const worker::Response& response);

}  // namespace profd
