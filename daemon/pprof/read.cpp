#include "pprof/read.h"

#include <string>

#include "pprof/gzip.h"
#include "pprof/pprof.h"
#include "pprof/wire_budget.h"

namespace profd::pprof {

absl::StatusOr<format::Profile> Parse(std::string_view bytes) {
  std::string inflated;
  if (IsGzip(bytes)) {
    ASSIGN_OR_RETURN(inflated, Gunzip(bytes, kMaxInflatedBytes));
    bytes = inflated;
  }
  if (bytes.size() > kMaxInflatedBytes) {
    return Error(absl::StatusCode::kInvalidArgument, "pprof: {} bytes, at most {} are read", bytes.size(),
                 kMaxInflatedBytes);
  }
  if (EstimateMemory(bytes) > kMaxParsedBytes) {
    return Error(absl::StatusCode::kInvalidArgument, "pprof: would take more than {} bytes of memory", kMaxParsedBytes);
  }
  format::Profile profile;
  if (!profile.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InvalidArgumentError("pprof: not a profile.proto message");
  }
  return profile;
}

absl::Status CheckTexts(const format::Profile& profile) {
  uint64_t total = 0;
  const auto use = [&](int64_t index) { total += profile.string_table(static_cast<int>(index)).size(); };
  for (const auto& mapping : profile.mapping()) {
    use(mapping.filename());
    use(mapping.build_id());
  }
  for (const auto& function : profile.function()) {
    use(function.name());
    use(function.system_name());
    use(function.filename());
  }
  for (const auto& sample : profile.sample()) {
    for (const auto& label : sample.label()) use(label.str());
  }
  if (total <= kMaxParsedBytes) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, "pprof: {} bytes of text, at most {} are read", total,
               kMaxParsedBytes);
}

absl::Status Validate(std::string_view bytes) {
  ASSIGN_OR_RETURN(const format::Profile profile, Parse(bytes));
  return CheckRules(profile);
}

}  // namespace profd::pprof
