// Any bytes as a profile. What is decoded must survive being written and read again.
#include "pprof/pprof.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)profd::pprof::Validate(bytes);
  const auto profile = profd::pprof::Decode(bytes);
  if (!profile.ok()) return 0;
  if (!profd::pprof::Decode(profd::pprof::Encode(*profile)).ok()) __builtin_trap();
  return 0;
}
