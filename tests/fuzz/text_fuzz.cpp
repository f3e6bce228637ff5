// Any bytes as a perf map, and as the kernel's list of symbols.
#include "elf/object.h"
#include "fuzz/memory_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  for (const auto open : {&profd::elf::OpenPerfMap, &profd::elf::OpenKallsyms}) {
    auto object = open(profd::MemoryFile(data, size));
    if (!object.ok()) continue;
    (void)(*object)->Describe();
    for (const uint64_t position : {uint64_t{0}, uint64_t{0x1000}, UINT64_MAX}) (void)(*object)->Resolve(position);
  }
  return 0;
}
