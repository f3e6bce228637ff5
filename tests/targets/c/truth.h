// What a target knows about itself, for the test that watches it: JSON objects, one a line, on standard output.
#pragma once

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/// Prints one line and flushes it, so that a reader of a pipe has it at once.
static inline void truth(const char* format, ...) __attribute__((format(printf, 1, 2)));
static inline void truth(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  putchar('\n');
  fflush(stdout);
}

static inline double monotonic_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/// CPU time of the whole process so far.
static inline double cpu_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/// `--name value`, or `fallback` when it is not given.
static inline const char* flag(int argc, char** argv, const char* name, const char* fallback) {
  for (int i = 1; i + 1 < argc; ++i) {
    if (strncmp(argv[i], "--", 2) == 0 && strcmp(argv[i] + 2, name) == 0) return argv[i + 1];
  }
  return fallback;
}

static inline uint64_t flag_number(int argc, char** argv, const char* name, uint64_t fallback) {
  const char* text = flag(argc, argv, name, NULL);
  return text ? strtoull(text, NULL, 10) : fallback;
}

static inline double flag_seconds(int argc, char** argv, const char* name, double fallback) {
  const char* text = flag(argc, argv, name, NULL);
  return text ? strtod(text, NULL) : fallback;
}
