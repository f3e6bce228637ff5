#include "worker/syscall_filter.h"

#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <memory>

namespace profd {
namespace {

// Memory, the given descriptors, the way out.
constexpr int kAllowed[] = {
    SCMP_SYS(read),        SCMP_SYS(pread64),         SCMP_SYS(recvmsg),
    SCMP_SYS(sendmsg),     SCMP_SYS(close),           SCMP_SYS(fstat),
    SCMP_SYS(munmap),      SCMP_SYS(mremap),          SCMP_SYS(madvise),
    SCMP_SYS(brk),         SCMP_SYS(futex),           SCMP_SYS(exit),
    SCMP_SYS(exit_group),  SCMP_SYS(rt_sigreturn),    SCMP_SYS(clock_gettime),
    SCMP_SYS(sched_yield), SCMP_SYS(restart_syscall),
};

// Memory that can be executed would turn a slip in the reading into a program.
constexpr int kWithoutExec[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect)};
constexpr unsigned kProtectionArgument = 2;

absl::Status Failed(const char* what, int error) {
  return Error(absl::StatusCode::kInternal, "worker: seccomp: {}: {}", what, ErrnoText(error));
}

}  // namespace

absl::Status InstallSyscallFilter() {
  const std::unique_ptr<void, void (*)(void*)> filter(seccomp_init(SCMP_ACT_KILL_PROCESS), seccomp_release);
  if (filter == nullptr) return Error(absl::StatusCode::kInternal, "worker: seccomp: cannot make a filter");
  for (const int call : kAllowed) {
    if (const int error = seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0); error != 0) {
      return Failed("a rule", error);
    }
  }
  for (const int call : kWithoutExec) {
    const scmp_arg_cmp no_exec = SCMP_CMP(kProtectionArgument, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    if (const int error = seccomp_rule_add_array(filter.get(), SCMP_ACT_ALLOW, call, 1, &no_exec); error != 0) {
      return Failed("a rule", error);
    }
  }
  if (const int error = seccomp_load(filter.get()); error != 0) return Failed("cannot load the filter", error);
  return absl::OkStatus();
}

}  // namespace profd
