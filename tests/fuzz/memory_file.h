// The fuzzer's bytes as a file, since objects are read through descriptors.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "base/unique_fd.h"

namespace profd {

inline UniqueFd MemoryFile(const uint8_t* data, size_t size) {
  UniqueFd fd(memfd_create("fuzz", MFD_CLOEXEC));
  if (!fd || write(fd.get(), data, size) != static_cast<ssize_t>(size)) std::abort();
  return fd;
}

}  // namespace profd
