// recurse_c --mode direct|cycle3|cycle40|two|irregular|growing|ordinary [--depth N] [--second N]
//           [--leaf spin|read|fault] [--where thread|main] [--seconds S] [--seed N] [--spins N] [--report N]
//
// Recurses to an exact depth and spends its time at the bottom: in `spin_leaf`, which calls nothing and has a frame; in
// `read_leaf`, nearly always inside the read system call; or in `fault_leaf`, nearly always inside page faults.
#define _GNU_SOURCE
#include "c/recurse.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "c/truth.h"

enum { kFrameBytesAtMost = 160, kBufferBytes = 16 << 20, kPageBytes = 4096 };

struct job {
  struct run run;
  const char* mode;
  const char* leaf;
  const char* where;
  uint64_t depth;
  char* stack_top;
  char* buffer;
  int zero;
  int argc;
  char** argv;
};

/// A system call without the C library, whose functions have no frame and would hide their caller.
static inline long system_call(long number, long first, long second, long third) {
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "0"(number), "D"(first), "S"(second), "d"(third)
                   : "rcx", "r11", "memory");
  return result;
}

NOINLINE static void spin_leaf(struct run* run) {
  uint64_t pad[4] = {0};
  for (;;) {
    for (int i = 0; i < 1000000; ++i) run->work = run->work + 1;
    KEEP(pad);
    struct timespec now;
    // The clock is asked once a millisecond or so, without leaving this function.
    system_call(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&now, 0);
    if ((double)now.tv_sec + (double)now.tv_nsec * 1e-9 > run->deadline) return;
  }
}

NOINLINE static void read_leaf(struct run* run) {
  struct job* job = (struct job*)run;
  while (monotonic_seconds() < run->deadline) {
    for (int i = 0; i < 20; ++i) {
      system_call(SYS_read, job->zero, (long)job->buffer, kBufferBytes);
      run->work = run->work + 1;
    }
  }
}

NOINLINE static void fault_leaf(struct run* run) {
  struct job* job = (struct job*)run;
  while (monotonic_seconds() < run->deadline) {
    system_call(SYS_madvise, (long)job->buffer, kBufferBytes, MADV_DONTNEED);
    for (char* page = job->buffer; page < job->buffer + kBufferBytes; page += kPageBytes) *(volatile char*)page = 1;
  }
}

/// Says what the stack looks like, then stays at the bottom of it.
NOINLINE static void bottom(struct run* run) {
  struct job* job = (struct job*)run;
  char here;
  truth(
      "{\"event\":\"ready\",\"pid\":%d,\"tid\":%ld,\"mode\":\"%s\",\"depth\":%lu,\"second\":%lu,\"calls_a\":%lu,"
      "\"calls_b\":%lu,\"leaf\":\"%s_leaf\",\"root\":\"%s\",\"stack_bytes\":%ld}",
      getpid(), syscall(SYS_gettid), job->mode, job->depth, run->second, run->calls_a, run->calls_b, job->leaf,
      strcmp(job->where, "main") == 0 ? "main" : "thread_main", (long)(job->stack_top - &here));
  if (strcmp(job->leaf, "read") == 0) {
    read_leaf(run);
  } else if (strcmp(job->leaf, "fault") == 0) {
    fault_leaf(run);
  } else {
    spin_leaf(run);
  }
  KEEP(here);
}

NOINLINE static void recurse(struct job* job) {
  if (strcmp(job->mode, "direct") == 0) {
    direct_recursion(&job->run, job->depth);
  } else if (strcmp(job->mode, "cycle3") == 0) {
    cycle3_recursion(&job->run, job->depth);
  } else if (strcmp(job->mode, "cycle40") == 0) {
    cycle40_recursion(&job->run, job->depth);
  } else if (strcmp(job->mode, "two") == 0) {
    two_recursions(&job->run, job->depth);
  } else if (strcmp(job->mode, "irregular") == 0) {
    irregular_recursion(&job->run, job->depth);
  } else if (strcmp(job->mode, "growing") == 0) {
    growing_recursion(&job->run, job->depth);
  } else if (strcmp(job->mode, "ordinary") == 0) {
    ordinary_stack(&job->run, job->depth);
  } else {
    fprintf(stderr, "recurse_c: unknown mode %s\n", job->mode);
    exit(2);
  }
  KEEP(job);
}

NOINLINE static void* thread_main(void* argument) {
  struct job* job = argument;
  job->stack_top = (char*)__builtin_frame_address(0);
  recurse(job);
  KEEP(job);
  return NULL;
}

static void run_in_thread(struct job* job, size_t stack_bytes) {
  void* stack =
      mmap(NULL, stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  pthread_attr_t attributes;
  pthread_t thread;
  pthread_attr_init(&attributes);
  if (stack == MAP_FAILED || pthread_attr_setstack(&attributes, stack, stack_bytes) != 0 ||
      pthread_create(&thread, &attributes, thread_main, job) != 0) {
    perror("recurse_c: cannot make a thread with that stack");
    exit(1);
  }
  pthread_join(thread, NULL);
}

/// The main thread's stack may grow to what the limit was at exec, so the program runs itself again under a larger one.
static void ensure_main_stack(char** argv, size_t stack_bytes) {
  struct rlimit limit;
  getrlimit(RLIMIT_STACK, &limit);
  if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= stack_bytes) return;
  limit.rlim_cur = stack_bytes;
  if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < stack_bytes) limit.rlim_max = stack_bytes;
  if (setrlimit(RLIMIT_STACK, &limit) != 0 || execv("/proc/self/exe", argv) != 0) {
    perror("recurse_c: cannot enlarge the main stack");
    exit(1);
  }
}

int main(int argc, char** argv) {
  static struct job job;
  job.mode = flag(argc, argv, "mode", "direct");
  job.leaf = flag(argc, argv, "leaf", "spin");
  job.where = flag(argc, argv, "where", "thread");
  job.depth = flag_number(argc, argv, "depth", 100);
  if (strcmp(job.mode, "ordinary") == 0 && job.depth != 20) job.depth = 100;
  job.run.bottom = bottom;
  job.run.second = flag_number(argc, argv, "second", strcmp(job.mode, "two") == 0 ? 100 : 0);
  job.run.random = flag_number(argc, argv, "seed", 88172645463325252ULL) | 1;
  job.run.spins = flag_number(argc, argv, "spins", 10000);
  job.run.report = flag_number(argc, argv, "report", 10000);

  const size_t stack_bytes = ((job.depth + job.run.second) * kFrameBytesAtMost + (8 << 20)) & ~(size_t)(kPageBytes - 1);
  if (strcmp(job.where, "main") == 0) ensure_main_stack(argv, stack_bytes);

  job.run.deadline = monotonic_seconds() + flag_seconds(argc, argv, "seconds", 60);
  job.zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
  job.buffer = mmap(NULL, kBufferBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (job.zero < 0 || job.buffer == MAP_FAILED) {
    perror("recurse_c: no buffer");
    return 1;
  }
  if (strcmp(job.where, "main") == 0) {
    job.stack_top = (char*)__builtin_frame_address(0);
    recurse(&job);
  } else {
    run_in_thread(&job, stack_bytes);
  }
  truth("{\"event\":\"done\",\"work\":%lu,\"cpu_seconds\":%.3f}", job.run.work, cpu_seconds());
  return 0;
}
