// pid_reuse [--seconds S]: two processes with one pid, one after the other. The first spins in `first_life`, the second
// in `second_life`. The pid is chosen with clone3's set_tid, which needs CAP_CHECKPOINT_RESTORE or root.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "c/truth.h"

#define LIFE(name)                                           \
  __attribute__((noinline)) static void name(double until) { \
    volatile uint64_t sum = 0;                               \
    while (monotonic_seconds() < until) {                    \
      for (int i = 0; i < 1000000; ++i) sum = sum + 1;       \
    }                                                        \
  }
LIFE(first_life)
LIFE(second_life)

static pid_t fork_as(pid_t wanted) {
  struct clone_args arguments = {.exit_signal = SIGCHLD};
  if (wanted > 0) {
    arguments.set_tid = (uint64_t)(uintptr_t)&wanted;
    arguments.set_tid_size = 1;
  }
  return (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
}

static pid_t live(pid_t wanted, const char* name, void (*life)(double), double seconds) {
  const pid_t child = fork_as(wanted);
  if (child < 0) {
    truth("{\"event\":\"failed\",\"why\":\"clone3: %s\"}", strerror(errno));
    exit(1);
  }
  if (child == 0) {
    prctl(PR_SET_NAME, name);
    life(monotonic_seconds() + seconds);
    _exit(0);
  }
  truth("{\"event\":\"%s\",\"pid\":%d}", name, child);
  waitpid(child, NULL, 0);
  return child;
}

int main(int argc, char** argv) {
  const double seconds = flag_seconds(argc, argv, "seconds", 2);
  const pid_t pid = live(0, "first-life", first_life, seconds);
  live(pid, "second-life", second_life, seconds);
  truth("{\"event\":\"done\",\"pid\":%d}", pid);
  return 0;
}
