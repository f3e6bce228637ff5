#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/utf8.h"
#include "profile/flame_svg_script.h"
#include "profile/flame_tree.h"
#include "profile/render.h"

namespace profd {
namespace {

using Kind = TextFrame::Kind;

// Pixels.
constexpr double kWidth = 1200;
constexpr double kMargin = 10;
constexpr double kGraphWidth = kWidth - 2 * kMargin;
constexpr double kHeader = 66;
constexpr double kFooter = 30;
constexpr double kRow = 18;
constexpr double kLetter = 6.7;  ///< width of a letter of the frame's font
constexpr double kMinWidth = 0.1;

std::string Escape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '"': escaped += "&quot;"; break;
      case '\'': escaped += "&#39;"; break;
      default: escaped += c;
    }
  }
  return escaped;
}

/// The first letters of `name` that `width` has room for; the script cuts the same way.
std::string Fit(const std::string& name, double width) {
  const auto starts_letter = [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; };
  const auto room = static_cast<int64_t>(std::floor((width - 6) / kLetter));
  if (room < 3) return "";
  if (std::count_if(name.begin(), name.end(), starts_letter) <= room) return name;
  size_t end = 0;
  for (int64_t letters = 0; end < name.size(); ++end) {
    if (starts_letter(name[end]) && ++letters > room - 2) break;
  }
  return name.substr(0, end) + "..";
}

uint32_t Hash(std::string_view text) {
  uint32_t hash = 2166136261;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 16777619;
  return hash ^ hash >> 15;
}

/// Warm colours: one hue for a package or namespace, shades for its functions; what is special stands out.
std::string Colour(const TextFrame& frame) {
  const uint32_t shade = Hash(frame.name);
  const size_t path_end = frame.name.rfind('/') == std::string::npos ? 0 : frame.name.rfind('/');
  const uint32_t package = Hash(std::string_view(frame.name).substr(0, frame.name.find_first_of(".:(<", path_end)));
  switch (frame.kind) {
    case Kind::kRecursion: return "#c2201a";
    case Kind::kProcess: return "#dcc8ae";
    case Kind::kMarker:
    case Kind::kUnknown: return fmt::format("hsl(35,18%,{}%)", 80 + shade % 6);
    case Kind::kKernel: return fmt::format("hsl({},62%,{}%)", 4 + shade % 10, 70 + shade / 16 % 8);
    case Kind::kUser: break;
  }
  return fmt::format("hsl({},{}%,{}%)", 20 + package % 32, 86 + shade % 9, 58 + shade / 16 % 10);
}

std::string_view ClassOf(Kind kind) {
  switch (kind) {
    case Kind::kRecursion: return "f recursion";
    case Kind::kMarker: return "f marker";
    case Kind::kUnknown: return "f unknown";
    default: return "f";
  }
}

std::string Grouped(uint64_t number) {
  const std::string digits = fmt::format("{}", number);
  std::string grouped;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) grouped += ',';
    grouped += digits[i];
  }
  return grouped;
}

std::string Amount(const Profile& profile, uint64_t count) {
  std::string amount = fmt::format("{} {}", Grouped(count), count == 1 ? "sample" : "samples");
  const double seconds = static_cast<double>(count) * std::chrono::duration<double>(profile.period).count();
  if (seconds > 0) amount += fmt::format(", {:.3g} s of CPU time", seconds);
  return amount;
}

std::string Title(const Profile& profile) {
  if (profile.processes.empty()) return "profd";
  const Process& first = profile.processes.front();
  if (profile.processes.size() == 1) return fmt::format("{} (pid {})", ToPrintable(first.command), first.pid);
  return fmt::format("{} processes", profile.processes.size());
}

std::string Subtitle(const Profile& profile, uint64_t total) {
  std::string text = Amount(profile, total);
  const double seconds = std::chrono::duration<double>(profile.duration).count();
  if (seconds > 0) text += fmt::format(", in {:.3g} s", seconds);
  if (profile.start != WallTime{}) {
    const auto start = std::chrono::floor<std::chrono::seconds>(profile.start).time_since_epoch().count();
    text += fmt::format(" from {:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(static_cast<std::time_t>(start)));
  }
  return text;
}

std::string Box(const Profile& profile, const FlameTree& tree, const FlameBox& box, double bottom) {
  const FlameNode& node = tree.nodes[box.node];
  const auto total = static_cast<double>(tree.nodes[0].count);
  const double x = kMargin + kGraphWidth * (static_cast<double>(box.first) / total);
  const double width = kGraphWidth * (static_cast<double>(node.count) / total);
  const double y = bottom - kRow * (box.level + 1);
  return fmt::format(
      R"(<g class="{}" data-x="{}" data-w="{}" data-l="{}"><title>{}
{}, {:.2f} %</title><rect x="{:.2f}" y="{:.0f}" width="{:.2f}" height="{:.0f}" rx="2" fill="{}"/>)"
      R"(<text x="{:.2f}" y="{:.0f}">{}</text></g>)"
      "\n",
      ClassOf(node.frame.kind), box.first, node.count, box.level, Escape(node.frame.name), Amount(profile, node.count),
      100 * static_cast<double>(node.count) / total, x, y, std::max(width - 0.4, 0.1), kRow - 1, Colour(node.frame),
      x + 3, y + 12.5, Escape(Fit(node.frame.name, width)));
}

}  // namespace

std::string RenderFlameSvg(const Profile& profile) {
  const FlameTree tree = BuildFlameTree(profile);
  const uint64_t total = tree.nodes[0].count;
  const auto min_count = static_cast<uint64_t>(std::ceil(static_cast<double>(total) * (kMinWidth / kGraphWidth)));
  std::vector<FlameBox> boxes;
  if (total > 0) boxes = LayOut(tree, min_count);
  const uint32_t levels = boxes.empty() ? 1 : boxes.back().level + 1;
  const double bottom = kHeader + kRow * levels;
  const double height = bottom + kFooter;

  std::string svg = fmt::format(
      R"svg(<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" width="{0:.0f}" height="{1:.0f}" viewBox="0 0 {0:.0f} {1:.0f}" )svg"
      R"svg(data-left="{2:.0f}" data-wide="{3:.0f}" data-total="{4}" data-letter="{5}">
<style>{6}</style>
<defs><linearGradient id="paper" x1="0" y1="0" x2="0" y2="1">)svg"
      R"svg(<stop offset="0" stop-color="#fffdf8"/><stop offset="1" stop-color="#fbeedb"/></linearGradient></defs>
<rect width="100%" height="100%" fill="url(#paper)"/>
<text class="title" x="{2:.0f}" y="26">{7}</text>
<text class="note" x="{2:.0f}" y="46">{8}</text>
<text class="button hidden" id="reset" x="{9:.0f}" y="26" text-anchor="end">Reset zoom</text>
<text class="button" id="search" x="{10:.0f}" y="26" text-anchor="end">Search</text>
<text class="note" id="info" x="{2:.0f}" y="{11:.0f}">{12}</text>
)svg",
      kWidth, height, kMargin, kGraphWidth, total, kLetter, kFlameStyle, Escape(Title(profile)),
      Escape(Subtitle(profile, total)), kWidth - kMargin - 60, kWidth - kMargin, height - 10,
      total == 0 ? "No samples in this profile." : "");
  for (const FlameBox& box : boxes) svg += Box(profile, tree, box, bottom);
  svg += fmt::format("<script><![CDATA[{}]]></script>\n</svg>\n", kFlameScript);
  return svg;
}

}  // namespace profd
