// go_host ARGUMENTS...: runs a target that was built as a C library: the Go code in $GO_LIBRARY, which takes the
// arguments.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

int main(void) {
  const char* path = getenv("GO_LIBRARY");
  void* library = path ? dlopen(path, RTLD_NOW) : NULL;
  void (*go_main)(void) = library ? (void (*)(void))dlsym(library, "go_main") : NULL;
  if (!go_main) {
    fprintf(stderr, "go_host: %s\n", path ? dlerror() : "GO_LIBRARY names no library");
    return 2;
  }
  go_main();
  return 0;
}
