// Which functions a stack repeats. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "profile/profile.h"
#include "recursion/event.h"

namespace profd {

/// A stack as it was read, inlined calls in full; leaf first.
struct ReadFrame {
  CodeFrame code;
  std::string place;   ///< "FILE+0xOFFSET": what it is by while its name is not known
  bool named = false;  ///< or will never have a name
};

struct ReadStack {
  std::vector<ReadFrame> frames;
  std::vector<Fold> folds;  ///< of `frames`
  bool truncated = false;   ///< the root is missing

  uint64_t Depth() const;
  bool DepthEstimated() const;
  bool Named() const;
};

struct Cycle {
  std::vector<CodeFrame> functions;  ///< caller to callee, in canonical rotation; without a period: those that repeat
  std::vector<CodeFrame> entry;      ///< who called into it, nearest first
  std::vector<CodeFrame> root;       ///< the last frames, the start function last
  CodeFrame outermost;               ///< the function of the cycle that was called first
  uint64_t repeats = 0;              ///< how often it stands on the stack, at least 3
  bool periodic = false;
  bool named = false;      ///< its functions are
  bool all_named = false;  ///< and those of entry and root
  std::string identity;    ///< of its functions, whatever their addresses

  bool SharesFunctionWith(const std::vector<CodeFrame>& others) const;
};

/// The cycle that most of the stack consists of: a fold, or what repeats at least three times in a short stack.
/// Nothing: no recursion.
std::optional<Cycle> FindCycle(const ReadStack& stack);

}  // namespace profd
