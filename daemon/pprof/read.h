// From bytes to a parsed, valid profile.proto.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/status.h"
#include "pprof/profile.pb.h"

namespace profd::pprof {

inline constexpr size_t kMaxInflatedBytes = size_t{64} << 20;
inline constexpr size_t kMaxParsedBytes = size_t{256} << 20;

/// Inflates and parses, within the limits above.
absl::StatusOr<format::Profile> Parse(std::string_view bytes);

/// The format's own rules.
absl::Status CheckRules(const format::Profile& profile);

/// Refuses a profile that keeps to the rules and whose texts, each written out where it is used, exceed
/// kMaxParsedBytes.
absl::Status CheckTexts(const format::Profile& profile);

}  // namespace profd::pprof
