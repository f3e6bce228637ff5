#include "kernel/probe_links.h"

#include <fmt/format.h>

#include <cerrno>

#include "kernel/bpf_object.h"

namespace profd {

absl::StatusOr<std::vector<Link>> AttachProbes(const bpf_program* program, bool multi, pid_t pid, int fd,
                                               std::span<const unsigned long> offsets, std::span<const __u64> cookies) {
  LibbpfLog log;
  const std::string path = fmt::format("/proc/self/fd/{}", fd);
  std::vector<Link> links;
  if (multi) {
    LIBBPF_OPTS(bpf_uprobe_multi_opts, opts, .offsets = offsets.data(), .cookies = cookies.data(),
                .cnt = offsets.size());
    links.emplace_back(bpf_program__attach_uprobe_multi(program, pid, path.c_str(), nullptr, &opts));
    if (!links.back()) return LibbpfError("attaching probes", errno, log);
    return links;
  }
  for (size_t i = 0; i < offsets.size(); ++i) {
    LIBBPF_OPTS(bpf_uprobe_opts, opts, .bpf_cookie = cookies[i]);
    links.emplace_back(bpf_program__attach_uprobe_opts(program, -1, path.c_str(), offsets[i], &opts));
    if (!links.back()) return LibbpfError("attaching a probe", errno, log);
  }
  return links;
}

}  // namespace profd
