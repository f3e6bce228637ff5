#include "base/utf8.h"

namespace profd {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

bool IsControl(uint32_t code_point) {
  const auto within = [&](uint32_t first, uint32_t last) { return code_point >= first && code_point <= last; };
  return within(0, 0x1F) || within(0x7F, 0x9F) ||             // C0, DEL, C1
         within(0x2028, 0x202E) || within(0x2066, 0x2069) ||  // separators, overrides of the reading direction
         (code_point & 0xFFFE) == 0xFFFE;                     // not in XML
}

template <typename Keep>
std::string Convert(std::string_view bytes, char replacement, Keep keep) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    uint32_t code_point = 0;
    const size_t length = DecodeUtf8(bytes, code_point);
    if (length == 0) {
      text += kReplacement;
    } else if (keep(code_point)) {
      text += bytes.substr(0, length);
    } else {
      text += replacement;
    }
    bytes.remove_prefix(length == 0 ? 1 : length);
  }
  return text;
}

}  // namespace

size_t DecodeUtf8(std::string_view text, uint32_t& code_point) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) {
    code_point = lead;
    return 1;
  }
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  code_point = lead & (0x7F >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
    code_point = code_point << 6 | (byte(i) & 0x3F);
  }
  constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;
  return code_point < kSmallest[length] || surrogate || code_point > 0x10FFFF ? 0 : length;
}

std::string ToUtf8(std::string_view bytes) {
  return Convert(bytes, '?', [](uint32_t) { return true; });
}

std::string ToPrintable(std::string_view bytes, char replacement) {
  return Convert(bytes, replacement, [](uint32_t code_point) { return !IsControl(code_point); });
}

}  // namespace profd
