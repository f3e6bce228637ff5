// /proc, rooted anywhere, so that tests bring their own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"

namespace profd {

class ProcFs {
 public:
  virtual ~ProcFs() = default;
  /// The whole of `/proc/<relative>`, at most `max_bytes`. NotFound when the process is gone.
  virtual absl::StatusOr<std::string> Read(std::string_view relative, size_t max_bytes = 4 << 20) const = 0;
  /// Target of a symbolic link below /proc.
  virtual absl::StatusOr<std::string> ReadLink(std::string_view relative) const = 0;
  /// Opens for reading, O_CLOEXEC | O_NONBLOCK; regular files only (FailedPrecondition for anything else).
  virtual absl::StatusOr<UniqueFd> Open(std::string_view relative) const = 0;
  /// Opens `path` as process `pid` sees it, beneath /proc/PID/root, following no link out of it (openat2,
  /// RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS); regular files only.
  virtual absl::StatusOr<UniqueFd> OpenInRoot(uint32_t pid, std::string_view path) const = 0;
};

class RealProcFs final : public ProcFs {
 public:
  explicit RealProcFs(std::string root = "/proc") : root_(std::move(root)) {}
  absl::StatusOr<std::string> Read(std::string_view relative, size_t max_bytes) const override;
  absl::StatusOr<std::string> ReadLink(std::string_view relative) const override;
  absl::StatusOr<UniqueFd> Open(std::string_view relative) const override;
  absl::StatusOr<UniqueFd> OpenInRoot(uint32_t pid, std::string_view path) const override;

 private:
  std::string root_;
};

}  // namespace profd
