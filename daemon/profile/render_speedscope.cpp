#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "base/saturating.h"
#include "base/utf8.h"
#include "base/version.h"
#include "profile/render.h"
#include "profile/text_stack.h"

namespace profd {
namespace {

using Json = nlohmann::ordered_json;

/// speedscope's table of frames; a frame is a name and a place in the source.
class FrameTable {
 public:
  explicit FrameTable(const Profile& profile) : profile_(profile) {}

  size_t IndexOf(const TextFrame& frame) {
    std::string file;
    if (frame.function != kNone) file = ToUtf8(profile_.functions[frame.function].file);
    // One frame for each function, whatever its line: otherwise speedscope shows each call site as a function.
    const int64_t line = frame.function == kNone ? 0 : profile_.functions[frame.function].start_line;
    const auto [entry, is_new] = index_.try_emplace({frame.name, file, line}, frames_.size());
    if (is_new) {
      Json json{{"name", frame.name}};
      if (!file.empty()) json["file"] = file;
      if (line > 0) json["line"] = line;
      frames_.push_back(std::move(json));
    }
    return entry->second;
  }

  Json Take() { return std::move(frames_); }

 private:
  const Profile& profile_;
  std::map<std::tuple<std::string, std::string, int64_t>, size_t> index_;
  Json frames_ = Json::array();
};

std::string ProfileName(const Profile& profile) {
  if (profile.processes.size() != 1) return "profd";
  return fmt::format("{} (pid {})", ToPrintable(profile.processes.front().command), profile.processes.front().pid);
}

}  // namespace

std::string RenderSpeedscope(const Profile& profile) {
  const StackTexts texts(profile);
  FrameTable frames(profile);
  std::map<std::vector<size_t>, uint64_t> stacks;
  for (const Sample& sample : profile.samples) {
    std::vector<size_t> stack;
    for (const TextFrame& frame : texts.Of(sample)) stack.push_back(frames.IndexOf(frame));
    uint64_t& count = stacks[std::move(stack)];
    count = SaturatingAdd(count, sample.count);
  }

  // A profile that does not know its period is one of plain counts.
  const bool timed = profile.period.count() > 0;
  Json samples = Json::array(), weights = Json::array();
  uint64_t total = 0;
  for (const auto& [stack, count] : stacks) {
    const uint64_t weight = timed ? SaturatingMultiply(count, profile.period.count()) : count;
    samples.push_back(stack);
    weights.push_back(weight);
    total = SaturatingAdd(total, weight);
  }
  const std::string name = ProfileName(profile);
  Json file{{"$schema", "https://www.speedscope.app/file-format-schema.json"},
            {"exporter", fmt::format("profd {}", Version())},
            {"name", name},
            {"activeProfileIndex", 0},
            {"shared", {{"frames", frames.Take()}}}};
  file["profiles"].push_back({{"type", "sampled"},
                              {"name", name},
                              {"unit", timed ? "nanoseconds" : "none"},
                              {"startValue", 0},
                              {"endValue", total},
                              {"samples", std::move(samples)},
                              {"weights", std::move(weights)}});
  return file.dump() + "\n";
}

}  // namespace profd
