// What the kernel side must know about one Go program, from its table of functions and their machine code.
#pragma once

#include "elf/layout.h"
#include "elf/object.h"
#include "elf/pclntab.h"

namespace profd::elf {

/// Completes `runtime`, whose version and offsets are known. Refuses (FailedPrecondition) a program whose goroutine
/// cannot be found, and one whose code contradicts the offsets; what else was found stays.
absl::Status ReadGoFacts(const Image& image, const Layout& layout, const Pclntab& functions, GoRuntime& runtime);

}  // namespace profd::elf
