// Which time a question is about, and the segments that answer it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "query/backend.h"

namespace profd {

struct Window {
  enum class Kind { kNext, kLast, kRange };
  Kind kind = Kind::kLast;
  std::chrono::nanoseconds length = std::chrono::seconds(10);  ///< kNext, kLast
  WallTime since{};                                            ///< kRange
  WallTime until{};
};

inline constexpr std::chrono::hours kMaxNext{1};

/// Waits that long. False, at once, when nobody wants the answer any more.
using Pause = std::function<bool(std::chrono::nanoseconds)>;

/// What a window really was: the segments in it, oldest first.
struct WindowData {
  std::vector<std::shared_ptr<const Segment>> segments;
  WallTime start{};
  WallTime end{};
  std::chrono::nanoseconds covered{};  ///< sum of the segments' lengths; less than end - start where some are missing
  std::chrono::nanoseconds period{};
  OutcomeCounts outcomes;
};

/// InvalidArgument: the window makes no sense. OutOfRange: nothing is stored of that time. Cancelled: `pause` said so.
/// next: between two flips of its own. last: what adds up nearest to that length; where profd has just started it waits
/// up to a second for a first segment. range: what is stored of it.
absl::StatusOr<WindowData> ResolveWindow(Backend& backend, const Clock& clock, const Window& window,
                                         const Pause& pause);

/// Only whether it makes sense.
absl::Status ValidateWindow(const Window& window);

}  // namespace profd
