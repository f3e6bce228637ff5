// Recursion stories as JSON, the same for every verb.
#pragma once

#include <vector>

#include "profctl/answer_text.h"
#include "profd/v1/profiler.pb.h"

namespace profd::profctl {

Json RecursionJson(const v1::RecursionEvent& event);
/// `profctl.recursion/v1`.
Json RecursionListJson(const std::vector<v1::RecursionEvent>& events);

}  // namespace profd::profctl
