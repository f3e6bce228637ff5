// One worker: launching it, talking to it, ending it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"
#include "worker/channel.h"

namespace profd {

/// One thread at a time; the thread that launches must outlive the process, which dies with it. The destructor kills
/// it.
class WorkerProcess {
 public:
  /// Starts `executable` with `arguments` (the first is its name), no environment, /dev/null as its standard streams
  /// and nothing else open but the socket, as descriptor 3.
  static absl::StatusOr<std::unique_ptr<WorkerProcess>> Launch(const std::string& executable,
                                                               const std::vector<std::string>& arguments);
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  /// Sends and waits for what comes back, which nobody has checked yet. DeadlineExceeded; Unavailable when the process
  /// ended; Internal when it broke the rules.
  absl::StatusOr<std::string> Exchange(std::string_view request, int descriptor, const Deadline& deadline);

  void Kill();
  /// Waits at most `timeout` for its end; true once it has ended and is no zombie.
  bool WaitForEnd(std::chrono::milliseconds timeout);
  /// After its end: "killed by signal 31 (Bad system call)".
  std::string HowItEnded() const;
  pid_t pid() const { return pid_; }

 private:
  WorkerProcess(pid_t pid, UniqueFd handle, UniqueFd socket)
      : pid_(pid), handle_(std::move(handle)), socket_(std::move(socket)) {}

  const pid_t pid_;
  const UniqueFd handle_;  // a pidfd
  UniqueFd socket_;
  bool ended_ = false;
  int exit_status_ = 0;
};

}  // namespace profd
