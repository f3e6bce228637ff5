// Rows of `recursion list` and lines of `recursion watch`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "profctl/table.h"
#include "profd/v1/profiler.pb.h"

namespace profd::profctl {

using RecursionEvents = std::vector<v1::RecursionEvent>;

const std::vector<std::string>& RecursionSortKeys();
/// Descending, by an index in the keys; the daemon's order decides between equals.
void SortRecursion(RecursionEvents& events, size_t key);

Table RecursionTable(const RecursionEvents& events, WallTime now, bool wide);
/// Escaped: when it was seen, its id, and all of it in one sentence.
std::string WatchLine(const v1::RecursionEvent& event, WallTime now, bool wide);

/// The one whose id is `id`, or begins with it. FailedPrecondition: none, or several.
absl::StatusOr<v1::RecursionEvent> FindRecursion(const RecursionEvents& events, std::string_view id);

}  // namespace profd::profctl
