// What a frame is called, everywhere it is shown.
#pragma once

#include <string>
#include <string_view>

#include "profile/profile.h"

namespace profd {

inline constexpr std::string_view kKernelMapping = "[kernel]";
inline constexpr std::string_view kUnknownFrame = "[unknown]";

/// The name of a location without symbols: `[unknown] libfoo.so+0x1234 (build ID abcdef12)` with the offset in the file
/// and the whole build ID, which is what debug info is looked up by. It does not depend on where the file is mapped, so
/// equal frames of two processes have equal names. `[unknown]` alone when it lies in no mapping.
std::string UnknownFrameName(const Profile& profile, const Location& location);

/// The name of `location.lines[line]`'s function, or UnknownFrameName where there is none.
std::string FrameName(const Profile& profile, const Location& location, size_t line = 0);

/// Is it code of the kernel?
bool IsKernel(const Profile& profile, const Location& location);

}  // namespace profd
