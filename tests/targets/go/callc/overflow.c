#include <stdint.h>

__attribute__((noinline)) uint64_t overflow_in_c(uint64_t level) {
  volatile uint64_t frame[8] = {level};
  return overflow_in_c(level + 1) + frame[0];
}
