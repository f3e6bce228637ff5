// How much stack a recursion may use before its process dies. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace profd {

struct StackLimit {
  uint64_t bytes = 0;  ///< 0: not known
  std::string reason;
};

/// What memory is left for a process, and what says so.
struct MemoryRoom {
  uint64_t left_bytes = 0;
  uint64_t limit_bytes = 0;  ///< of all memory together; 0: it has none of its own
  std::string reason;        ///< "memory.max of /kubepods/...", "the machine's memory"
};

/// Of a goroutine: stacks double, so it is the largest power of two within `max_stack` (runtime.maxstacksize; 0: its
/// default) and the runtime's ceiling of twice its default.
StackLimit GoStackLimit(uint64_t max_stack);
/// Of a thread: the main thread's by RLIMIT_STACK, others' by their mapping; 0 bytes where that is not known.
StackLimit ThreadStackLimit(bool main_thread, uint64_t rlimit, uint64_t stack_lo, uint64_t stack_hi);
/// `own`, cut to what memory allows: the stack in use and what is left.
StackLimit CutToMemory(StackLimit own, uint64_t stack_bytes, const std::optional<MemoryRoom>& room);

}  // namespace profd
