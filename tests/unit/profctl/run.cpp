#include "run.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

namespace profd::testing {
namespace {

[[noreturn]] void Execute(const std::vector<std::string>& arguments) {
  std::vector<char*> argv{const_cast<char*>(PROFCTL_PATH)};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  execv(PROFCTL_PATH, argv.data());
  _exit(127);
}

int ExitCode(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// An unlinked file, for output that may be larger than a pipe.
int TemporaryFile() {
  char name[] = "/tmp/profctl-test-XXXXXX";
  const int fd = mkostemp(name, O_CLOEXEC);
  unlink(name);
  return fd;
}

std::string ReadBack(int fd) {
  std::string text;
  char piece[4096];
  lseek(fd, 0, SEEK_SET);
  for (ssize_t length = 0; (length = read(fd, piece, sizeof piece)) > 0;)
    text.append(piece, static_cast<size_t>(length));
  close(fd);
  return text;
}

}  // namespace

RunResult RunProfctl(const std::vector<std::string>& arguments, const std::function<void(pid_t)>& meanwhile) {
  const int out = TemporaryFile(), err = TemporaryFile();
  const pid_t child = fork();
  if (child == 0) {
    dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    Execute(arguments);
  }
  if (meanwhile) meanwhile(child);
  RunResult result{.exit_code = ExitCode(child)};
  result.out = ReadBack(out);
  result.err = ReadBack(err);
  return result;
}

RunResult RunOnTerminal(const std::vector<std::string>& arguments, const std::string& ready, const std::string& input) {
  int terminal = -1;
  winsize size{.ws_row = 24, .ws_col = 80};
  const pid_t child = forkpty(&terminal, nullptr, nullptr, &size);
  if (child == 0) {
    setenv("TERM", "xterm", 1);
    Execute(arguments);
  }
  RunResult result;
  char piece[4096];
  bool typed = false;
  for (ssize_t length = 0; (length = read(terminal, piece, sizeof piece)) > 0;) {
    result.out.append(piece, static_cast<size_t>(length));
    if (!typed && result.out.find(ready) != std::string::npos) {
      typed = write(terminal, input.data(), input.size()) > 0;
    }
  }
  close(terminal);
  result.exit_code = ExitCode(child);
  return result;
}

}  // namespace profd::testing
