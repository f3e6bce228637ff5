// The two tables of `top`.
#pragma once

#include <string>
#include <vector>

#include "profctl/answer_text.h"
#include "profctl/commands/top_banner.h"
#include "profctl/options.h"
#include "profd/v1/profiler.pb.h"

namespace profd::profctl {

/// What is shown, and how.
struct TopView {
  bool functions = false;  ///< of one process; else processes
  bool wide = false;
  size_t sort = 0;       ///< index in SortKeys
  size_t limit = 0;      ///< rows; 0: all
  size_t max_width = 0;  ///< columns; 0: no limit
};

const std::vector<std::string>& SortKeys(bool functions);

struct TopText {
  std::vector<HeadingLine> heading;  ///< about the window, and what to look at first
  std::vector<std::string> table;    ///< titles, then rows
  size_t hidden = 0;                 ///< rows beyond the limit
};

TopText RenderTop(const v1::TopResponse& response, const TopView& view);
/// `profctl.top/v1` or `profctl.top_processes/v1`.
Json TopJson(const v1::TopResponse& response, const TopView& view);

}  // namespace profd::profctl
