#include "query/window.h"

#include <algorithm>
#include <iterator>

namespace profd {
namespace {

using std::chrono::nanoseconds;
using namespace std::chrono_literals;
using SegmentList = std::vector<std::shared_ptr<const Segment>>;

absl::Status Interrupted() { return Error(absl::StatusCode::kCancelled, "the question was withdrawn"); }

nanoseconds Covered(const SegmentList& segments) {
  nanoseconds covered{};
  for (const auto& segment : segments) covered += segment->end - segment->start;
  return covered;
}

WindowData Summarize(SegmentList segments, WallTime start, WallTime end) {
  WindowData data;
  data.start = start;
  data.end = end;
  data.covered = Covered(segments);
  for (const auto& segment : segments) {
    data.period = segment->period;
    for (const auto& [outcome, count] : segment->outcomes) data.outcomes[outcome] += count;
  }
  data.segments = std::move(segments);
  return data;
}

WindowData SummarizeOwnTime(SegmentList segments, WallTime fallback) {
  const WallTime start = segments.empty() ? fallback : segments.front()->start;
  const WallTime end = segments.empty() ? fallback : segments.back()->end;
  return Summarize(std::move(segments), start, end);
}

/// Waits, and holds on to the segments that are made meanwhile: the store may forget them before the end.
absl::StatusOr<SegmentList> CollectWhileWaiting(Backend& backend, WallTime start, nanoseconds length,
                                                const Pause& pause) {
  constexpr nanoseconds kStep = 20s;
  SegmentList held;
  while (length > nanoseconds(0)) {
    const nanoseconds step = std::min(length, kStep);
    if (!pause(step)) return Interrupted();
    length -= step;
    ASSIGN_OR_RETURN(const SegmentList newer,
                     backend.store().Query(held.empty() ? start : held.back()->end, WallTime::max()));
    held.insert(held.end(), newer.begin(), newer.end());
  }
  return held;
}

absl::StatusOr<WindowData> Next(Backend& backend, nanoseconds length, const Pause& pause) {
  ASSIGN_OR_RETURN(const WallTime start, backend.Flip());
  ASSIGN_OR_RETURN(SegmentList segments, CollectWhileWaiting(backend, start, length, pause));
  ASSIGN_OR_RETURN(WallTime end, backend.Flip());
  // A flip shared with another caller may end before ours began.
  for (int attempt = 0; end <= start && attempt < 10; ++attempt) {
    if (!pause(50ms)) return Interrupted();
    ASSIGN_OR_RETURN(end, backend.Flip());
  }
  if (end <= start) return Error(absl::StatusCode::kInternal, "the sampler's windows do not advance");
  ASSIGN_OR_RETURN(const SegmentList last, backend.store().Query(segments.empty() ? start : segments.back()->end, end));
  segments.insert(segments.end(), last.begin(), last.end());
  return Summarize(std::move(segments), start, end);
}

/// The newest segments whose lengths add up nearest to `length`, at least one.
absl::StatusOr<SegmentList> Newest(const ProfileStore& store, WallTime end, nanoseconds length) {
  ASSIGN_OR_RETURN(SegmentList all, store.Query(end - 2 * length - 2min, end + 1ns));
  nanoseconds covered{};
  auto first = all.end();
  while (first != all.begin()) {
    const Segment& segment = **std::prev(first);
    const nanoseconds with = covered + (segment.end - segment.start);
    if (first != all.end() && std::chrono::abs(with - length) >= std::chrono::abs(covered - length)) break;
    covered = with;
    --first;
  }
  return SegmentList(first, all.end());
}

absl::StatusOr<WindowData> Last(Backend& backend, nanoseconds length, const Pause& pause) {
  ASSIGN_OR_RETURN(WallTime end, backend.Flip());
  ASSIGN_OR_RETURN(SegmentList segments, Newest(backend.store(), end, length));
  const nanoseconds enough = std::min<nanoseconds>(length, 1s);
  if (const nanoseconds covered = Covered(segments); covered < enough) {
    if (!pause(enough - covered)) return Interrupted();
    ASSIGN_OR_RETURN(end, backend.Flip());
    ASSIGN_OR_RETURN(segments, Newest(backend.store(), end, length));
  }
  return SummarizeOwnTime(std::move(segments), end);
}

std::string Rfc3339(WallTime time) {
  const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

absl::StatusOr<WindowData> Range(Backend& backend, const Clock& clock, WallTime since, WallTime until) {
  if (since >= clock.Wall()) {
    return Error(absl::StatusCode::kInvalidArgument, "the range begins in the future, at {}", Rfc3339(since));
  }
  // The segment that is still open is in the range too.
  if (until + 1s >= clock.Wall()) RETURN_IF_ERROR(backend.Flip().status());
  ASSIGN_OR_RETURN(SegmentList segments, backend.store().Query(since, until));
  if (segments.empty()) {
    ASSIGN_OR_RETURN(const SegmentList all, backend.store().Query(WallTime::min(), WallTime::max()));
    return Error(absl::StatusCode::kOutOfRange, "nothing is stored between {} and {}{}", Rfc3339(since), Rfc3339(until),
                 all.empty() ? "" : "; history begins at " + Rfc3339(all.front()->start));
  }
  return SummarizeOwnTime(std::move(segments), since);
}

}  // namespace

absl::Status ValidateWindow(const Window& window) {
  constexpr nanoseconds kMaxLast = std::chrono::hours(24 * 366);
  switch (window.kind) {
    case Window::Kind::kNext:
      if (window.length > nanoseconds(0) && window.length <= kMaxNext) return absl::OkStatus();
      return Error(absl::StatusCode::kInvalidArgument, "a recording lasts more than 0 and at most {} seconds",
                   std::chrono::seconds(kMaxNext).count());
    case Window::Kind::kLast:
      if (window.length > nanoseconds(0) && window.length <= kMaxLast) return absl::OkStatus();
      return Error(absl::StatusCode::kInvalidArgument, "the window must be longer than 0 and at most a year");
    case Window::Kind::kRange:
      if (window.since < window.until) return absl::OkStatus();
      return Error(absl::StatusCode::kInvalidArgument, "the range ends ({}) before it begins ({})",
                   Rfc3339(window.until), Rfc3339(window.since));
  }
  return absl::OkStatus();
}

absl::StatusOr<WindowData> ResolveWindow(Backend& backend, const Clock& clock, const Window& window,
                                         const Pause& pause) {
  RETURN_IF_ERROR(ValidateWindow(window));
  switch (window.kind) {
    case Window::Kind::kNext: return Next(backend, window.length, pause);
    case Window::Kind::kLast: return Last(backend, window.length, pause);
    case Window::Kind::kRange: return Range(backend, clock, window.since, window.until);
  }
  return Error(absl::StatusCode::kInternal, "unknown kind of window");
}

}  // namespace profd
