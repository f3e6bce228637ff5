// Finding gopclntab and the text it counts from, also in stripped, relocated and section-less objects.
#pragma once

#include <string>

#include "elf/go_module.h"
#include "elf/layout.h"
#include "elf/pclntab.h"

namespace profd::elf {

struct GoText {
  Pclntab functions;
  GoModule module;
};

/// Of an object that this version of Go built; it does not outlive `image` and `layout`. Refuses, by name of the
/// reason, a table of functions that is not there or does not add up. Where the version's layout of moduledata is not
/// known, the table has no inlined calls.
absl::StatusOr<GoText> ReadGoText(const Image& image, const Layout& layout, const std::string& version);

}  // namespace profd::elf
