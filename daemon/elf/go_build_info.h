// Which Go an executable was built with.
#pragma once

#include <string>

#include "elf/layout.h"

namespace profd::elf {

/// "go1.26.1", with what the toolchain adds ("go1.24.4 X:noswissmap"); empty when the object was not built by Go 1.18
/// or newer. Printable characters only.
std::string ReadGoVersion(const Image& image, const Layout& layout);

}  // namespace profd::elf
