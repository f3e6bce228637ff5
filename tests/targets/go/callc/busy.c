#include <stdint.h>

#include "_cgo_export.h"

uint64_t busy_in_c(uint64_t turns) {
  volatile uint64_t sum = 0;
  for (uint64_t i = 0; i < turns; i++) sum += i;
  return sum;
}

void call_go(void) { go_called_back(); }
