#include "profctl/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace profd::profctl {
namespace {

absl::Status CannotWrite(const std::string& path) {
  return Error(absl::StatusCode::kFailedPrecondition, "cannot write {}: {}", path, ErrnoText(errno));
}

mode_t CurrentUmask() {
  const mode_t mask = umask(0);
  umask(mask);
  return mask;
}

}  // namespace

absl::StatusOr<OutputFile> OutputFile::Create(const std::string& path) {
  if (path == "-") return OutputFile("standard output", "", UniqueFd(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)));
  struct stat info {};
  if (stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    UniqueFd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd) return CannotWrite(path);
    return OutputFile(path, "", std::move(fd));
  }
  std::string temporary = path + ".XXXXXX";
  UniqueFd fd(mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd) return CannotWrite(path);
  fchmod(fd.get(), 0666 & ~CurrentUmask());
  return OutputFile(path, std::move(temporary), std::move(fd));
}

OutputFile::~OutputFile() {
  if (fd_ && !temporary_.empty()) unlink(temporary_.c_str());
}

absl::Status OutputFile::Finish(std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = write(fd_.get(), content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return CannotWrite(path_);
    content.remove_prefix(static_cast<size_t>(written));
  }
  if (!temporary_.empty() && (fsync(fd_.get()) != 0 || rename(temporary_.c_str(), path_.c_str()) != 0)) {
    return CannotWrite(path_);
  }
  fd_.Reset();
  return absl::OkStatus();
}

}  // namespace profd::profctl
