// What stands above the tables of `top`.
#pragma once

#include <string>
#include <vector>

#include "profd/v1/profiler.pb.h"

namespace profd::profctl {

struct HeadingLine {
  std::string text;    ///< escaped
  bool alarm = false;  ///< red, where there is colour
};

/// A line for each recursion story that killed its process in the window or is about to, the most urgent first, and for
/// some of those that grow. Of one process: also who began it, and through which map it goes.
std::vector<HeadingLine> RecursionBanner(const v1::TopResponse& response);

std::vector<std::string> HeadingText(const std::vector<HeadingLine>& heading, bool color);

}  // namespace profd::profctl
