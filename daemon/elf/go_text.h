// Finding gopclntab and the text it counts from, also in stripped, relocated and section-less objects.
#pragma once

#include <string>

#include "elf/layout.h"
#include "elf/pclntab.h"

namespace profd::elf {

/// The table of an object that this version of Go built. Refuses, by name of the reason, one that is not there or does
/// not add up. Where the version's layout of moduledata is not known, the table has no inlined calls.
absl::StatusOr<Pclntab> ReadPclntab(const Image& image, const Layout& layout, const std::string& version);

}  // namespace profd::elf
