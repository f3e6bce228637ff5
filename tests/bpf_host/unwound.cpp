#include "unwound.h"

#include <cstring>

namespace profd::bpf_host {

bool Unwound::Estimated() const {
  for (uint32_t i = 0; i < fold_count(); ++i) {
    if (state->record.folds[i].estimated) return true;
  }
  return false;
}

uint64_t Unwound::Depth() const {
  uint64_t depth = frame_count();
  for (uint32_t i = 0; i < fold_count(); ++i) depth += (state->repeats[i] - 1) * state->record.folds[i].length;
  return depth;
}

Unwound Unwind(FakeMemory& memory, const host_thread& thread, uint64_t random) {
  FakeMemory::InUse in_use(memory);
  Unwound unwound{.state = std::make_unique<unwind_state>()};
  // Whatever the last tick on this CPU left behind must not matter.
  memset(unwound.state.get(), 0x5a, sizeof(unwind_state));
  profd_host_unwind(unwound.state.get(), &thread, random);
  unwound.reads = memory.reads();
  unwound.read_bytes = memory.read_bytes();
  unwound.steps = memory.steps();
  return unwound;
}

Unwound Unwind(const Stack& stack, Bounds bounds, uint64_t random) {
  FakeMemory memory;
  stack.MapInto(memory);
  return Unwind(memory, stack.Thread(bounds), random);
}

testing::AssertionResult WellFormed(const Unwound& unwound) {
  const profd_stack_record& record = unwound.state->record;
  if (record.frame_count < 1 || record.frame_count > PROFD_MAX_FRAMES) {
    return testing::AssertionFailure() << record.frame_count << " frames";
  }
  if (record.fold_count > PROFD_MAX_FOLDS) return testing::AssertionFailure() << record.fold_count << " folds";
  uint32_t free_from = 1;
  for (uint32_t i = 0; i < PROFD_MAX_FOLDS; ++i) {
    const profd_fold& fold = record.folds[i];
    const uint64_t repeats = unwound.state->repeats[i];
    if (i >= record.fold_count) {
      if (fold.first || fold.length || fold.estimated || repeats) {
        return testing::AssertionFailure() << "fold " << i << " is not in use and not zero";
      }
      continue;
    }
    if (fold.first < free_from || fold.length < 1 || fold.first + fold.length > record.frame_count || repeats < 1) {
      return testing::AssertionFailure() << "fold " << i << ": first " << fold.first << ", length " << fold.length
                                         << ", repeats " << repeats << " in " << record.frame_count << " frames";
    }
    free_from = fold.first + fold.length;
  }
  return testing::AssertionSuccess();
}

testing::AssertionResult Exact(const Stack& stack, const Unwound& unwound) {
  if (auto formed = WellFormed(unwound); !formed) return formed;
  const unwind_state& state = *unwound.state;
  if (unwound.Estimated()) return testing::AssertionFailure() << "estimated";
  if (unwound.flags()) return testing::AssertionFailure() << "flags " << unwound.flags();
  if (unwound.Depth() != stack.Depth()) {
    return testing::AssertionFailure() << "depth " << unwound.Depth() << ", not " << stack.Depth() << ", with "
                                       << unwound.fold_count() << " folds";
  }
  uint64_t frame = 0;  // of the stack
  uint32_t fold = 0;
  for (uint32_t i = 0; i < state.record.frame_count;) {
    uint64_t times = 1;
    uint32_t length = 1;
    if (fold < state.record.fold_count && state.record.folds[fold].first == i) {
      times = state.repeats[fold];
      length = state.record.folds[fold++].length;
    }
    // Every frame, or of millions every so many: the numbers have no common divisor with any cycle.
    const uint64_t step = times * length > 500'000 ? 97 : 1;
    for (uint64_t expanded = 0; expanded < times * length; expanded += step) {
      if (state.frames[i + expanded % length] != stack.Address(frame + expanded)) {
        return testing::AssertionFailure() << "frame " << frame + expanded << " is another";
      }
    }
    frame += times * length;
    i += length;
  }
  return testing::AssertionSuccess();
}

testing::AssertionResult EndsInRoot(const Stack& stack, const Unwound& unwound, uint32_t count) {
  for (uint32_t i = 1; i <= count; ++i) {
    if (i > unwound.frame_count()) return testing::AssertionFailure() << "only " << unwound.frame_count() << " frames";
    if (unwound.state->frames[unwound.frame_count() - i] != stack.Address(stack.Depth() - i)) {
      return testing::AssertionFailure() << "frame " << i << " from the root is another";
    }
  }
  return testing::AssertionSuccess();
}

}  // namespace profd::bpf_host
