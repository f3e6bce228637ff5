#include "recursion/cycle.h"

#include <algorithm>
#include <map>
#include <set>

namespace profd {
namespace {

constexpr size_t kLongestPeriod = 40;
constexpr uint64_t kLeastRepeats = 3;
constexpr size_t kEntryFrames = 8, kRootFrames = 4;
constexpr size_t kMostFunctions = 40;  // of a cycle without a period

/// Frames [first, first + length) stand `repeats` times.
struct Stretch {
  size_t first = 0, length = 0, end = 0;  // `end`: the first frame behind it, towards the root
  uint64_t repeats = 0;
  bool periodic = true;
};

// What a function is told apart by.
const std::string& KeyOf(const ReadFrame& frame) { return frame.named ? frame.code.name : frame.place; }

bool SameFunction(const ReadFrame& a, const ReadFrame& b) { return KeyOf(a) == KeyOf(b); }

Stretch LargestFold(const ReadStack& stack) {
  Stretch best;
  uint64_t most = 0;
  for (const Fold& fold : stack.folds) {
    const uint64_t frames = uint64_t{fold.length} * fold.repeats;
    if (frames <= most || fold.first + fold.length > stack.frames.size()) continue;
    most = frames;
    best = {.first = fold.first,
            .length = fold.length,
            .end = size_t{fold.first} + fold.length,
            .repeats = fold.repeats,
            .periodic = !fold.estimated};
  }
  return best;
}

// The longest run of a stack without folds in which each function stands again `period` frames further.
Stretch LongestRun(const std::vector<ReadFrame>& frames) {
  Stretch best;
  for (size_t period = 1; period <= kLongestPeriod && period * kLeastRepeats <= frames.size(); ++period) {
    for (size_t i = 0; i + period < frames.size(); ++i) {
      size_t run = 0;
      while (i + run + period < frames.size() && SameFunction(frames[i + run], frames[i + run + period])) ++run;
      const size_t covered = run + period;
      if (run / period + 1 >= kLeastRepeats && covered > best.end - best.first) {
        best = {.first = i, .length = period, .end = i + covered, .repeats = run / period + 1};
      }
      i += run;
    }
  }
  return best;
}

// Without a period: from the first to the last of the functions that repeat.
Stretch RepeatingSet(const std::vector<ReadFrame>& frames) {
  std::map<std::string, uint64_t> counts;
  for (const ReadFrame& frame : frames) ++counts[KeyOf(frame)];
  Stretch set{.first = frames.size(), .periodic = false};
  for (size_t i = 0; i < frames.size(); ++i) {
    const uint64_t count = counts[KeyOf(frames[i])];
    if (count < kLeastRepeats) continue;
    set.first = std::min(set.first, i);
    set.end = i + 1;
    set.repeats = std::max(set.repeats, count);
  }
  set.length = set.end > set.first ? set.end - set.first : 0;
  return set;
}

// Caller to callee, the shortest period, the rotation that is least: the same for every stack of this recursion.
std::vector<ReadFrame> Canonical(std::vector<ReadFrame> cycle) {
  std::ranges::reverse(cycle);
  for (size_t period = 1; period < cycle.size(); ++period) {
    if (cycle.size() % period != 0) continue;
    bool same = true;
    for (size_t i = 0; same && i + period < cycle.size(); ++i) same = SameFunction(cycle[i], cycle[i + period]);
    if (!same) continue;
    cycle.resize(period);
    break;
  }
  size_t best = 0;
  const auto key = [&cycle](size_t rotation, size_t i) -> const std::string& {
    return KeyOf(cycle[(rotation + i) % cycle.size()]);
  };
  for (size_t rotation = 1; rotation < cycle.size(); ++rotation) {
    for (size_t i = 0; i < cycle.size(); ++i) {
      const int order = key(rotation, i).compare(key(best, i));
      if (order < 0) best = rotation;
      if (order != 0) break;
    }
  }
  std::rotate(cycle.begin(), cycle.begin() + static_cast<ptrdiff_t>(best), cycle.end());
  return cycle;
}

// The functions that repeat, sorted, each once.
std::vector<ReadFrame> Distinct(const std::vector<ReadFrame>& frames, const Stretch& stretch) {
  std::map<std::string, std::pair<uint64_t, const ReadFrame*>> counts;
  for (size_t i = stretch.first; i < stretch.end; ++i) {
    auto& [count, frame] = counts[KeyOf(frames[i])];
    ++count;
    if (frame == nullptr) frame = &frames[i];
  }
  std::vector<ReadFrame> distinct;
  for (const auto& [key, counted] : counts) {
    if (counted.first >= kLeastRepeats && distinct.size() < kMostFunctions) distinct.push_back(*counted.second);
  }
  return distinct;
}

// The outermost frame of the stretch that is one of the cycle's functions.
CodeFrame Outermost(const ReadStack& stack, const Stretch& stretch, const std::vector<ReadFrame>& cycle) {
  for (size_t i = stretch.end; i-- > stretch.first;) {
    const ReadFrame& frame = stack.frames[i];
    const auto same = [&frame](const ReadFrame& one) { return SameFunction(one, frame); };
    if (std::ranges::any_of(cycle, same)) return frame.code;
  }
  return {};
}

CodeFrame CodeOf(const ReadFrame& frame) {
  CodeFrame code = frame.code;
  if (code.name.empty()) code.name = frame.place;
  return code;
}

}  // namespace

uint64_t ReadStack::Depth() const {
  uint64_t depth = frames.size();
  for (const Fold& fold : folds) depth += uint64_t{fold.length} * (fold.repeats - 1);
  return depth;
}

bool ReadStack::DepthEstimated() const {
  return std::ranges::any_of(folds, [](const Fold& fold) { return fold.estimated; });
}

bool ReadStack::Named() const {
  return std::ranges::all_of(frames, [](const ReadFrame& frame) { return frame.named; });
}

bool Cycle::SharesFunctionWith(const std::vector<CodeFrame>& others) const {
  std::set<std::string> names;
  for (const CodeFrame& other : others) names.insert(other.name);
  return std::ranges::any_of(functions, [&names](const CodeFrame& one) { return names.contains(one.name); });
}

std::optional<Cycle> FindCycle(const ReadStack& stack) {
  Stretch stretch = LargestFold(stack);
  if (stretch.repeats < kLeastRepeats) stretch = LongestRun(stack.frames);
  if (stretch.repeats < kLeastRepeats) stretch = RepeatingSet(stack.frames);
  if (stretch.repeats < kLeastRepeats) return std::nullopt;

  const auto begin = stack.frames.begin() + static_cast<ptrdiff_t>(stretch.first);
  std::vector<ReadFrame> functions = stretch.periodic
                                         ? Canonical({begin, begin + static_cast<ptrdiff_t>(stretch.length)})
                                         : Distinct(stack.frames, stretch);
  if (functions.empty()) return std::nullopt;
  Cycle cycle{.repeats = stretch.repeats, .periodic = stretch.periodic};
  cycle.named = std::ranges::all_of(functions, [](const ReadFrame& frame) { return frame.named; });
  cycle.all_named = cycle.named;
  cycle.outermost = Outermost(stack, stretch, functions);
  for (const ReadFrame& function : functions) {
    cycle.functions.push_back(CodeOf(function));
    cycle.identity += KeyOf(function) + "\n";
  }
  const size_t frames = stack.frames.size();
  // The incomplete cycle at the root end is no entry.
  size_t entry = stretch.end;
  for (size_t i = stretch.end; i < frames; ++i) {
    const auto same = [&](const ReadFrame& one) { return SameFunction(one, stack.frames[i]); };
    if (!std::ranges::any_of(functions, same)) continue;
    cycle.outermost = CodeOf(stack.frames[i]);
    entry = i + 1;
  }
  for (size_t i = entry; i < std::min(frames, entry + kEntryFrames); ++i) {
    cycle.entry.push_back(CodeOf(stack.frames[i]));
    cycle.all_named = cycle.all_named && stack.frames[i].named;
  }
  const size_t behind = frames - entry;
  for (size_t i = frames - std::min(kRootFrames, behind); i < frames; ++i) {
    cycle.root.push_back(CodeOf(stack.frames[i]));
    cycle.all_named = cycle.all_named && stack.frames[i].named;
  }
  return cycle;
}

}  // namespace profd
