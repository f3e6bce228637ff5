// Recursion stories as the JSON documents that the event store keeps. Keys and words are persisted: add, never rename.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "base/status.h"
#include "recursion/event.h"

namespace profd {

/// A text that is no UTF-8 becomes {"hex": "ff00"}, a number that is not finite becomes null. Texts longer than 16 KiB
/// and lists longer than 512 are cut; the identity never is.
nlohmann::json EventToJson(const RecursionEvent& event);

/// The document may come from a damaged file. Unknown keys are ignored, missing ones and nulls are what a new
/// RecursionEvent has; texts, lists, times and fractions beyond their bounds are cut. DataLoss, naming the key: a value
/// of the wrong type, an unknown word, an id that is not 16 hex digits.
absl::StatusOr<RecursionEvent> EventFromJson(const nlohmann::json& document);

/// 16 hex digits, lower case.
bool IsEventId(std::string_view id);

}  // namespace profd
