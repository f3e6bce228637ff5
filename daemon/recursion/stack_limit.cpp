#include "recursion/stack_limit.h"

#include <algorithm>
#include <bit>

namespace profd {
namespace {

// runtime/proc.go, main: 1,000,000,000 bytes on 64-bit systems, and a ceiling of twice that.
constexpr uint64_t kGoDefault = 1'000'000'000;
constexpr uint64_t kGoCeiling = 2 * kGoDefault;

}  // namespace

StackLimit GoStackLimit(uint64_t max_stack) {
  const uint64_t most = std::min(max_stack ? max_stack : kGoDefault, kGoCeiling);
  return {.bytes = std::bit_floor(most), .reason = "goroutine stack limit"};
}

StackLimit ThreadStackLimit(bool main_thread, uint64_t rlimit, uint64_t stack_lo, uint64_t stack_hi) {
  constexpr uint64_t kUnlimited = uint64_t{1} << 62;
  if (main_thread) {
    if (rlimit == 0 || rlimit > kUnlimited) return {};
    return {.bytes = rlimit, .reason = "RLIMIT_STACK"};
  }
  if (stack_hi <= stack_lo) return {};
  return {.bytes = stack_hi - stack_lo, .reason = "the thread's stack mapping"};
}

StackLimit CutToMemory(StackLimit own, uint64_t stack_bytes, const std::optional<MemoryRoom>& room) {
  if (!room) return own;
  const uint64_t most = stack_bytes + room->left_bytes;
  if (own.bytes != 0 && own.bytes <= most) return own;
  return {.bytes = most, .reason = room->reason};
}

}  // namespace profd
