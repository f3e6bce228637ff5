#include "kernel/bpf_object.h"

#include <bpf/bpf.h>
#include <linux/types.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <vector>

#include "shared/abi.h"

namespace profd {
namespace {

// libbpf's print hook is one per process and takes no context.
std::mutex log_mutex;
std::string log_text;

int KeepLine(libbpf_print_level level, const char* format, va_list args) {
  constexpr size_t kKept = 2048;
  if (level == LIBBPF_DEBUG) return 0;
  // A verifier's log is one line of many kilobytes here; its end says what was wrong.
  va_list again;
  va_copy(again, args);
  const int length = vsnprintf(nullptr, 0, format, args);
  std::string line(length < 0 ? 0 : length + 1, '\0');
  vsnprintf(line.data(), line.size(), format, again);
  va_end(again);
  if (!line.empty()) line.pop_back();
  std::lock_guard lock(log_mutex);
  log_text += line;
  if (log_text.size() > kKept) log_text.erase(0, log_text.size() - kKept);
  return length;
}

// Of the machine's state, not of what the kernel can do.
bool RanOut(int error) { return error == ENOMEM || error == EMFILE || error == ENFILE; }

int DropLine(libbpf_print_level, const char*, va_list) { return 0; }

}  // namespace

LibbpfLog::LibbpfLog() {
  std::lock_guard lock(log_mutex);
  log_text.clear();
  libbpf_set_print(KeepLine);
}

LibbpfLog::~LibbpfLog() { libbpf_set_print(DropLine); }

std::string LibbpfLog::Tail() const {
  std::lock_guard lock(log_mutex);
  return log_text;
}

absl::Status KernelError(const char* what, int error) {
  error = error < 0 ? -error : error;
  // EACCES is the verifier's word, not that of a missing privilege.
  const bool denied = error == EPERM;
  const absl::StatusCode code = denied          ? absl::StatusCode::kPermissionDenied
                                : RanOut(error) ? absl::StatusCode::kResourceExhausted
                                                : absl::StatusCode::kUnimplemented;
  return Error(code, "{}: {}{}", what, ErrnoText(error), denied ? " (needs CAP_BPF and CAP_PERFMON)" : "");
}

absl::Status LibbpfError(const char* what, int error, const LibbpfLog& log) {
  absl::Status failed = KernelError(what, error);
  const std::string said = log.Tail();
  return said.empty() ? failed : Error(failed.code(), "{}; libbpf says: {}", Message(failed), said);
}

size_t PossibleCpus() {
  const int cpus = libbpf_num_possible_cpus();
  return cpus > 0 ? cpus : 1;
}

ProgramStats ToProgramStats(const bpf_program* program, const std::vector<profd_program_stats>& by_cpu) {
  ProgramStats stats;
  stats.name = bpf_program__name(program);
  bpf_prog_info info{};
  __u32 size = sizeof(info);
  if (bpf_prog_get_info_by_fd(bpf_program__fd(program), &info, &size) == 0) {
    stats.verified_instructions = info.verified_insns;
  }
  for (const profd_program_stats& part : by_cpu) {
    stats.runs += part.runs;
    stats.total += std::chrono::nanoseconds(part.total_ns);
    stats.recorded_runs += part.recorded_runs;
    stats.recorded += std::chrono::nanoseconds(part.recorded_ns);
  }
  return stats;
}

}  // namespace profd
