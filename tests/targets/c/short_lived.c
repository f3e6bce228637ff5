// short_lived [--per-minute N] [--milliseconds M] [--seconds S]
//
// Starts N processes a minute that each spin M milliseconds of CPU time under a name of their own (`brief-0` to
// `brief-99`) and exit. At the end it prints how many there were and how much CPU time they used together.
#define _GNU_SOURCE
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "c/truth.h"

__attribute__((noinline)) static void brief_work(double until_cpu_seconds) {
  volatile uint64_t sum = 0;
  while (cpu_seconds() < until_cpu_seconds) {
    for (int i = 0; i < 20000; ++i) sum = sum + (uint64_t)i;
  }
}

int main(int argc, char** argv) {
  const double per_minute = flag_seconds(argc, argv, "per-minute", 5000);
  const double milliseconds = flag_seconds(argc, argv, "milliseconds", 2);
  const double start = monotonic_seconds();
  const double end = start + flag_seconds(argc, argv, "seconds", 10);
  truth("{\"event\":\"ready\",\"pid\":%d}", getpid());
  uint64_t started = 0;
  for (double now = start; now < end; now = monotonic_seconds()) {
    if ((double)started < (now - start) * per_minute / 60) {
      const pid_t child = fork();
      if (child == 0) {
        char name[16];
        snprintf(name, sizeof(name), "brief-%u", (unsigned)(started % 100));
        prctl(PR_SET_NAME, name);
        brief_work(milliseconds / 1000);
        _exit(0);
      }
      if (child > 0) ++started;
    } else {
      usleep(1000);
    }
    while (waitpid(-1, NULL, WNOHANG) > 0) {}
  }
  while (waitpid(-1, NULL, 0) > 0) {}
  struct rusage usage;
  getrusage(RUSAGE_CHILDREN, &usage);
  truth("{\"event\":\"done\",\"started\":%lu,\"children_cpu_seconds\":%.6f,\"seconds\":%.6f}", started,
        (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec * 1e-6 + (double)usage.ru_stime.tv_sec +
            (double)usage.ru_stime.tv_usec * 1e-6,
        monotonic_seconds() - start);
  return 0;
}
