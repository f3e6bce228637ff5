// gzip, whole buffers.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/status.h"

namespace profd::pprof {

/// Byte-equal for equal input: the header has no time and no name.
std::string Gzip(std::string_view bytes);

bool IsGzip(std::string_view bytes);

/// All members of a gzip file. InvalidArgument if it is damaged or becomes larger than `max_bytes`.
absl::StatusOr<std::string> Gunzip(std::string_view bytes, size_t max_bytes);

}  // namespace profd::pprof
