#include "recursion/advice.h"

#include <fmt/format.h>

#include <algorithm>

namespace profd {
namespace {

// Go's own packages have no dot in the first element of their path; a program's are "main" or begin with a host.
bool IsOfLibrary(const CodeFrame& frame) {
  const std::string& name = frame.name;
  if (frame.file.find(".go") == std::string::npos) return false;
  const std::string package = name.substr(0, std::min(name.find('/'), name.find('.')));
  const bool has_path = name.find('/') < name.find('(');
  if (package == "main") return false;
  return !has_path || name.substr(0, name.find('/')).find('.') == std::string::npos;
}

std::string PlaceOf(const CodeFrame& frame) {
  if (frame.file.empty()) return frame.name;
  const std::string file = frame.file.substr(frame.file.rfind('/') + 1);
  return frame.line > 0 ? fmt::format("{} ({}:{})", frame.name, file, frame.line)
                        : fmt::format("{} ({})", frame.name, file);
}

}  // namespace

std::string AdviceFor(const Cycle& cycle) {
  const auto own = std::ranges::find_if_not(cycle.functions, IsOfLibrary);
  if (own == cycle.functions.end()) {
    const auto caller = std::ranges::find_if_not(cycle.entry, IsOfLibrary);
    if (caller == cycle.entry.end()) return "the value that it walks holds itself: break that, or limit the depth";
    return fmt::format("the value that {} passes on holds itself: break that there, or pass a copy without it",
                       PlaceOf(*caller));
  }
  // Where the cycle is entered, if that is the program's own code.
  const CodeFrame& place = IsOfLibrary(cycle.outermost) || cycle.outermost.name.empty() ? *own : cycle.outermost;
  return fmt::format("a limit of the depth, or a set of what was visited, belongs into {}", PlaceOf(place));
}

}  // namespace profd
