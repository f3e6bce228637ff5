#include "recursion/event.h"

#include <algorithm>
#include <array>

namespace profd {
namespace {

constexpr std::array kGrades{"observed", "growing", "projected", "proven"};
constexpr std::array kStates{"active", "ended", "crashed", "oom_killed"};
constexpr std::array kTriggers{"sample", "stack_growth", "fatal_error", "fatal_signal", "oom_kill"};

template <typename Value>
std::optional<Value> Parse(const auto& words, std::string_view word) {
  const auto found = std::ranges::find(words, word);
  if (found == words.end()) return std::nullopt;
  return static_cast<Value>(found - words.begin());
}

}  // namespace

const char* ToWord(RecursionGrade grade) { return kGrades.at(static_cast<size_t>(grade)); }
const char* ToWord(RecursionState state) { return kStates.at(static_cast<size_t>(state)); }
const char* ToWord(RecursionTrigger trigger) { return kTriggers.at(static_cast<size_t>(trigger)); }
std::optional<RecursionGrade> ParseGrade(std::string_view word) { return Parse<RecursionGrade>(kGrades, word); }
std::optional<RecursionState> ParseState(std::string_view word) { return Parse<RecursionState>(kStates, word); }
std::optional<RecursionTrigger> ParseTrigger(std::string_view word) { return Parse<RecursionTrigger>(kTriggers, word); }

}  // namespace profd
