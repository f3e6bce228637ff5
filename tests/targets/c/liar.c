// liar MODE: a program whose frame pointers lie, and that burns CPU while they do.
//   loop       the chain leads to itself
//   unmapped   it leads to memory that is not there
//   device     it leads into a mapping of /dev/zero's pages, which read as zeros
//   deep       a made-up chain of a million equal frames on the heap, that never grows
//   changing   the same, but its words change all the time
// Prints ready. What it pretends is no recursion of its own.
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "truth.h"

enum { FRAMES = 1000000 };

static uint64_t* chain;  // pairs: saved frame pointer, return address

// Spins for ever with this frame pointer. Never returns.
__attribute__((noinline, noreturn)) static void spin_with(uint64_t frame_pointer) {
  __asm__ volatile("mov %0, %%rbp\n1: pause\njmp 1b" : : "r"(frame_pointer) : "memory");
  __builtin_unreachable();
}

static void build(uint64_t return_address) {
  for (uint64_t i = 0; i < FRAMES; i++) {
    chain[2 * i] = i + 1 < FRAMES ? (uint64_t)&chain[2 * (i + 1)] : 0;
    chain[2 * i + 1] = return_address;
  }
}

static void* keep_changing(void* unused) {
  (void)unused;
  for (uint64_t round = 0;; round++) {
    for (uint64_t i = round % 7; i < FRAMES; i += 7) chain[2 * i + 1] ^= 0x10;
  }
  return NULL;
}

int main(int argc, char** argv) {
  const char* mode = argc > 1 ? argv[1] : "";
  const size_t bytes = 16 * (size_t)FRAMES;
  chain = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (chain == MAP_FAILED) return 1;
  const uint64_t here = (uint64_t)__builtin_return_address(0);
  uint64_t frame_pointer = (uint64_t)chain;
  build(here);
  if (strcmp(mode, "loop") == 0) {
    chain[0] = frame_pointer;
  } else if (strcmp(mode, "unmapped") == 0) {
    frame_pointer = 0x10000;
  } else if (strcmp(mode, "device") == 0) {
    const int device = open("/dev/zero", O_RDWR);
    frame_pointer = (uint64_t)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, device, 0);
  } else if (strcmp(mode, "changing") == 0) {
    pthread_t thread;
    pthread_create(&thread, NULL, keep_changing, NULL);
  } else if (strcmp(mode, "deep") != 0) {
    fprintf(stderr, "usage: liar loop|unmapped|device|deep|changing\n");
    return 2;
  }
  truth("{\"event\":\"ready\",\"pid\":%d,\"mode\":\"%s\"}", getpid(), mode);
  spin_with(frame_pointer);
}
