#include "process/proc_fs.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace profd {
namespace {

absl::Status FromErrno(int error, std::string_view what, std::string_view path) {
  absl::StatusCode code = absl::StatusCode::kInternal;
  if (error == ENOENT || error == ESRCH || error == ENOTDIR) code = absl::StatusCode::kNotFound;
  if (error == EACCES || error == EPERM) code = absl::StatusCode::kPermissionDenied;
  if (error == ELOOP || error == EXDEV || error == ENAMETOOLONG) code = absl::StatusCode::kFailedPrecondition;
  if (error == EWOULDBLOCK || error == EMFILE || error == ENFILE) code = absl::StatusCode::kUnavailable;
  return Error(code, "{} {}: {}", what, path, ErrnoText(error));
}

/// Opens for reading what an O_PATH descriptor stands for. The type is checked first: a fifo, a device or a socket is
/// never opened, so neither its reader nor its driver notices.
absl::StatusOr<UniqueFd> Reopen(const UniqueFd& path_fd, std::string_view name) {
  struct stat status {};
  if (fstat(path_fd.get(), &status) != 0) return FromErrno(errno, "cannot examine", name);
  if (!S_ISREG(status.st_mode)) {
    return Error(absl::StatusCode::kFailedPrecondition, "{} is no regular file", name);
  }
  const std::string self = fmt::format("/proc/self/fd/{}", path_fd.get());
  UniqueFd fd(open(self.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return FromErrno(errno, "cannot open", name);
  return fd;
}

bool HasNul(std::string_view path) { return path.find('\0') != std::string_view::npos; }

}  // namespace

absl::StatusOr<std::string> RealProcFs::Read(std::string_view relative, size_t max_bytes) const {
  const std::string path = fmt::format("{}/{}", root_, relative);
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY));
  if (!fd) return FromErrno(errno, "cannot open", path);

  std::string text;
  size_t used = 0;
  while (used < max_bytes) {
    // The kernel fills at most a page or so at a time for most files; a large buffer only saves calls for maps.
    text.resize(std::min(max_bytes, used + std::max<size_t>(4096, used)));
    const ssize_t got = read(fd.get(), text.data() + used, text.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FromErrno(errno, "cannot read", path);
    if (got == 0) break;
    used += static_cast<size_t>(got);
  }
  text.resize(used);
  return text;
}

absl::StatusOr<std::string> RealProcFs::ReadLink(std::string_view relative) const {
  const std::string path = fmt::format("{}/{}", root_, relative);
  std::string target(PATH_MAX, '\0');
  const ssize_t length = readlink(path.c_str(), target.data(), target.size());
  if (length < 0) return FromErrno(errno, "cannot read the link", path);
  target.resize(static_cast<size_t>(length));
  return target;
}

absl::StatusOr<UniqueFd> RealProcFs::Open(std::string_view relative) const {
  const std::string path = fmt::format("{}/{}", root_, relative);
  // Links are followed here: those of map_files and exe are the kernel's own and lead to the very file.
  UniqueFd fd(open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!fd) return FromErrno(errno, "cannot open", path);
  return Reopen(fd, path);
}

absl::StatusOr<UniqueFd> RealProcFs::OpenInRoot(uint32_t pid, std::string_view path) const {
  const std::string name(path);
  if (HasNul(path)) return Error(absl::StatusCode::kInvalidArgument, "a path with a NUL byte in process {}", pid);
  const std::string root_path = fmt::format("{}/{}/root", root_, pid);
  UniqueFd root(open(root_path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return FromErrno(errno, "cannot open", root_path);

  open_how how{};
  // The last component is never a link: a mapped file's path has none left, and a perf map must be the file itself.
  how.flags = O_PATH | O_CLOEXEC | O_NOFOLLOW;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  UniqueFd fd(static_cast<int>(syscall(SYS_openat2, root.get(), name.c_str(), &how, sizeof(how))));
  if (!fd) return FromErrno(errno, fmt::format("cannot open in the root of process {}:", pid), path);
  return Reopen(fd, path);
}

}  // namespace profd
