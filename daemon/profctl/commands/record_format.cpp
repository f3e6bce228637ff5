#include "profctl/commands/record_format.h"

#include "pprof/pprof.h"
#include "profile/render.h"

namespace profd::profctl {

RecordFormat FormatOf(const std::string& name, const std::string& file) {
  const auto is = [&](std::string_view format, std::string_view ending) {
    return name.empty() ? file.ends_with(ending) : name == format;
  };
  if (is("folded", ".folded") || is("folded", ".txt")) return RecordFormat::kFolded;
  if (is("svg", ".svg")) return RecordFormat::kSvg;
  if (is("speedscope", ".speedscope.json")) return RecordFormat::kSpeedscope;
  return RecordFormat::kPprof;
}

std::string_view ExtensionOf(RecordFormat format) {
  switch (format) {
    case RecordFormat::kPprof: return ".pb.gz";
    case RecordFormat::kFolded: return ".folded";
    case RecordFormat::kSvg: return ".svg";
    case RecordFormat::kSpeedscope: return ".speedscope.json";
  }
  return "";
}

std::string NextStepFor(RecordFormat format, const std::string& file) {
  switch (format) {
    case RecordFormat::kPprof: return "go tool pprof -http=: " + file;
    case RecordFormat::kFolded: return "flamegraph.pl " + file + " > flame.svg";
    case RecordFormat::kSvg: return "open " + file + " in a browser";
    case RecordFormat::kSpeedscope: return "open " + file + " at https://www.speedscope.app";
  }
  return "";
}

absl::StatusOr<std::string> Convert(const std::string& pprof, RecordFormat format) {
  if (format == RecordFormat::kPprof) return pprof;
  ASSIGN_OR_RETURN(const Profile profile, pprof::Decode(pprof));
  switch (format) {
    case RecordFormat::kFolded: return RenderFolded(profile);
    case RecordFormat::kSvg: return RenderFlameSvg(profile);
    default: return RenderSpeedscope(profile);
  }
}

}  // namespace profd::profctl
