// Foreign names on a terminal. Whoever names a process, a function or a pod chooses these bytes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace profd::profctl {

/// `text` on one line and harmless: control characters, invalid UTF-8, changes of the reading direction and invisible
/// characters stand as `\n`, `\x1b`, `\u202e`. All other text comes back unchanged.
std::string Escape(std::string_view text);

/// Columns that escaped text takes in a terminal.
size_t DisplayWidth(std::string_view text);

/// Escaped text cut to at most `width` columns; what was cut ends in an ellipsis.
std::string Truncate(std::string_view text, size_t width);

}  // namespace profd::profctl
