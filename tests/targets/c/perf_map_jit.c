// perf_map_jit [--seconds S] [--directory /tmp]: makes machine code at run time and describes it in perf-PID.map, as
// Node and Java do. Most time is spent in the code named `jit:hotLoop /app/server.js:42`.
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

#include "c/truth.h"

// push rbp; mov rbp, rsp; sub rsp, 16; mov rcx, rdi; 1: dec rcx; jnz 1b; leave; ret
static const unsigned char kLoop[] = {0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x10, 0x48,
                                      0x89, 0xf9, 0x48, 0xff, 0xc9, 0x75, 0xfb, 0xc9, 0xc3};

int main(int argc, char** argv) {
  char* code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (code == MAP_FAILED) return 1;
  memcpy(code, kLoop, sizeof(kLoop));
  memcpy(code + 1024, kLoop, sizeof(kLoop));
  char path[256];
  snprintf(path, sizeof(path), "%s/perf-%d.map", flag(argc, argv, "directory", "/tmp"), getpid());
  FILE* map = fopen(path, "we");
  if (!map) return 1;
  fprintf(map, "%lx %x jit:hotLoop /app/server.js:42\n", (unsigned long)code, (unsigned)sizeof(kLoop));
  fprintf(map, "%lx %x jit:coldLoop /app/server.js:99\n", (unsigned long)(code + 1024), (unsigned)sizeof(kLoop));
  fclose(map);
  truth("{\"event\":\"ready\",\"pid\":%d,\"leaf\":\"jit:hotLoop /app/server.js:42\",\"map\":\"%s\"}", getpid(), path);
  void (*hot)(uint64_t) = (void (*)(uint64_t))(uintptr_t)code;
  void (*cold)(uint64_t) = (void (*)(uint64_t))(uintptr_t)(code + 1024);
  const double deadline = monotonic_seconds() + flag_seconds(argc, argv, "seconds", 60);
  while (monotonic_seconds() < deadline) {
    hot(900000);
    cold(100000);
  }
  unlink(path);
  return 0;
}
