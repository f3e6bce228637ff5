#include "api/socket_claim.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>

#include "api/file_access.h"

namespace profd {
namespace {

absl::Status InUse(const std::string& path) {
  return Error(absl::StatusCode::kFailedPrecondition,
               "another profd is listening on {}: stop it first, or choose another path with --socket", path);
}

absl::StatusOr<sockaddr_un> AddressOf(const std::string& path) {
  sockaddr_un address{.sun_family = AF_UNIX};
  if (path.empty() || path[0] != '/' || path.size() >= sizeof address.sun_path) {
    return Error(absl::StatusCode::kInvalidArgument,
                 "'{}' cannot be a socket: an absolute path of at most {} bytes can", path,
                 sizeof address.sun_path - 1);
  }
  path.copy(address.sun_path, path.size());
  return address;
}

absl::StatusOr<UniqueFd> Lock(const std::string& path) {
  const std::string name = path + ".lock";
  UniqueFd lock(open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock) return Error(absl::StatusCode::kFailedPrecondition, "cannot make {}: {}", name, ErrnoText(errno));
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return InUse(path);
    return Error(absl::StatusCode::kFailedPrecondition, "cannot lock {}: {}", name, ErrnoText(errno));
  }
  return lock;
}

absl::Status RemoveStale(const std::string& path, const sockaddr_un& address) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return absl::OkStatus();
    return Error(absl::StatusCode::kFailedPrecondition, "cannot look at {}: {}", path, ErrnoText(errno));
  }
  if (!S_ISSOCK(info.st_mode)) {
    return Error(absl::StatusCode::kFailedPrecondition,
                 "{} exists and is no socket: move it away, or choose another "
                 "path with --socket",
                 path);
  }
  const UniqueFd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // EAGAIN: somebody listens, and many wait for an answer.
  if (connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 || errno == EAGAIN) {
    return InUse(path);
  }
  if (errno != ECONNREFUSED) {
    return Error(absl::StatusCode::kFailedPrecondition, "cannot tell whether somebody listens on {}: {}", path,
                 ErrnoText(errno));
  }
  if (unlink(path.c_str()) != 0) {
    return Error(absl::StatusCode::kFailedPrecondition, "cannot remove the stale socket {}: {}", path,
                 ErrnoText(errno));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SocketClaim> SocketClaim::Take(const std::string& path) {
  ASSIGN_OR_RETURN(const sockaddr_un address, AddressOf(path));
  RETURN_IF_ERROR(MakeParentDirectory(path));
  ASSIGN_OR_RETURN(UniqueFd lock, Lock(path));
  RETURN_IF_ERROR(RemoveStale(path, address));
  return SocketClaim(path, std::move(lock));
}

absl::Status SocketClaim::ShareWith(const std::string& group) const {
  const std::optional<gid_t> gid = FindGroup(group);
  if (!gid) {
    spdlog::warn("there is no group '{}': only root can use {}. Make it with 'groupadd --system {}'", group, path_,
                 group);
  } else if (chown(path_.c_str(), static_cast<uid_t>(-1), *gid) != 0) {
    spdlog::warn("cannot give {} to the group '{}': {}. Only root can use it; run profd with that group", path_, group,
                 ErrnoText(errno));
  }
  if (chmod(path_.c_str(), 0660) != 0) {
    return Error(absl::StatusCode::kFailedPrecondition, "cannot set the mode of {}: {}", path_, ErrnoText(errno));
  }
  return absl::OkStatus();
}

}  // namespace profd
