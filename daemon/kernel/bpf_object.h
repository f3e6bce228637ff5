// What all skeletons need: libbpf's words kept for error messages, RAII, self-timed statistics.
#pragma once

#include <bpf/libbpf.h>
#include <linux/types.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "kernel/sampler.h"
#include "shared/abi.h"

namespace profd {

/// Owns a skeleton that bpftool generated; `destroy` is its NAME__destroy.
template <typename Skeleton>
using SkeletonPtr = std::unique_ptr<Skeleton, void (*)(Skeleton*)>;

struct LinkDestroyer {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};
using Link = std::unique_ptr<bpf_link, LinkDestroyer>;

/// While it lives, libbpf's warnings are kept instead of printed. One at a time.
class LibbpfLog {
 public:
  LibbpfLog();
  ~LibbpfLog();
  LibbpfLog(const LibbpfLog&) = delete;
  /// The end of what was said, at most 2 KiB.
  std::string Tail() const;
};

/// A call that the kernel refused as a status: `what`, errno's text. PermissionDenied where it is that,
/// ResourceExhausted where memory or descriptors ran out, else Unimplemented: this kernel does not take it.
absl::Status KernelError(const char* what, int error);

/// The same of a libbpf call, with libbpf's last words.
absl::Status LibbpfError(const char* what, int error, const LibbpfLog& log);

/// The number of possible CPUs; per-CPU map values have as many parts.
size_t PossibleCpus();

/// What the CPUs have at `index` of a per-CPU array, by CPU; zeros when that fails.
template <typename Value>
std::vector<Value> ReadPerCpu(const bpf_map* map, uint32_t index) {
  std::vector<Value> parts(PossibleCpus());
  if (bpf_map__lookup_elem(map, &index, sizeof(index), parts.data(), parts.size() * sizeof(Value), 0)) {
    parts.assign(parts.size(), Value{});
  }
  return parts;
}

/// How `program` did, of what it noted on each CPU.
ProgramStats ToProgramStats(const bpf_program* program, const std::vector<profd_program_stats>& by_cpu);

}  // namespace profd
