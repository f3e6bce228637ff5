#include "api/file_access.h"

#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

namespace profd {

std::optional<gid_t> FindGroup(const std::string& name) {
  std::vector<char> buffer(16 << 10);
  group entry{};
  group* found = nullptr;
  while (getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) == ERANGE && buffer.size() < 16 << 20) {
    buffer.resize(buffer.size() * 2);
  }
  if (found == nullptr) return std::nullopt;
  return found->gr_gid;
}

absl::Status MakeParentDirectory(const std::string& path) {
  for (size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const std::string directory = path.substr(0, slash);
    if (mkdir(directory.c_str(), 0755) == 0) {
      if (chmod(directory.c_str(), 0755) == 0) continue;
    } else if (errno == EEXIST) {
      continue;
    }
    return Error(absl::StatusCode::kFailedPrecondition, "cannot make the directory {}: {}", directory,
                 ErrnoText(errno));
  }
  return absl::OkStatus();
}

}  // namespace profd
