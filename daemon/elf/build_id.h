// The GNU build ID.
#pragma once

#include <string>

#include "elf/layout.h"

namespace profd::elf {

/// In hexadecimal; empty when the object has none.
std::string ReadBuildId(const Image& image, const Layout& layout);

}  // namespace profd::elf
