// Foreign bytes (names of symbols, threads, files) as valid UTF-8, which JSON, XML, protobuf and terminals insist on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace profd {

/// Length of the well-formed sequence that `text` (not empty) starts with, and its code point; 0 if there is none.
size_t DecodeUtf8(std::string_view text, uint32_t& code_point);

/// `bytes` with U+FFFD for every byte that is no part of a well-formed sequence (overlong forms, surrogates and code
/// points beyond U+10FFFF are not well formed). Valid text comes back unchanged.
std::string ToUtf8(std::string_view bytes);

/// ToUtf8 with `replacement` for every control character too (C0, DEL, C1, line separators, overrides of the reading
/// direction, what XML forbids), so that the result stands on one line, reads as it is and cannot steer a terminal.
std::string ToPrintable(std::string_view bytes, char replacement = '?');

}  // namespace profd
