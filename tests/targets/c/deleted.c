// deleted [--seconds S]: deletes its own file and spins in `deleted_work`. Run it from a copy.
#include <limits.h>
#include <unistd.h>

#include "c/truth.h"

__attribute__((noinline)) static void deleted_work(double deadline) {
  volatile uint64_t sum = 0;
  while (monotonic_seconds() < deadline) {
    for (int i = 0; i < 1000000; ++i) sum = sum + 1;
  }
}

int main(int argc, char** argv) {
  char path[PATH_MAX + 1];
  const ssize_t length = readlink("/proc/self/exe", path, PATH_MAX);
  if (length <= 0) return 1;
  path[length] = 0;
  if (unlink(path) != 0) return 1;
  truth("{\"event\":\"ready\",\"pid\":%d,\"leaf\":\"deleted_work\"}", getpid());
  deleted_work(monotonic_seconds() + flag_seconds(argc, argv, "seconds", 60));
  return 0;
}
