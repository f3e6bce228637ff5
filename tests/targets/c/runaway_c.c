// runaway_c SHAPE [--after SECONDS] [--throttle NANOSECONDS] [--counter FILE]
//
// Recurses without end until it dies of SIGSEGV. SHAPE: direct, mutual, cycle3, or thread, which is `direct` in a
// thread with 512 KiB of stack. FILE gets the levels called so far (8 bytes, native order) and keeps them after the
// death. With
// --throttle each level spins so long first. "onset" is printed right before the first call.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "c/truth.h"

#define NOINLINE __attribute__((noinline, noclone))
/// Keeps a call from becoming a jump, and the frame's padding alive.
#define KEEP(pad) __asm__ volatile("" : : "r"(&(pad)) : "memory")

enum { kThreadStackBytes = 512 << 10, kMainStackBytes = 8 << 20 };

static uint64_t own_levels;
static volatile uint64_t* levels = &own_levels;
static volatile uint64_t last_level = UINT64_MAX;  // never reached, which the compiler does not know
static uint64_t throttle_ns;

static uint64_t clock_ns(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

NOINLINE static void spin_level(void) {
  const uint64_t end = clock_ns(CLOCK_MONOTONIC) + throttle_ns;
  while (clock_ns(CLOCK_MONOTONIC) < end) continue;
}

static inline int next_level(void) {
  *levels = *levels + 1;
  if (throttle_ns > 0) spin_level();
  return *levels < last_level;
}

NOINLINE static uint64_t direct(uint64_t value) {
  uint64_t pad[4] = {value};
  KEEP(pad);
  return next_level() ? direct(value + 1) + pad[0] : 0;
}

NOINLINE static uint64_t mutual_b(uint64_t value);
NOINLINE static uint64_t mutual_a(uint64_t value) { return next_level() ? mutual_b(value + 1) + 1 : 0; }
NOINLINE static uint64_t mutual_b(uint64_t value) {
  uint64_t pad[6] = {value};
  KEEP(pad);
  return next_level() ? mutual_a(value + 1) + pad[0] : 0;
}

NOINLINE static uint64_t cycle3_first(uint64_t value);
NOINLINE static uint64_t cycle3_third(uint64_t value) {
  uint64_t pad[8] = {value};
  KEEP(pad);
  return next_level() ? cycle3_first(value + 1) + pad[0] : 0;
}
NOINLINE static uint64_t cycle3_second(uint64_t value) { return next_level() ? cycle3_third(value + 1) + 2 : 0; }
NOINLINE static uint64_t cycle3_first(uint64_t value) {
  uint64_t pad[2] = {value};
  KEEP(pad);
  return next_level() ? cycle3_second(value + 1) + pad[0] : 0;
}

struct shape {
  const char* name;
  uint64_t (*enter)(uint64_t);
  const char* cycle;  ///< names in JSON
  int frames;
};

static const struct shape kShapes[] = {
    {"direct", direct, "\"direct\"", 1},
    {"mutual", mutual_a, "\"mutual_a\",\"mutual_b\"", 2},
    {"cycle3", cycle3_first, "\"cycle3_first\",\"cycle3_second\",\"cycle3_third\"", 3},
    {"thread", direct, "\"direct\"", 1},
};
enum { kShapeCount = sizeof(kShapes) / sizeof(kShapes[0]) };

NOINLINE static uint64_t start_recursion(const struct shape* shape, const char* root) {
  char line[512];
  const int length =
      snprintf(line, sizeof(line),
               "{\"event\":\"onset\",\"pid\":%d,\"tid\":%d,\"shape\":\"%s\",\"cycle\":[%s],\"frames_per_cycle\":%d,"
               "\"levels_per_cycle\":%d,\"entry\":\"start_recursion\",\"root\":\"%s\"",
               getpid(), gettid(), shape->name, shape->cycle, shape->frames, shape->frames, root);
  truth("%.*s,\"boot_ns\":%lu,\"time_ns\":%lu}", length, line, clock_ns(CLOCK_BOOTTIME), clock_ns(CLOCK_REALTIME));
  return shape->enter(1) + 1;
}

NOINLINE static void* thread_main(void* argument) {
  own_levels += start_recursion(argument, "thread_main");
  return NULL;
}

static void run_in_thread(const struct shape* shape) {
  pthread_attr_t attributes;
  pthread_t thread;
  pthread_attr_init(&attributes);
  if (pthread_attr_setstacksize(&attributes, kThreadStackBytes) != 0 ||
      pthread_create(&thread, &attributes, thread_main, (void*)shape) != 0) {
    perror("runaway_c: cannot make a thread with that stack");
    exit(1);
  }
  pthread_join(thread, NULL);
}

static void open_counter(const char* path) {
  const int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  void* page = MAP_FAILED;
  if (file >= 0 && ftruncate(file, sizeof(*levels)) == 0) {
    page = mmap(NULL, sizeof(*levels), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  }
  if (page == MAP_FAILED) {
    perror("runaway_c: cannot map the counter's file");
    exit(1);
  }
  close(file);
  levels = page;
}

/// The death is to leave no core file, and the stack is to have an end.
static void set_limits(void) {
  const struct rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  struct rlimit stack;
  getrlimit(RLIMIT_STACK, &stack);
  if (stack.rlim_cur != RLIM_INFINITY) return;
  stack.rlim_cur = kMainStackBytes;
  setrlimit(RLIMIT_STACK, &stack);
}

int main(int argc, char** argv) {
  const struct shape* shape = NULL;
  for (int i = 0; i < kShapeCount; ++i) {
    if (argc > 1 && strcmp(argv[1], kShapes[i].name) == 0) shape = &kShapes[i];
  }
  if (shape == NULL) {
    fprintf(stderr, "runaway_c: the first argument is one of direct, mutual, cycle3, thread\n");
    return 2;
  }
  const char* counter = flag(argc, argv, "counter", NULL);
  if (counter != NULL) open_counter(counter);
  throttle_ns = flag_number(argc, argv, "throttle", 0);
  set_limits();
  truth("{\"event\":\"ready\",\"pid\":%d,\"shape\":\"%s\",\"dies_of\":\"SIGSEGV\"}", getpid(), shape->name);
  usleep((useconds_t)(flag_seconds(argc, argv, "after", 2) * 1e6));
  if (strcmp(shape->name, "thread") == 0) {
    run_in_thread(shape);
  } else {
    own_levels += start_recursion(shape, "main");
  }
  return 0;
}
