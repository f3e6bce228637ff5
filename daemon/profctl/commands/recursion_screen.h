// `recursion show`: all that is known of one story.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "profd/v1/profiler.pb.h"

namespace profd::profctl {

/// Escaped lines, the verdict first. `wide`: all of a long cycle and of a long history.
std::vector<std::string> RecursionScreen(const v1::RecursionEvent& event, WallTime now, bool wide);

}  // namespace profd::profctl
