#include "worker/channel.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>

namespace profd {
namespace {

using std::chrono::ceil;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

absl::Status Gone(std::string_view what) { return Error(absl::StatusCode::kUnavailable, "{}", what); }

absl::Status WaitFor(int socket, short events, const Deadline& deadline) {
  if (!deadline) return absl::OkStatus();
  for (;;) {
    const auto left = ceil<milliseconds>(*deadline - steady_clock::now()).count();
    if (left <= 0) return Error(absl::StatusCode::kDeadlineExceeded, "no answer in time");
    pollfd wanted{socket, events, 0};
    const int ready = poll(&wanted, 1, static_cast<int>(std::min<long long>(left, 60'000)));
    if (ready > 0) return absl::OkStatus();
    if (ready < 0 && errno != EINTR) return Gone(ErrnoText(errno));
  }
}

// With a deadline nothing may block but the poll() before it.
int Flags(const Deadline& deadline) { return MSG_NOSIGNAL | (deadline ? MSG_DONTWAIT : 0); }

bool TryAgain(int error) { return error == EINTR || error == EAGAIN; }

union Control {
  cmsghdr header;
  char space[CMSG_SPACE(sizeof(int))];
};

ssize_t SendPart(int socket, std::string_view part, int descriptor, int flags) {
  iovec data{const_cast<char*>(part.data()), part.size()};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  Control control{};
  if (descriptor >= 0) {
    message.msg_control = &control;
    message.msg_controllen = sizeof(control);
    control.header = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    std::memcpy(CMSG_DATA(&control.header), &descriptor, sizeof(int));
  }
  return sendmsg(socket, &message, flags);
}

ssize_t ReceivePart(int socket, char* data, size_t size, UniqueFd* descriptor, int flags) {
  iovec into{data, size};
  msghdr message{};
  message.msg_iov = &into;
  message.msg_iovlen = 1;
  Control control{};
  if (descriptor != nullptr) {
    message.msg_control = &control;
    message.msg_controllen = sizeof(control);
  }
  const ssize_t got = recvmsg(socket, &message, flags | (descriptor != nullptr ? MSG_CMSG_CLOEXEC : 0));
  const cmsghdr* header = got > 0 && descriptor != nullptr ? CMSG_FIRSTHDR(&message) : nullptr;
  if (header != nullptr && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
    int received = -1;
    std::memcpy(&received, CMSG_DATA(header), sizeof(int));
    descriptor->Reset(received);
  }
  return got;
}

absl::Status ReceiveAll(int socket, char* data, size_t size, UniqueFd* descriptor, const Deadline& deadline) {
  while (size > 0) {
    RETURN_IF_ERROR(WaitFor(socket, POLLIN, deadline));
    const ssize_t got = ReceivePart(socket, data, size, descriptor, Flags(deadline));
    if (got == 0) return Gone("the other side has closed the connection");
    if (got < 0) {
      if (TryAgain(errno)) continue;
      return Gone(ErrnoText(errno));
    }
    data += got;
    size -= static_cast<size_t>(got);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SendMessage(int socket, std::string_view message, int descriptor, const Deadline& deadline) {
  const auto size = static_cast<uint32_t>(message.size());
  std::string framed(reinterpret_cast<const char*>(&size), sizeof(size));
  framed += message;
  std::string_view rest = framed;
  while (!rest.empty()) {
    RETURN_IF_ERROR(WaitFor(socket, POLLOUT, deadline));
    const ssize_t sent = SendPart(socket, rest, descriptor, Flags(deadline));
    if (sent < 0) {
      if (TryAgain(errno)) continue;
      return Gone(ErrnoText(errno));
    }
    descriptor = -1;  // went with the first part
    rest.remove_prefix(static_cast<size_t>(sent));
  }
  return absl::OkStatus();
}

absl::StatusOr<Received> ReceiveMessage(int socket, size_t max_bytes, bool with_descriptor, const Deadline& deadline) {
  Received message;
  uint32_t size = 0;
  UniqueFd* descriptor = with_descriptor ? &message.descriptor : nullptr;
  RETURN_IF_ERROR(ReceiveAll(socket, reinterpret_cast<char*>(&size), sizeof(size), descriptor, deadline));
  if (size > max_bytes) {
    return Error(absl::StatusCode::kInvalidArgument, "a message of {} bytes, at most {}", size, max_bytes);
  }
  message.content.resize(size);
  RETURN_IF_ERROR(ReceiveAll(socket, message.content.data(), size, descriptor, deadline));
  return message;
}

}  // namespace profd
