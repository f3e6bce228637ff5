// Two hash tables as C programs have them, in a shared library: texts to numbers, and a set of numbers.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct table;
struct numbers;

struct table* table_new(void);
void table_put(struct table* table, const char* key, int64_t value);
bool table_get(const struct table* table, const char* key, int64_t* value);

struct numbers* numbers_new(void);
void numbers_add(struct numbers* numbers, uint32_t key);
bool numbers_have(const struct numbers* numbers, uint32_t key);
