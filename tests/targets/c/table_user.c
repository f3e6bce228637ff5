// Uses the hash tables of a shared library at a steady pace, each kind of access in a function of its own, and prints
// how many of each there were, with the time, four times a second.
#include "c/table.h"

#include "c/truth.h"

static volatile int64_t sink;

__attribute__((noinline)) static void read_text(const struct table* table) {
  int64_t value = 0;
  sink += table_get(table, "apples", &value) + value;
}

__attribute__((noinline)) static void write_text(struct table* table, int64_t value) {
  table_put(table, "pears", value);
  sink += value;
}

__attribute__((noinline)) static void read_number(const struct numbers* numbers) { sink += numbers_have(numbers, 42); }

__attribute__((noinline)) static void work(void) {
  for (int i = 0; i < 1000; ++i) sink += i;
}

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

int main(int argc, char** argv) {
  const double seconds = atof(flag(argc, argv, "seconds", "600"));
  struct table* table = table_new();
  struct numbers* numbers = numbers_new();
  table_put(table, "apples", 1);
  numbers_add(numbers, 42);
  truth("{\"event\":\"ready\"}");
  const double begin = monotonic_seconds();
  double told = begin;
  for (int64_t round = 1; monotonic_seconds() < begin + seconds; ++round) {
    for (int i = 0; i < 6; ++i, work()) read_text(table);
    for (int i = 0; i < 3; ++i, work()) write_text(table, i);
    read_number(numbers);
    work();
    if (monotonic_seconds() < told + 0.25) continue;
    told = monotonic_seconds();
    truth(
        "{\"event\":\"progress\",\"time_ns\":%lld,\"counts\":{\"read_text\":%lld,\"write_text\":%lld,\"read_number\":%"
        "lld}}",
        (long long)now_ns(), (long long)(6 * round), (long long)(3 * round), (long long)round);
  }
  return 0;
}
