// Numbers as people read them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace profd::profctl {

/// `3,532,112`.
std::string FormatCount(uint64_t count);
/// `1 frame`, `3,532,112 frames`.
std::string FormatCount(uint64_t count, std::string_view noun);
/// `812 B`, `4.0 KiB`, `512 MiB`.
std::string FormatBytes(uint64_t bytes);
/// `12.3%`; `part` of `whole`, `0.0%` of nothing.
std::string FormatShare(uint64_t part, uint64_t whole);

}  // namespace profd::profctl
