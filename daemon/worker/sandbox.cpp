#include "worker/sandbox.h"

#include <dirent.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "worker/syscall_filter.h"

namespace profd {
namespace {

// Sanitizers reserve terabytes and run threads of their own.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
#else
constexpr bool kSanitized = false;
#endif

constexpr uid_t kNobody = 65534;
// Standard streams, the socket, the object, and one to spare.
constexpr rlim_t kMaxDescriptors = 6;

absl::Status Failed(std::string_view what) {
  return Error(absl::StatusCode::kInternal, "worker: {}: {}", what, ErrnoText(errno));
}

// Filters and limits of other threads would differ: there must be none.
absl::Status CheckAlone() {
  if (kSanitized) return absl::OkStatus();
  DIR* tasks = opendir("/proc/self/task");
  if (tasks == nullptr) return absl::OkStatus();
  int threads = 0;
  while (const dirent* entry = readdir(tasks)) threads += entry->d_name[0] != '.';
  closedir(tasks);
  if (threads == 1) return absl::OkStatus();
  return Error(absl::StatusCode::kInternal, "worker: {} threads at its start", threads);
}

absl::Status EndWithParent(pid_t parent) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return Failed("cannot be bound to its parent");
  if (getppid() != parent) return Error(absl::StatusCode::kInternal, "worker: its parent is gone");
  return absl::OkStatus();
}

// What profd blocks and ignores passes through exec.
void ResetSignals() {
  for (int number = 1; number < NSIG; ++number) std::signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Each of these needs a privilege that profd may lack; the filter stands without them.
void LeaveWherePermitted() {
  // A folder that holds nothing but the names of this process's descriptors, and nothing at all once it is gone.
  if (chdir("/proc/self/fdinfo") == 0 && chroot(".") != 0) static_cast<void>(chdir("/"));
  // Another user's id takes CAP_SETPCAP with it: the bounding set goes first.
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; ++capability) {
    static_cast<void>(prctl(PR_CAPBSET_DROP, capability));
  }
  static_cast<void>(setgroups(0, nullptr));
  static_cast<void>(setresgid(kNobody, kNobody, kNobody));
  static_cast<void>(setresuid(kNobody, kNobody, kNobody));
}

absl::Status DropCapabilities() {
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capset, &header, data) != 0) return Failed("cannot drop its capabilities");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return Failed("cannot give up new privileges");
  if (prctl(PR_SET_DUMPABLE, 0) != 0) return Failed("cannot forbid dumps");
  return absl::OkStatus();
}

absl::Status Limit(__rlimit_resource resource, const char* name, rlim_t value) {
  rlimit limit{};
  if (getrlimit(resource, &limit) != 0) return Failed(name);
  // Only lowering needs no privilege.
  value = std::min(value, limit.rlim_max);
  limit = {value, value};
  if (setrlimit(resource, &limit) != 0) return Failed(name);
  rlimit now{};
  if (getrlimit(resource, &now) != 0 || now.rlim_cur > value || now.rlim_max > value) return Failed(name);
  return absl::OkStatus();
}

absl::Status ApplyLimits(const worker::Limits& limits) {
  if (limits.memory_bytes() == 0 || limits.address_space_bytes() == 0 || limits.cpu_seconds() == 0) {
    return Error(absl::StatusCode::kInternal, "worker: a limit of 0 was asked for");
  }
  RETURN_IF_ERROR(Limit(RLIMIT_CPU, "RLIMIT_CPU", limits.cpu_seconds()));
  RETURN_IF_ERROR(Limit(RLIMIT_NOFILE, "RLIMIT_NOFILE", kMaxDescriptors));
  RETURN_IF_ERROR(Limit(RLIMIT_CORE, "RLIMIT_CORE", 0));
  RETURN_IF_ERROR(Limit(RLIMIT_FSIZE, "RLIMIT_FSIZE", 0));
  RETURN_IF_ERROR(Limit(RLIMIT_NPROC, "RLIMIT_NPROC", 0));
  RETURN_IF_ERROR(Limit(RLIMIT_MEMLOCK, "RLIMIT_MEMLOCK", 0));
  RETURN_IF_ERROR(Limit(RLIMIT_MSGQUEUE, "RLIMIT_MSGQUEUE", 0));
  if (kSanitized) return absl::OkStatus();
  RETURN_IF_ERROR(Limit(RLIMIT_DATA, "RLIMIT_DATA", limits.memory_bytes()));
  return Limit(RLIMIT_AS, "RLIMIT_AS", limits.address_space_bytes());
}

}  // namespace

absl::Status LockUp(const worker::Limits& limits) {
  ResetSignals();
  RETURN_IF_ERROR(CheckAlone());
  LeaveWherePermitted();
  // After another user was taken on, which undoes it.
  RETURN_IF_ERROR(EndWithParent(limits.parent()));
  RETURN_IF_ERROR(DropCapabilities());
  RETURN_IF_ERROR(ApplyLimits(limits));
  return InstallSyscallFilter();
}

}  // namespace profd
