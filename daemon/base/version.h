// Which profd this is.
#pragma once

#include <string_view>

namespace profd {

/// "0.1.0", the version of the CMake project.
std::string_view Version();

}  // namespace profd
