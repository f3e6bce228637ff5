// The caller of a Go leaf, where the walk along the frame pointers skipped it (bpf/unwind/leaf.h says why it does).
#pragma once

#include <cstdint>

#include "pipeline/stages.h"

namespace profd {

/// `stack_delta`: how far above the stack pointer the leaf's return address stands, bytes. If that is not where the
/// walk found it, and what stands there may be a return address, it becomes the second frame.
void InsertSkippedCaller(ResolvedStack& resolved, uint32_t stack_delta);

}  // namespace profd
