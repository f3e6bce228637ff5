// Probes put into files of programs, and taken away with what holds them.
#pragma once

#include <bpf/libbpf.h>
#include <linux/types.h>
#include <sys/types.h>

#include <memory>
#include <span>
#include <vector>

#include "base/status.h"

namespace profd {

struct LinkDestroyer {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};
using Link = std::unique_ptr<bpf_link, LinkDestroyer>;

/// At these offsets of the file, each with its cookie. `multi`: one link for all, in the process `pid` (-1: in all);
/// else a link for each, in all processes. By descriptor: nobody parses the file, nor finds another by its name.
absl::StatusOr<std::vector<Link>> AttachProbes(const bpf_program* program, bool multi, pid_t pid, int fd,
                                               std::span<const unsigned long> offsets, std::span<const __u64> cookies);

}  // namespace profd
