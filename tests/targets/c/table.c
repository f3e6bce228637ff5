#include "c/table.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS 4096

struct table {
  char* keys[SLOTS];
  int64_t values[SLOTS];
};
struct numbers {
  uint32_t keys[SLOTS];
};

static uint32_t hash_of(const char* key) {
  uint32_t hash = 2166136261u;
  for (; *key; ++key) hash = (hash ^ (uint8_t)*key) * 16777619u;
  return hash;
}

static uint32_t slot_of(const struct table* table, const char* key) {
  uint32_t slot = hash_of(key) % SLOTS;
  while (table->keys[slot] && strcmp(table->keys[slot], key) != 0) slot = (slot + 1) % SLOTS;
  return slot;
}

struct table* table_new(void) {
  return calloc(1, sizeof(struct table));
}

void table_put(struct table* table, const char* key, int64_t value) {
  const uint32_t slot = slot_of(table, key);
  if (!table->keys[slot]) table->keys[slot] = strdup(key);
  table->values[slot] = value;
}

bool table_get(const struct table* table, const char* key, int64_t* value) {
  const uint32_t slot = slot_of(table, key);
  *value = table->values[slot];
  return table->keys[slot] != NULL;
}

struct numbers* numbers_new(void) {
  return calloc(1, sizeof(struct numbers));
}

// A function that calls another begins with a push, as most that are worth probing do.
__attribute__((noinline)) static uint32_t place_of(const struct numbers* numbers, uint32_t key) {
  uint32_t slot = key * 2654435761u % SLOTS;
  while (numbers->keys[slot] && numbers->keys[slot] != key) slot = (slot + 1) % SLOTS;
  return slot;
}

void numbers_add(struct numbers* numbers, uint32_t key) { numbers->keys[place_of(numbers, key)] = key; }

bool numbers_have(const struct numbers* numbers, uint32_t key) { return numbers->keys[place_of(numbers, key)] == key; }
