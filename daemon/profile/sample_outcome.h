// The outcomes of a timer tick, from the one list that the kernel side uses too.
#pragma once

#include <array>

namespace profd {

/// Spelled as in the list.
enum class OutcomeKind { RECORDED, IGNORED, LOST };

struct OutcomeInfo {
  const char* label;  ///< of the metric
  OutcomeKind kind;
  const char* explanation;
};

enum SampleOutcome {
#define PROFD_OUTCOME(name, label, kind, text) name,
#include "shared/sample_outcome.def"
#undef PROFD_OUTCOME
  OUTCOME_COUNT
};

/// All there are, by SampleOutcome.
inline constexpr std::array<OutcomeInfo, OUTCOME_COUNT> kOutcomes = {{
#define PROFD_OUTCOME(name, label, kind, text) {label, OutcomeKind::kind, text},
#include "shared/sample_outcome.def"
#undef PROFD_OUTCOME
}};

/// "recorded", "ignored", "lost".
constexpr const char* Name(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::RECORDED: return "recorded";
    case OutcomeKind::IGNORED: return "ignored";
    case OutcomeKind::LOST: return "lost";
  }
  return "";
}

}  // namespace profd
