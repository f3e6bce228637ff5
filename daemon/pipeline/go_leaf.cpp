#include "pipeline/go_leaf.h"

#include <algorithm>

namespace profd {

void InsertSkippedCaller(ResolvedStack& resolved, uint32_t stack_delta) {
  constexpr uint32_t kWord = 8;
  RawStack& stack = resolved.stack;
  // The walk takes the word behind the saved frame pointer.
  if (stack.frames.empty() || (stack.leaf_frame && *stack.leaf_frame + kWord == stack_delta)) return;
  const auto caller = std::find_if(stack.leaf_callers.begin(), stack.leaf_callers.end(),
                                   [&](const RawStack::LeafCaller& one) { return one.above == stack_delta; });
  if (caller == stack.leaf_callers.end()) return;
  const auto index = static_cast<size_t>(caller - stack.leaf_callers.begin());
  const auto place = static_cast<ptrdiff_t>(stack.leaf_index) + 1;
  resolved.addresses.insert(resolved.addresses.begin() + place, resolved.leaf_callers[index]);
  stack.frames.insert(stack.frames.begin() + place, caller->address);
  for (Fold& fold : stack.folds) ++fold.first;  // all are above the leaf
}

}  // namespace profd
