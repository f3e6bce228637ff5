// thread_names [--seconds S]: one process, three threads that spin and are named `reader`, `writer` and a name with
// control characters and a quote in it, which must reach no terminal as it is.
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "c/truth.h"

static const char* const names[] = {"reader", "writer", "\033[31m\"x\n\t;"};
static double deadline;

__attribute__((noinline)) static void spin_named(void) {
  volatile uint64_t sum = 0;
  while (monotonic_seconds() < deadline) {
    for (int i = 0; i < 1000000; ++i) sum = sum + 1;
  }
}

static void* run(void* name) {
  pthread_setname_np(pthread_self(), name);
  spin_named();
  return NULL;
}

int main(int argc, char** argv) {
  deadline = monotonic_seconds() + flag_seconds(argc, argv, "seconds", 60);
  pthread_t threads[3];
  for (int i = 0; i < 3; ++i) pthread_create(&threads[i], NULL, run, (void*)names[i]);
  truth("{\"event\":\"ready\",\"pid\":%d,\"names\":[\"reader\",\"writer\"]}", getpid());
  for (int i = 0; i < 3; ++i) pthread_join(threads[i], NULL);
  return 0;
}
