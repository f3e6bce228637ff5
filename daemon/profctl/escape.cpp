#include "profctl/escape.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <span>

#include "base/utf8.h"

namespace profd::profctl {
namespace {

struct Interval {
  uint32_t first, last;
};

bool IsIn(std::span<const Interval> intervals, uint32_t code_point) {
  return std::ranges::any_of(intervals, [code_point](const Interval& interval) {
    return code_point >= interval.first && code_point <= interval.last;
  });
}

// Controls, marks of the reading direction, and what shows nothing at all.
constexpr Interval kUnsafe[] = {{0x00, 0x1F},     {0x7F, 0x9F},     {0xAD, 0xAD},      {0x61C, 0x61C},
                                {0x180E, 0x180E}, {0x200B, 0x200F}, {0x2028, 0x202E},  {0x2060, 0x206F},
                                {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB}, {0xE0000, 0xE007F}};
// Characters that stand on the one before them.
constexpr Interval kCombining[] = {{0x300, 0x36F},   {0x483, 0x489},   {0x591, 0x5BD},   {0x610, 0x61A},
                                   {0x64B, 0x65F},   {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x20D0, 0x20FF},
                                   {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}};
// East Asian wide and full-width characters, and emoji.
constexpr Interval kWide[] = {{0x1100, 0x115F},   {0x2E80, 0x303E},  {0x3041, 0x4DBF},   {0x4E00, 0xA4CF},
                              {0xA960, 0xA97F},   {0xAC00, 0xD7A3},  {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},
                              {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},  {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF},
                              {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};

std::string Spell(uint32_t code_point) {
  switch (code_point) {
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    default: break;
  }
  if (code_point < 0x80) return fmt::format("\\x{:02x}", code_point);
  return code_point <= 0xFFFF ? fmt::format("\\u{:04x}", code_point) : fmt::format("\\U{:08x}", code_point);
}

size_t WidthOf(uint32_t code_point) {
  if (IsIn(kCombining, code_point)) return 0;
  return IsIn(kWide, code_point) ? 2 : 1;
}

}  // namespace

std::string Escape(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  while (!text.empty()) {
    uint32_t code_point = 0;
    const size_t length = DecodeUtf8(text, code_point);
    if (length == 0) {
      escaped += fmt::format("\\x{:02x}", static_cast<uint8_t>(text[0]));
    } else if (IsIn(kUnsafe, code_point)) {
      escaped += Spell(code_point);
    } else {
      escaped += text.substr(0, length);
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return escaped;
}

size_t DisplayWidth(std::string_view text) {
  size_t width = 0;
  while (!text.empty()) {
    uint32_t code_point = 0;
    const size_t length = DecodeUtf8(text, code_point);
    width += length == 0 ? 1 : WidthOf(code_point);
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return width;
}

std::string Truncate(std::string_view text, size_t width) {
  if (DisplayWidth(text) <= width) return std::string(text);
  if (width == 0) return "";
  std::string kept;
  size_t used = 1;  // the ellipsis
  while (!text.empty()) {
    uint32_t code_point = 0;
    const size_t length = std::max<size_t>(DecodeUtf8(text, code_point), 1);
    if (used + WidthOf(code_point) > width) break;
    used += WidthOf(code_point);
    kept += text.substr(0, length);
    text.remove_prefix(length);
  }
  return kept + "…";
}

}  // namespace profd::profctl
