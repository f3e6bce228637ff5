#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/saturating.h"
#include "profile/render.h"
#include "profile/text_stack.h"

namespace profd {

std::string RenderFolded(const Profile& profile) {
  const StackTexts texts(profile);
  std::map<std::string, uint64_t> counts;
  for (const Sample& sample : profile.samples) {
    std::string line;
    for (TextFrame& frame : texts.Of(sample)) {
      std::replace(frame.name.begin(), frame.name.end(), ';', ':');
      if (!line.empty()) line += ';';
      line += frame.name;
    }
    if (line.empty()) line = "[no stack]";
    uint64_t& count = counts[std::move(line)];
    count = SaturatingAdd(count, sample.count);
  }
  std::string text;
  for (const auto& [line, count] : counts) text += fmt::format("{} {}\n", line, count);
  return text;
}

}  // namespace profd
