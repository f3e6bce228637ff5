#include "api/http_token.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>

#include "api/file_access.h"
#include "base/unique_fd.h"

namespace profd {
namespace {

constexpr size_t kMaxTokenFile = 4096;
constexpr size_t kMinToken = 16;

bool IsTokenCharacter(unsigned char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

absl::Status Refuse(const std::string& path, std::string_view why) {
  return Error(absl::StatusCode::kFailedPrecondition, "the HTTP token file {} {}", path, why);
}

absl::StatusOr<std::string> Read(const std::string& path, int fd) {
  struct stat info {};
  if (fstat(fd, &info) != 0) return Refuse(path, "cannot be read: " + ErrnoText(errno));
  if (!S_ISREG(info.st_mode)) return Refuse(path, "is no regular file");
  if ((info.st_mode & S_IRWXO) != 0) return Refuse(path, "is open to every user: run 'chmod 0640' on it");
  if (info.st_uid != 0 && info.st_uid != geteuid()) return Refuse(path, "belongs to another user");
  std::string text(kMaxTokenFile, '\0');
  const ssize_t length = read(fd, text.data(), text.size());
  if (length < 0) return Refuse(path, "cannot be read: " + ErrnoText(errno));
  text.resize(static_cast<size_t>(length));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.pop_back();
  if (text.size() < kMinToken || !std::ranges::all_of(text, IsTokenCharacter)) {
    return Refuse(path, "holds no token: delete it, and a new one is made");
  }
  return text;
}

absl::StatusOr<std::string> RandomToken() {
  std::array<uint8_t, 32> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    return Error(absl::StatusCode::kInternal, "no random bytes: {}", ErrnoText(errno));
  }
  std::string token;
  for (const uint8_t byte : bytes) token += fmt::format("{:02x}", byte);
  return token;
}

void ShareWith(const std::string& group, const std::string& path, int fd) {
  const std::optional<gid_t> gid = FindGroup(group);
  if (gid && fchown(fd, static_cast<uid_t>(-1), *gid) != 0) {
    spdlog::warn("cannot give {} to the group '{}': {}", path, group, ErrnoText(errno));
  }
}

absl::StatusOr<std::string> Make(const std::string& path, const std::string& group) {
  RETURN_IF_ERROR(MakeParentDirectory(path));
  ASSIGN_OR_RETURN(std::string token, RandomToken());
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return Refuse(path, "cannot be made: " + ErrnoText(errno));
  const std::string text = token + "\n";
  if (write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    const int error = errno;
    unlink(path.c_str());
    return Refuse(path, "cannot be written: " + ErrnoText(error));
  }
  // The group first: the other order would let the old group read it for a moment.
  ShareWith(group, path, fd.get());
  if (fchmod(fd.get(), 0640) != 0) return Refuse(path, "cannot be opened to its group: " + ErrnoText(errno));
  return token;
}

}  // namespace

absl::StatusOr<std::string> LoadOrMakeHttpToken(const std::string& path, const std::string& group) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (fd) return Read(path, fd.get());
  if (errno == ENOENT) return Make(path, group);
  return Refuse(path, "cannot be opened: " + ErrnoText(errno));
}

bool SameSecret(std::string_view given, std::string_view expected) {
  unsigned difference = given.size() == expected.size() ? 0 : 1;
  for (size_t i = 0; i < expected.size(); ++i) {
    const char other = i < given.size() ? given[i] : '\0';
    difference |= static_cast<unsigned char>(other ^ expected[i]);
  }
  return difference == 0;
}

}  // namespace profd
