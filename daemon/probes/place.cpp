#include "probes/place.h"

#include <unistd.h>

#include <algorithm>
#include <array>

namespace profd {
namespace {

constexpr char kBreakpoint = '\xcc';

// What may stand before the jump to runtime.morestack, and changes neither arguments nor stack pointer: the check of
// the stack pointer against the goroutine's guard (g is in %r14), of large frames with a computed address.
struct Opening {
  std::string_view code;
  size_t size;
};
constexpr std::array kChecks = {
    Opening{std::string_view("\xf3\x0f\x1e\xfa", 4), 4},  // endbr64, which C compilers put first
    Opening{std::string_view("\x49\x3b\x66", 3), 4},      // cmp GUARD(%r14),%rsp
    Opening{std::string_view("\x4d\x3b\x66", 3), 4},      // cmp GUARD(%r14),%r12
    Opening{std::string_view("\x4c\x8d\x64\x24", 4), 5},  // lea -SIZE8(%rsp),%r12
    Opening{std::string_view("\x4c\x8d\xa4\x24", 4), 8},  // lea -SIZE32(%rsp),%r12
};

// As the kernel's arch/x86/kernel/uprobes.c knows them: conditional and other jumps, calls, pushes of registers, nops.
bool IsEmulated(std::string_view code) {
  const auto byte = [&code](size_t at) { return at < code.size() ? static_cast<uint8_t>(code[at]) : uint8_t{0}; };
  const bool jump = (byte(0) & 0xf0) == 0x70 || byte(0) == 0xeb || byte(0) == 0xe9 || byte(0) == 0xe8 ||
                    (byte(0) == 0x0f && (byte(1) & 0xf0) == 0x80);
  const bool push = (byte(0) & 0xf8) == 0x50 || (byte(0) == 0x41 && (byte(1) & 0xf8) == 0x50);
  return jump || push || byte(0) == 0x90;
}

}  // namespace

absl::StatusOr<ProbePlace> PlaceProbe(std::string_view code) {
  if (code.size() < 2) return Error(absl::StatusCode::kFailedPrecondition, "its code is not known");
  if (code.front() == kBreakpoint) {
    return Error(absl::StatusCode::kFailedPrecondition, "another tool's breakpoint is in the file");
  }
  size_t at = 0;
  while (at < code.size() && !IsEmulated(code.substr(at))) {
    const auto check = std::ranges::find_if(
        kChecks, [&](const Opening& opening) { return code.substr(at).starts_with(opening.code); });
    if (check == kChecks.end()) return ProbePlace{};
    at += check->size;
  }
  if (at >= code.size()) return ProbePlace{};
  return ProbePlace{.distance = static_cast<uint32_t>(at), .emulated = true};
}

absl::Status CheckCode(int fd, const FunctionCode& function) {
  std::string now(function.code.size(), '\0');
  const ssize_t got = pread(fd, now.data(), now.size(), static_cast<off_t>(function.offset));
  if (got == static_cast<ssize_t>(now.size()) && now == function.code) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "its code has changed since it was read");
}

}  // namespace profd
