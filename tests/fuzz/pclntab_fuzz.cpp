// Any bytes as Go's table of functions: {u16 bytes of the functions' data at the end, u8 kind of wrappers, u8 unused},
// the table, the data.
#include "elf/pclntab.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using profd::elf::Bytes, profd::elf::Piece;
  constexpr size_t kHead = 4;
  constexpr uint64_t kText = 0x401000;
  const Bytes input(data, size);
  const auto data_size = input.At<uint16_t>(0);
  if (!data_size || size < kHead + *data_size) return 0;
  const Bytes table = *input.Slice(kHead, size - kHead - *data_size);
  const auto header = profd::elf::ReadPclntabHeader(table);
  if (!header.ok()) return 0;
  const profd::elf::Pclntab functions(Piece(table), *header, kText, Piece(*input.From(size - *data_size)), data[2]);
  const uint64_t step = (functions.text_end() - kText) / 16 + 1;
  for (uint64_t address = kText - 1; address <= functions.text_end(); address += step) {
    (void)functions.Find(address);
    (void)functions.StackDelta(address);
  }
  (void)functions.EntriesOf({"main.a", "main.inlined", ""});
  return 0;
}
