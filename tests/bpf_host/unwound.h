// Runs the unwinder on a synthetic stack and looks at what came out.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "fake_memory.h"
#include "stack.h"
#include "unwind_host.h"

namespace profd::bpf_host {

struct Unwound {
  std::unique_ptr<unwind_state> state;
  uint64_t reads = 0, read_bytes = 0, steps = 0;

  uint32_t frame_count() const { return state->record.frame_count; }
  uint32_t fold_count() const { return state->record.fold_count; }
  uint32_t flags() const { return state->record.flags; }
  bool Estimated() const;
  /// Frames on the real stack, every fold counted in full.
  uint64_t Depth() const;
  /// Addresses as recorded, folds not expanded.
  std::vector<uint64_t> Frames() const { return {state->frames, state->frames + frame_count()}; }
};

Unwound Unwind(FakeMemory& memory, const host_thread& thread, uint64_t random = 88172645463325252);
/// The stack alone in memory.
Unwound Unwind(const Stack& stack, Bounds bounds = Bounds::kLate, uint64_t random = 88172645463325252);

/// What holds for every stack, honest or hostile: folds in order, inside the frames, never over the leaf; unused ones
/// 0.
testing::AssertionResult WellFormed(const Unwound& unwound);
/// The root reached, nothing estimated or flagged, and expanding the folds gives the stack's frames, one by one.
testing::AssertionResult Exact(const Stack& stack, const Unwound& unwound);
/// The last `count` frames are those next to the stack's root.
testing::AssertionResult EndsInRoot(const Stack& stack, const Unwound& unwound, uint32_t count);

}  // namespace profd::bpf_host
