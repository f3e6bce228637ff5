// An address as a question to the object that it is in. Internal to symbols/.
#pragma once

#include <memory>
#include <string>

#include "process/process_table.h"
#include "symbols/object.h"

namespace profd {

struct Query {
  std::shared_ptr<Object> object;  // null: nothing to ask
  uint64_t position = 0;
  const ResolvedAddress* address = nullptr;  // null in the kernel
  FrameLines lines;
  bool answered = false;
  bool pending = false;
};

/// All but the leaf are return addresses: the call before them is meant, or its last byte, which does as well.
uint64_t CallSite(uint64_t address, uint64_t lowest, bool leaf);
/// Of an address in something that is mapped: what its object is asked about.
uint64_t PositionOf(const ResolvedAddress& address, bool leaf);
/// "name [module]" as kallsyms has it, to the name alone.
void StripModule(std::string& name);

}  // namespace profd
