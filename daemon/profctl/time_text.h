// Durations and times as people write and read them.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"

namespace profd::profctl {

/// `500ms`, `10s`, `2m`, `1h`, `1.5s`, `1m30s`; a plain number is seconds. InvalidArgument for anything else, 0 and
/// less.
absl::StatusOr<std::chrono::nanoseconds> ParseDuration(std::string_view text);

/// RFC 3339 (`2026-03-01T12:00:00Z`, with fraction or offset), `now`, or relative to `now`: `-5m`, `5m ago`.
absl::StatusOr<WallTime> ParseTime(std::string_view text, WallTime now);

/// `2026-03-01T12:00:00.123Z`; nine digits after the point when `nanoseconds`.
std::string Rfc3339(WallTime time, bool nanoseconds = false);
/// `12:00:00`, local.
std::string ClockTime(WallTime time);
/// `2026-03-01 12:00:00.123`, local.
std::string DateTime(WallTime time);
/// `20260301-120000`, local, for names of files.
std::string FileTime(WallTime time);

/// `350 ms`, `10.0 s`, `3m 20s`, `2h 5m`, `4d 3h`.
std::string FormatDuration(std::chrono::nanoseconds length);
/// `3m 20s ago`; `now` below a second, and for what is still to come.
std::string FormatAge(WallTime time, WallTime now);

}  // namespace profd::profctl
