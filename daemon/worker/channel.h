// Messages between profd and a worker: a length of four bytes, then so many bytes, over a stream socket. A descriptor
// may come with a message to the worker; nothing takes one from it.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "base/unique_fd.h"

namespace profd {

/// No deadline: wait for ever.
using Deadline = std::optional<std::chrono::steady_clock::time_point>;

/// The worker's end of the connection: the only descriptor it starts with, beside the standard ones.
inline constexpr int kWorkerSocket = 3;

/// The largest message to the worker and back.
inline constexpr size_t kMaxRequestBytes = size_t{64} << 10;
inline constexpr size_t kMaxResponseBytes = size_t{2} << 20;
/// Positions in one question, so that the answer fits: 128 frames of 16 KiB.
inline constexpr size_t kMaxPositions = 128;

/// DeadlineExceeded, or Unavailable when the other side is gone.
absl::Status SendMessage(int socket, std::string_view message, int descriptor, const Deadline& deadline);

struct Received {
  std::string content;
  UniqueFd descriptor;
};

/// Errors as SendMessage; a message larger than `max_bytes` is InvalidArgument. `with_descriptor`: take the one that
/// comes with it; else the kernel drops them.
absl::StatusOr<Received> ReceiveMessage(int socket, size_t max_bytes, bool with_descriptor, const Deadline& deadline);

}  // namespace profd
