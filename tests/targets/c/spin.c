// spin [--seconds S] [--threads N] [--name COMM] [--system 1]
//
// Keeps N threads busy, one CPU each: in user mode in `burn`, or with --system in system calls. On SIGUSR1 and at the
// end it prints the CPU time that the kernel has accounted to it.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "c/truth.h"

static double deadline;
static _Atomic uint64_t work;
static int in_system;
static volatile sig_atomic_t report;

static void on_signal(int signal) {
  (void)signal;
  report = 1;
}

static void print_usage(const char* event) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  truth(
      "{\"event\":\"%s\",\"pid\":%d,\"user_seconds\":%ld.%06ld,\"system_seconds\":%ld.%06ld,\"time\":%.6f,"
      "\"work\":%lu}",
      event, getpid(), (long)usage.ru_utime.tv_sec, (long)usage.ru_utime.tv_usec, (long)usage.ru_stime.tv_sec,
      (long)usage.ru_stime.tv_usec, monotonic_seconds(), work);
}

__attribute__((noinline)) static uint64_t burn(uint64_t turns) {
  volatile uint64_t sum = 0;
  for (uint64_t i = 0; i < turns; ++i) sum = sum + i;
  return sum;
}

static void* worker(void* argument) {
  static char buffer[1 << 20];
  const int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
  while (monotonic_seconds() < deadline) {
    if (in_system) {
      if (read(zero, buffer, sizeof(buffer)) < 0) break;
    } else {
      burn(1000000);
      ++work;
    }
    if (argument == NULL && report) {
      report = 0;
      print_usage("usage");
    }
  }
  close(zero);
  return NULL;
}

int main(int argc, char** argv) {
  enum { kMaxThreads = 64 };
  pthread_t threads[kMaxThreads];
  uint64_t count = flag_number(argc, argv, "threads", 1);
  if (count < 1 || count > kMaxThreads) return 2;
  in_system = flag_number(argc, argv, "system", 0) != 0;
  const char* name = flag(argc, argv, "name", NULL);
  if (name) prctl(PR_SET_NAME, name);
  deadline = monotonic_seconds() + flag_seconds(argc, argv, "seconds", 60);
  signal(SIGUSR1, on_signal);
  truth("{\"event\":\"ready\",\"pid\":%d,\"threads\":%lu,\"leaf\":\"burn\"}", getpid(), count);
  for (uint64_t i = 1; i < count; ++i) pthread_create(&threads[i], NULL, worker, &in_system);
  worker(NULL);
  for (uint64_t i = 1; i < count; ++i) pthread_join(threads[i], NULL);
  print_usage("done");
  return 0;
}
