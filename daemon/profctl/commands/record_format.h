// The forms in which a recording can be kept.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace profd::profctl {

enum class RecordFormat { kPprof, kFolded, kSvg, kSpeedscope };

/// By name; when that is empty by the end of the file's name; else pprof.
RecordFormat FormatOf(const std::string& name, const std::string& file);
/// `.pb.gz`, `.folded`, `.svg`, `.speedscope.json`.
std::string_view ExtensionOf(RecordFormat format);
/// What to do with such a file.
std::string NextStepFor(RecordFormat format, const std::string& file);

/// `pprof`, as the daemon sent it, in that form.
absl::StatusOr<std::string> Convert(const std::string& pprof, RecordFormat format);

}  // namespace profd::profctl
