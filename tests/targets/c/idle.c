// idle [--seconds S]: sleeps. Whoever profiles it must see nothing.
#include <unistd.h>

#include "c/truth.h"

int main(int argc, char** argv) {
  const double seconds = flag_seconds(argc, argv, "seconds", 60);
  truth("{\"event\":\"ready\",\"pid\":%d}", getpid());
  const struct timespec wait = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
  nanosleep(&wait, NULL);
  truth("{\"event\":\"done\",\"cpu_seconds\":%.6f}", cpu_seconds());
  return 0;
}
