// Any bytes as a binary: every question gets an answer or a refusal.
#include "elf/object.h"
#include "fuzz/memory_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto object = profd::elf::OpenElf(profd::MemoryFile(data, size));
  if (!object.ok()) return 0;
  (void)(*object)->Describe();
  for (const uint64_t position : {uint64_t{0}, uint64_t{0x1000}, uint64_t{size / 2}, uint64_t{size}, UINT64_MAX}) {
    (void)(*object)->Resolve(position);
    (void)(*object)->TypeName(position);
  }
  (void)(*object)->AskGo();
  return 0;
}
