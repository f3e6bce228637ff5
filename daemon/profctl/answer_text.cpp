#include "profctl/answer_text.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>

#include "profctl/number_text.h"
#include "profctl/time_text.h"

namespace profd::profctl {

using std::chrono::nanoseconds;

WallTime ToWall(const google::protobuf::Timestamp& time) {
  return WallTime(std::chrono::seconds(time.seconds()) + nanoseconds(time.nanos()));
}

nanoseconds ToNanoseconds(const google::protobuf::Duration& length) {
  return std::chrono::seconds(length.seconds()) + nanoseconds(length.nanos());
}

google::protobuf::Timestamp FromWall(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  google::protobuf::Timestamp message;
  message.set_seconds(seconds.time_since_epoch().count());
  message.set_nanos(static_cast<int32_t>((time - seconds).count()));
  return message;
}

google::protobuf::Duration FromNanoseconds(nanoseconds length) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(length);
  google::protobuf::Duration message;
  message.set_seconds(seconds.count());
  message.set_nanos(static_cast<int32_t>((length - seconds).count()));
  return message;
}

std::vector<std::pair<std::string, uint64_t>> LostTicks(const v1::WindowInfo& window) {
  constexpr std::string_view kPrefix = "lost_";
  std::vector<std::pair<std::string, uint64_t>> lost;
  for (const auto& [outcome, count] : window.outcomes()) {
    if (outcome.starts_with(kPrefix) && count > 0) lost.emplace_back(outcome.substr(kPrefix.size()), count);
  }
  std::ranges::sort(lost);
  return lost;
}

std::string LostText(const v1::WindowInfo& window) {
  uint64_t total = 0;
  std::vector<std::string> reasons;
  for (const auto& [reason, count] : LostTicks(window)) {
    total += count;
    reasons.push_back(reason + " " + FormatCount(count));
  }
  return reasons.empty() ? "lost 0" : fmt::format("lost {} ({})", FormatCount(total), fmt::join(reasons, ", "));
}

std::string WindowText(const v1::WindowInfo& window, uint64_t samples) {
  const WallTime end = ToWall(window.end());
  return fmt::format("{} to {}, {} samples, {}", FormatDuration(end - ToWall(window.start())), ClockTime(end),
                     FormatCount(samples), LostText(window));
}

std::string ProcessText(const v1::ProcessInfo& process) {
  if (process.command().empty()) return fmt::format("pid {}", process.pid());
  return fmt::format("{} (pid {})", process.command(), process.pid());
}

std::string ContainerText(const v1::Container& container) {
  return container.name().empty() ? container.id().substr(0, 12) : container.name();
}

Json ContainerJson(const v1::Container& container) {
  if (container.ByteSizeLong() == 0) return nullptr;
  return {{"name", container.name()},
          {"id", container.id()},
          {"pod", container.pod()},
          {"namespace", container.name_space()}};
}

void AddWindow(const v1::WindowInfo& window, uint64_t samples, Json& json) {
  json["window_start"] = Rfc3339(ToWall(window.start()));
  json["window_end"] = Rfc3339(ToWall(window.end()));
  json["samples"] = samples;
  json["lost"] = Json::object();
  for (const auto& [reason, count] : LostTicks(window)) json["lost"][reason] = count;
}

void PrintJson(const Json& json) {
  fmt::print("{}\n", json.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace));
}

void PrintLines(const std::vector<std::string>& lines, bool color) {
  for (size_t i = 0; i < lines.size(); ++i) {
    fmt::print("{}{}{}\n", color && i == 0 ? "\x1b[1m" : "", lines[i], color && i == 0 ? "\x1b[0m" : "");
  }
}

}  // namespace profd::profctl
