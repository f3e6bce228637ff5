// Unpacking .gnu_debugdata.
#pragma once

#include <string>

#include "base/status.h"
#include "elf/bytes.h"

namespace profd::elf {

/// The content of an xz stream. Refuses broken ones, and those that need or give more than 64 MiB.
absl::StatusOr<std::string> Unxz(const Bytes& packed);

}  // namespace profd::elf
