#include "profctl/time_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

namespace profd::profctl {
namespace {

using std::chrono::nanoseconds;
using namespace std::chrono_literals;

constexpr double kMaxSeconds = 3.2e9;  // a hundred years

std::optional<double> SecondsOfUnit(std::string_view unit) {
  if (unit == "ms") return 0.001;
  if (unit == "s" || unit.empty()) return 1;
  if (unit == "m") return 60;
  if (unit == "h") return 3600;
  if (unit == "d") return 86400;
  return std::nullopt;
}

/// Takes one `NUMBER UNIT` off the front; its seconds, or nothing.
std::optional<double> TakePart(std::string_view& text, bool first) {
  const size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, number, std::chars_format::fixed);
  if (digits == 0 || error != std::errc() || end != text.data() + digits) return std::nullopt;
  text.remove_prefix(digits);
  const std::string_view unit = text.substr(0, text.find_first_of("0123456789."));
  text.remove_prefix(unit.size());
  // Only a number alone may do without its unit.
  if (unit.empty() && !first) return std::nullopt;
  const std::optional<double> scale = SecondsOfUnit(unit);
  if (!scale) return std::nullopt;
  return number * *scale;
}

std::optional<int> Digits(std::string_view text, size_t at, size_t count) {
  int number = 0;
  if (at + count > text.size()) return std::nullopt;
  const char* begin = text.data() + at;
  if (begin[0] < '0' || begin[0] > '9') return std::nullopt;
  return std::from_chars(begin, begin + count, number).ptr == begin + count ? std::optional(number) : std::nullopt;
}

/// The offset that ends an RFC 3339 time: `Z` or `+hh:mm`.
std::optional<std::chrono::minutes> ParseOffset(std::string_view text) {
  if (text == "Z" || text == "z") return 0min;
  const auto hours = Digits(text, 1, 2), minutes = Digits(text, 4, 2);
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':' || !hours || !minutes)
    return std::nullopt;
  const std::chrono::minutes offset(*hours * 60 + *minutes);
  return text[0] == '-' ? -offset : offset;
}

/// Takes a fraction (`.123`) off the front.
std::optional<nanoseconds> TakeFraction(std::string_view& text) {
  if (!text.starts_with('.')) return 0ns;
  const size_t end = std::min(text.find_first_not_of("0123456789", 1), text.size());
  if (end == 1 || end > 10) return std::nullopt;
  std::string digits(text.substr(1, end - 1));
  digits.resize(9, '0');
  text.remove_prefix(end);
  return nanoseconds(std::stol(digits));
}

std::optional<WallTime> ParseRfc3339(std::string_view text) {
  const auto year = Digits(text, 0, 4), month = Digits(text, 5, 2), day = Digits(text, 8, 2);
  const auto hour = Digits(text, 11, 2), minute = Digits(text, 14, 2), second = Digits(text, 17, 2);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  const bool separators = text[4] == '-' && text[7] == '-' && (text[10] == 'T' || text[10] == 't' || text[10] == ' ') &&
                          text[13] == ':' && text[16] == ':';
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!separators || !date.ok() || *year < 1970 || *year > 2200 || *hour > 23 || *minute > 59 || *second > 60) {
    return std::nullopt;
  }
  text.remove_prefix(19);
  const auto fraction = TakeFraction(text);
  const auto offset = ParseOffset(text);
  if (!fraction || !offset) return std::nullopt;
  return WallTime(std::chrono::sys_days(date).time_since_epoch()) + std::chrono::hours(*hour) +
         std::chrono::minutes(*minute) + std::chrono::seconds(*second) + *fraction - *offset;
}

std::string Format(const char* format, WallTime time, bool local) {
  const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  std::tm parts{};
  local ? localtime_r(&seconds, &parts) : gmtime_r(&seconds, &parts);
  char text[64];
  return {text, std::strftime(text, sizeof text, format, &parts)};
}

}  // namespace

absl::StatusOr<nanoseconds> ParseDuration(std::string_view text) {
  std::string_view rest = text;
  double seconds = 0;
  bool first = true;
  while (!rest.empty()) {
    const std::optional<double> part =
        TakePart(rest, first && rest.find_first_not_of("0123456789.") == std::string::npos);
    if (!part) {
      seconds = 0;
      break;
    }
    seconds += *part;
    first = false;
  }
  if (!(seconds >= 1e-9) || seconds > kMaxSeconds) {
    return Error(absl::StatusCode::kInvalidArgument, "'{}' is no duration: 500ms, 10s, 2m, 1h and plain seconds are",
                 text);
  }
  return nanoseconds(std::llround(seconds * 1e9));
}

absl::StatusOr<WallTime> ParseTime(std::string_view text, WallTime now) {
  if (text == "now") return now;
  std::string_view back;
  if (text.starts_with('-')) back = text.substr(1);
  if (text.ends_with(" ago")) back = text.substr(0, text.size() - 4);
  if (!back.empty()) {
    const auto length = ParseDuration(back);
    if (length.ok() && *length <= now.time_since_epoch()) return now - *length;
  } else if (const std::optional<WallTime> time = ParseRfc3339(text)) {
    return *time;
  }
  return Error(absl::StatusCode::kInvalidArgument, "'{}' is no time: 2026-03-01T12:00:00Z, -5m, '5m ago' and now are",
               text);
}

std::string Rfc3339(WallTime time, bool with_nanoseconds) {
  const auto fraction = (time - std::chrono::floor<std::chrono::seconds>(time)).count();
  const std::string seconds = Format("%Y-%m-%dT%H:%M:%S", time, false);
  return with_nanoseconds ? fmt::format("{}.{:09}Z", seconds, fraction)
                          : fmt::format("{}.{:03}Z", seconds, fraction / 1'000'000);
}

std::string ClockTime(WallTime time) { return Format("%H:%M:%S", time, true); }

std::string DateTime(WallTime time) {
  const auto fraction = time - std::chrono::floor<std::chrono::seconds>(time);
  return fmt::format("{}.{:03}", Format("%Y-%m-%d %H:%M:%S", time, true), fraction / 1ms);
}

std::string FileTime(WallTime time) { return Format("%Y%m%d-%H%M%S", time, true); }

std::string FormatDuration(nanoseconds length) {
  const double seconds = std::chrono::duration<double>(length).count();
  const int64_t whole = std::llround(seconds);
  if (seconds < 1) return fmt::format("{:.0f} ms", seconds * 1000);
  if (whole < 60) return fmt::format("{:.1f} s", seconds);
  if (whole < 3600) return fmt::format("{}m {}s", whole / 60, whole % 60);
  if (whole < 86400) return fmt::format("{}h {}m", whole / 3600, whole % 3600 / 60);
  return fmt::format("{}d {}h", whole / 86400, whole % 86400 / 3600);
}

std::string FormatAge(WallTime time, WallTime now) {
  return now - time < 1s ? "now" : FormatDuration(now - time) + " ago";
}

}  // namespace profd::profctl
