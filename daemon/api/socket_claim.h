// The right to listen on a unix socket's path.
#pragma once

#include <string>

#include "base/status.h"
#include "base/unique_fd.h"

namespace profd {

/// Holds a lock beside the socket (`PATH.lock`) for as long as it lives, so that two daemons that start together cannot
/// both take the path.
class SocketClaim {
 public:
  /// Makes the directory and removes a socket that nobody listens on. FailedPrecondition: somebody does (who is left
  /// alone), or the path is something else. InvalidArgument: no path for a socket.
  static absl::StatusOr<SocketClaim> Take(const std::string& path);

  /// Gives the bound socket to the group: 0660. Where there is no such group, or it may not be given, it stays with
  /// root's and a warning is logged.
  absl::Status ShareWith(const std::string& group) const;

  const std::string& path() const { return path_; }

 private:
  SocketClaim(std::string path, UniqueFd lock) : path_(std::move(path)), lock_(std::move(lock)) {}

  std::string path_;
  UniqueFd lock_;
};

}  // namespace profd
