// The secret that HTTP clients must know.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace profd {

/// The token in the file at `path`. Where there is none it is made: 32 random bytes in hex, 0640, of `group` if there
/// is such a group. FailedPrecondition: the file cannot be read or made, others can read it, somebody else owns it, or
/// what it holds is no token (at least 16 letters, digits, `-` or `_`).
absl::StatusOr<std::string> LoadOrMakeHttpToken(const std::string& path, const std::string& group);

/// Takes the same time wherever they differ.
bool SameSecret(std::string_view given, std::string_view expected);

}  // namespace profd
