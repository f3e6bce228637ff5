#include "symbols/address_query.h"

#include "symbols/object_table.h"

namespace profd {

uint64_t CallSite(uint64_t address, uint64_t lowest, bool leaf) {
  return leaf || address <= lowest ? address : address - 1;
}

uint64_t PositionOf(const ResolvedAddress& address, bool leaf) {
  const uint64_t site = CallSite(address.address, address.mapping_start, leaf);
  switch (KindOf(*address.file)) {
    case MemoryKind::kAnonymous: return site;
    case MemoryKind::kVdso:  // the kernel gives it an offset that means nothing
      return site - address.mapping_start;
    default: return site - address.mapping_start + address.mapping_offset;
  }
}

void StripModule(std::string& name) {
  if (!name.ends_with(']')) return;
  const size_t bracket = name.rfind('[');
  if (bracket == std::string::npos || bracket == 0) return;
  if (name[bracket - 1] != '\t' && name[bracket - 1] != ' ') return;
  name.resize(bracket - 1);
}

}  // namespace profd
