#include "worker/worker_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>

#include "worker/channel.h"

namespace profd {
namespace {

// Above those that the child's descriptors are copied to, so that no copy overwrites another's source.
constexpr int kFirstFree = 16;

absl::Status Failed(std::string_view what, int error) {
  return Error(absl::StatusCode::kUnavailable, "cannot launch a worker: {}: {}", what, ErrnoText(error));
}

absl::StatusOr<UniqueFd> Above(UniqueFd fd) {
  UniqueFd moved(fcntl(fd.get(), F_DUPFD_CLOEXEC, kFirstFree));
  if (!moved) return Failed("fcntl", errno);
  return moved;
}

struct FileActions {
  posix_spawn_file_actions_t actions;
  FileActions() { posix_spawn_file_actions_init(&actions); }
  ~FileActions() { posix_spawn_file_actions_destroy(&actions); }
};

struct Attributes {
  posix_spawnattr_t attributes;
  Attributes() { posix_spawnattr_init(&attributes); }
  ~Attributes() { posix_spawnattr_destroy(&attributes); }
};

absl::StatusOr<pid_t> Spawn(const std::string& executable, const std::vector<std::string>& arguments, int socket,
                            int null) {
  FileActions files;
  for (int stream = 0; stream < kWorkerSocket; ++stream) {
    posix_spawn_file_actions_adddup2(&files.actions, null, stream);
  }
  posix_spawn_file_actions_adddup2(&files.actions, socket, kWorkerSocket);
  posix_spawn_file_actions_addclosefrom_np(&files.actions, kWorkerSocket + 1);
  Attributes session;
  posix_spawnattr_setflags(&session.attributes, POSIX_SPAWN_SETSID);

  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  char* const no_environment[] = {nullptr};
  pid_t pid = -1;
  if (const int error =
          posix_spawn(&pid, executable.c_str(), &files.actions, &session.attributes, argv.data(), no_environment);
      error != 0) {
    return Failed(executable, error);
  }
  return pid;
}

}  // namespace

absl::StatusOr<std::unique_ptr<WorkerProcess>> WorkerProcess::Launch(const std::string& executable,
                                                                     const std::vector<std::string>& arguments) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return Failed("socketpair", errno);
  UniqueFd ours(pair[0]);
  ASSIGN_OR_RETURN(const UniqueFd theirs, Above(UniqueFd(pair[1])));
  ASSIGN_OR_RETURN(const UniqueFd null, Above(UniqueFd(open("/dev/null", O_RDWR | O_CLOEXEC))));
  ASSIGN_OR_RETURN(const pid_t pid, Spawn(executable, arguments, theirs.get(), null.get()));
  // The process is not waited for by anyone else, so the number is still its own.
  UniqueFd handle(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  const int error = errno;
  const bool watched = static_cast<bool>(handle);
  std::unique_ptr<WorkerProcess> process(new WorkerProcess(pid, std::move(handle), std::move(ours)));
  if (!watched) return Failed("pidfd_open", error);
  return process;
}

WorkerProcess::~WorkerProcess() {
  if (ended_) return;
  Kill();
  WaitForEnd(std::chrono::seconds(1));
}

absl::StatusOr<std::string> WorkerProcess::Exchange(std::string_view request, int descriptor,
                                                    const Deadline& deadline) {
  RETURN_IF_ERROR(SendMessage(socket_.get(), request, descriptor, deadline));
  auto answer = ReceiveMessage(socket_.get(), kMaxResponseBytes, false, deadline);
  if (answer.ok()) return std::move(answer->content);
  if (answer.status().code() == absl::StatusCode::kInvalidArgument) {
    return Error(absl::StatusCode::kInternal, "the worker answered with {}", Message(answer.status()));
  }
  return answer.status();
}

void WorkerProcess::Kill() {
  if (!ended_) kill(pid_, SIGKILL);
  socket_.Reset();
}

bool WorkerProcess::WaitForEnd(std::chrono::milliseconds timeout) {
  if (ended_) return true;
  pollfd wanted{handle_.get(), POLLIN, 0};
  while (poll(&wanted, handle_ ? 1 : 0, static_cast<int>(timeout.count())) < 0 && errno == EINTR) {}
  int status = 0;
  const pid_t result = waitpid(pid_, &status, WNOHANG);
  if (result == 0 || (result < 0 && errno == EINTR)) return false;
  ended_ = true;
  exit_status_ = result > 0 ? status : 0;
  return true;
}

std::string WorkerProcess::HowItEnded() const {
  if (!ended_) return "does not end";
  if (WIFSIGNALED(exit_status_)) {
    const int number = WTERMSIG(exit_status_);
    return fmt::format("killed by signal {} ({})", number, strsignal(number));
  }
  return fmt::format("exited with {}", WEXITSTATUS(exit_status_));
}

}  // namespace profd
