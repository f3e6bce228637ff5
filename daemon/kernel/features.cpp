#include "kernel/features.h"

#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <sys/capability.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

#include "base/status.h"
#include "kernel/bpf_object.h"
#include "kernel/perf_event.h"

namespace profd {
namespace {

struct Capability {
  int number;
  const char* name;
  bool required;
  const char* what_for;
};

// Numbers as <linux/capability.h> has them; libcap's header on older systems lacks the newest.
constexpr Capability kCapabilities[] = {
    {39, "CAP_BPF", true, "loading BPF programs"},
    {38, "CAP_PERFMON", true, "perf events and reading stacks"},
    {19, "CAP_SYS_PTRACE", false, "opening the binaries of other users' processes"},
    {2, "CAP_DAC_READ_SEARCH", false, "reading binaries whatever their permissions"},
    {40, "CAP_CHECKPOINT_RESTORE", false, "opening mapped files that were deleted or replaced"},
    {34, "CAP_SYSLOG", false, "kernel symbols"},
};

bool HasCapability(int number) {
  cap_t caps = cap_get_proc();
  if (!caps) return false;
  cap_flag_value_t value = CAP_CLEAR;
  // CAP_SYS_ADMIN stands for the newer ones, which were split from it.
  const bool has = (cap_get_flag(caps, number, CAP_EFFECTIVE, &value) == 0 && value == CAP_SET) ||
                   (number >= 38 && cap_get_flag(caps, CAP_SYS_ADMIN, CAP_EFFECTIVE, &value) == 0 && value == CAP_SET);
  cap_free(caps);
  return has;
}

void CheckCapabilities(std::vector<Check>& checks) {
  for (const Capability& capability : kCapabilities) {
    checks.push_back({.name = capability.name,
                      .ok = HasCapability(capability.number),
                      .required = capability.required,
                      .detail = capability.what_for,
                      .remedy = fmt::format("run profd as root, or give it {} (systemd: AmbientCapabilities=, "
                                            "Kubernetes: securityContext.capabilities.add)",
                                            capability.name)});
  }
}

Check CheckBtf() {
  const char* path = "/sys/kernel/btf/vmlinux";
  return {.name = "BTF",
          .ok = access(path, R_OK) == 0,
          .required = true,
          .detail = path,
          .remedy = "run a kernel built with CONFIG_DEBUG_INFO_BTF=y, and mount sysfs on /sys"};
}

// `result` of libbpf's probes: 1 there, 0 not there, negative: cannot be tried.
Check ToCheck(const char* name, int result, const char* since) {
  return {
      .name = name,
      .ok = result == 1,
      .required = true,
      .detail = result < 0 ? fmt::format("cannot be tried: {}", ErrnoText(result)) : fmt::format("kernel {}", since),
      .remedy = result == -EPERM || result == -EACCES
                    ? "run profd as root, or give it CAP_BPF and CAP_PERFMON"
                    : fmt::format("run kernel {} or newer (6.1 and newer have all that profd needs)", since)};
}

Check CheckHelper(const char* name, bpf_prog_type type, bpf_func_id helper, const char* since) {
  const LibbpfLog log;
  return ToCheck(name, libbpf_probe_bpf_helper(type, helper, nullptr), since);
}

Check CheckProgramType(const char* name, bpf_prog_type type, const char* since) {
  const LibbpfLog log;
  return ToCheck(name, libbpf_probe_bpf_prog_type(type, nullptr), since);
}

Check CheckTick() {
  auto tick = OpenTick(0, 50'000'000, false, 20);
  return {.name = "perf cpu-clock",
          .ok = tick.ok(),
          .required = true,
          .detail = tick.ok() ? "perf_event_open works" : Message(tick.status()),
          .remedy = "give profd CAP_PERFMON, and let no seccomp profile forbid perf_event_open"};
}

Check CheckCycles(bool required) {
  auto tick = OpenTick(0, 0, true, 20);
  return {.name = "hardware cycles",
          .ok = tick.ok(),
          .required = required,
          .detail = tick.ok() ? "usable with --hardware-cycles" : Message(tick.status()),
          .remedy = required
                        ? "leave --hardware-cycles out, and the CPU clock samples (virtual machines seldom have a PMU)"
                        : "none needed: the CPU clock samples as well (virtual machines seldom have a PMU)"};
}

// BPF numbers processes as the initial PID namespace does; elsewhere /proc would not match.
Check CheckPidNamespace() {
  constexpr ino_t kInitialPidNamespace = 0xEFFFFFFC;  // PROC_PID_INIT_INO
  struct stat status {};
  const bool known = stat("/proc/self/ns/pid", &status) == 0;
  return {.name = "PID namespace",
          .ok = known && status.st_ino == kInitialPidNamespace,
          .required = true,
          .detail = known ? "the host's, as BPF counts processes" : "/proc is not mounted",
          .remedy = "run profd in the host's PID namespace (Kubernetes: hostPID: true), with /proc mounted"};
}

}  // namespace

std::vector<Check> CheckKernel(bool hardware_cycles) {
  std::vector<Check> checks;
  checks.push_back(CheckBtf());
  CheckCapabilities(checks);
  checks.push_back(CheckTick());
  checks.push_back(CheckHelper("bpf_loop", BPF_PROG_TYPE_PERF_EVENT, BPF_FUNC_loop, "5.17"));
  checks.push_back(CheckHelper("bpf_find_vma", BPF_PROG_TYPE_PERF_EVENT, BPF_FUNC_find_vma, "5.17"));
  checks.push_back(
      CheckHelper("ring buffer dynptr", BPF_PROG_TYPE_PERF_EVENT, BPF_FUNC_ringbuf_reserve_dynptr, "5.19"));
  checks.push_back(
      CheckHelper("bpf_get_current_task_btf", BPF_PROG_TYPE_PERF_EVENT, BPF_FUNC_get_current_task_btf, "5.11"));
  checks.push_back(CheckProgramType("raw tracepoints", BPF_PROG_TYPE_RAW_TRACEPOINT, "4.17"));
  checks.push_back(CheckPidNamespace());
  checks.push_back(CheckCycles(hardware_cycles));
  return checks;
}

absl::Status Verdict(const std::vector<Check>& checks) {
  std::string missing;
  for (const Check& check : checks) {
    if (check.ok || !check.required) continue;
    missing += fmt::format("\n  {}: {}. What to do: {}", check.name, check.detail, check.remedy);
  }
  if (missing.empty()) return absl::OkStatus();
  return Error(absl::StatusCode::kUnimplemented, "this kernel or privilege cannot run profd. Missing:{}", missing);
}

}  // namespace profd
