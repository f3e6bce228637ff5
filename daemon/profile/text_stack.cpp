#include "profile/text_stack.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.h"
#include "profile/frame_name.h"

namespace profd {
namespace {

using Kind = TextFrame::Kind;

std::vector<TextFrame> FramesOf(const Profile& profile, const Location& location) {
  const bool kernel = IsKernel(profile, location);
  if (location.lines.empty()) {
    return {{.kind = Kind::kUnknown, .name = ToPrintable(UnknownFrameName(profile, location))}};
  }
  std::vector<TextFrame> frames;
  for (size_t i = location.lines.size(); i-- > 0;) {
    TextFrame& frame = frames.emplace_back();
    frame.name = ToPrintable(FrameName(profile, location, i));
    frame.function = location.lines[i].function;
    frame.line = location.lines[i].line;
    if (kernel) {
      frame.kind = Kind::kKernel;
      frame.name += "_[k]";
    } else if (location.mapping == kNone && frame.name.starts_with('[')) {
      frame.kind = Kind::kMarker;
    }
  }
  return frames;
}

}  // namespace

StackTexts::StackTexts(const Profile& profile) : profile_(profile) {
  for (const Location& location : profile.locations) frames_.push_back(FramesOf(profile, location));
  several_commands_ = std::any_of(profile.processes.begin(), profile.processes.end(), [&](const Process& process) {
    return process.command != profile.processes.front().command;
  });
}

std::vector<TextFrame> StackTexts::Of(const Sample& sample) const {
  std::vector<TextFrame> frames;
  if (several_commands_) {
    const std::string command =
        sample.process == kNone ? "[unknown]" : ToPrintable(profile_.processes[sample.process].command);
    frames.push_back({.kind = Kind::kProcess, .name = command});
  }
  const CallStack& stack = sample.stack;
  auto fold = stack.folds.rbegin();
  for (size_t i = stack.locations.size(); i-- > 0;) {
    const std::vector<TextFrame>& at = frames_[stack.locations[i]];
    frames.insert(frames.end(), at.begin(), at.end());
    if (fold != stack.folds.rend() && i == fold->first) {
      frames.push_back({.kind = Kind::kRecursion,
                        .name = fmt::format("[recursion {}x{}]", fold->estimated ? "~" : "", fold->repeats)});
      ++fold;
    }
  }
  return frames;
}

}  // namespace profd
