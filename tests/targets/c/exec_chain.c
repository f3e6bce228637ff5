// exec_chain [--seconds S]: spins in `first_program`, then executes its second half at the same pid and, in a binary
// linked to fixed addresses, at the same place: what was sampled before belongs to another program than what comes
// after. It is built twice: exec_chain_first starts exec_chain_second, which lies beside it.
#include <libgen.h>
#include <limits.h>
#include <unistd.h>

#include "c/truth.h"

#ifdef SECOND
#define SPIN second_program
#else
#define SPIN first_program
#endif

__attribute__((noinline)) void SPIN(double deadline) {
  volatile uint64_t sum = 0;
  while (monotonic_seconds() < deadline) {
    for (int i = 0; i < 1000000; ++i) sum = sum + (uint64_t)i;
  }
}

int main(int argc, char** argv) {
  const char* seconds = flag(argc, argv, "seconds", "3");
#ifdef SECOND
  truth("{\"event\":\"second\",\"pid\":%d,\"function\":\"second_program\"}", getpid());
#else
  truth("{\"event\":\"first\",\"pid\":%d,\"function\":\"first_program\"}", getpid());
#endif
  SPIN(monotonic_seconds() + strtod(seconds, NULL));
#ifdef SECOND
  truth("{\"event\":\"done\"}");
  return 0;
#else
  char path[PATH_MAX + 32];
  const ssize_t length = readlink("/proc/self/exe", path, PATH_MAX);
  if (length <= 0) return 1;
  path[length] = 0;
  char* folder = dirname(path);
  char next[PATH_MAX + 64];
  snprintf(next, sizeof(next), "%s/exec_chain_second", folder);
  execl(next, "exec_chain_second", "--seconds", seconds, (char*)NULL);
  perror("exec_chain: exec");
  return 1;
#endif
}
