// Who may read and write the files that profd makes for its clients.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/status.h"

namespace profd {

/// The group's id; nothing when there is no such group.
std::optional<gid_t> FindGroup(const std::string& name);

/// Makes the directory that `path` lies in, and those above it, 0755 whatever the umask.
absl::Status MakeParentDirectory(const std::string& path);

}  // namespace profd
