// honest_c SHAPE [--seconds S] [--fraction F]
//
// Recurses deep and returns, again and again for S seconds. SHAPE: quicksort (of sorted records), list (a walk) or
// parser (of nested parentheses). Goes as deep as F of RLIMIT_STACK; without F a fifth of the usual 8 MiB. How many
// levels that are is measured first.
#define _GNU_SOURCE
#include <sys/resource.h>
#include <unistd.h>

#include "c/truth.h"

#define NOINLINE __attribute__((noinline, noclone))

enum { kUsualStackBytes = 8 << 20, kMeasuredLevels = 64 };

static const char* lowest;  ///< where the deepest frame of the last turn was
static volatile uint64_t sink;

static void look(const void* here) {
  if ((const char*)here < lowest) lowest = here;
}

struct record {
  uint64_t key;
  char payload[120];
};

/// Takes the first for the pivot, and a copy of it, so that of sorted records each has a level.
NOINLINE static void sort_records(struct record* records, size_t count) {
  if (count < 2) return;
  const struct record pivot = records[0];
  look(&pivot);
  size_t last = 0;
  for (size_t i = 1; i < count; ++i) {
    if (records[i].key >= pivot.key) continue;
    const struct record moved = records[i];
    records[i] = records[++last];
    records[last] = moved;
  }
  records[0] = records[last];
  records[last] = pivot;
  sort_records(records, last);
  sort_records(records + last + 1, count - last - 1);
}

static void quicksort(size_t levels) {
  struct record* records = calloc(levels + 1, sizeof(*records));
  for (size_t i = 0; i <= levels; ++i) records[i].key = i;
  sort_records(records, levels + 1);
  sink = records[levels].key;
  free(records);
}

struct node {
  struct node* next;
  uint64_t value;
};

NOINLINE static uint64_t sum(const struct node* node) {
  const uint64_t value = node->value;
  look(__builtin_frame_address(0));
  return node->next ? sum(node->next) + value : value;
}

static void list(size_t levels) {
  struct node* nodes = calloc(levels, sizeof(*nodes));
  for (size_t i = 0; i + 1 < levels; ++i) nodes[i].next = &nodes[i + 1];
  sink = sum(nodes);
  free(nodes);
}

NOINLINE static long parse_sum(const char** text);

NOINLINE static long parse_atom(const char** text) {
  look(__builtin_frame_address(0));
  if (**text == '(') {
    ++*text;
    const long value = parse_sum(text);
    ++*text;  // ')'
    return value;
  }
  long value = 0;
  while (**text >= '0' && **text <= '9') value = value * 10 + *(*text)++ - '0';
  return value;
}

NOINLINE static long parse_product(const char** text) {
  long value = parse_atom(text);
  while (**text == '*') {
    ++*text;
    value *= parse_atom(text);
  }
  return value;
}

NOINLINE static long parse_sum(const char** text) {
  long value = parse_product(text);
  while (**text == '+') {
    ++*text;
    value += parse_product(text);
  }
  return value;
}

static void parser(size_t levels) {
  char* text = calloc(2 * levels + 2, 1);
  memset(text, '(', levels);
  text[levels] = '7';
  memset(text + levels + 1, ')', levels);
  const char* at = text;
  if (parse_sum(&at) != 7 || *at != '\0') {
    fprintf(stderr, "honest_c: the parser is wrong\n");
    exit(1);
  }
  free(text);
}

struct shape {
  const char* name;
  void (*run)(size_t levels);
};

static const struct shape kShapes[] = {{"quicksort", quicksort}, {"list", list}, {"parser", parser}};
enum { kShapeCount = sizeof(kShapes) / sizeof(kShapes[0]) };

/// Runs it once; returns how many bytes of stack below this function it used.
NOINLINE static size_t stack_of(const struct shape* shape, size_t levels) {
  const char* top = __builtin_frame_address(0);
  lowest = top;
  shape->run(levels);
  return (size_t)(top - lowest);
}

int main(int argc, char** argv) {
  const struct shape* shape = NULL;
  for (int i = 0; i < kShapeCount; ++i) {
    if (argc > 1 && strcmp(argv[1], kShapes[i].name) == 0) shape = &kShapes[i];
  }
  if (shape == NULL) {
    fprintf(stderr, "honest_c: the first argument is one of quicksort, list, parser\n");
    return 2;
  }
  struct rlimit limit;
  getrlimit(RLIMIT_STACK, &limit);
  if (limit.rlim_cur == RLIM_INFINITY) {
    limit.rlim_cur = kUsualStackBytes;
    setrlimit(RLIMIT_STACK, &limit);
  }
  const double fraction = flag_seconds(argc, argv, "fraction", 0);
  const double wanted = fraction > 0 ? fraction * (double)limit.rlim_cur : 0.2 * kUsualStackBytes;
  const size_t few = stack_of(shape, kMeasuredLevels);
  const size_t more = stack_of(shape, 2 * kMeasuredLevels);
  const size_t levels = (size_t)(wanted / ((double)(more - few) / kMeasuredLevels));

  truth("{\"event\":\"ready\",\"pid\":%d,\"shape\":\"%s\"}", getpid(), shape->name);
  const double deadline = monotonic_seconds() + flag_seconds(argc, argv, "seconds", 3);
  uint64_t turns = 0;
  size_t bytes = 0;
  do {
    bytes = stack_of(shape, levels);
    ++turns;
  } while (monotonic_seconds() < deadline);
  truth("{\"event\":\"done\",\"shape\":\"%s\",\"depth\":%zu,\"stack_bytes\":%zu,\"limit_bytes\":%lu,\"turns\":%lu}",
        shape->name, levels, bytes, limit.rlim_cur, turns);
  return 0;
}
