// Where in a function a probe stands best. Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/status.h"
#include "worker/object_analyzer.h"

namespace profd {

/// The kernel emulates some instructions that it has put a breakpoint on (jumps, calls, pushes, nops), and single-steps
/// the others, which is 10 to 36 times as slow. Until the place the function has changed neither its arguments'
/// registers nor the stack pointer.
struct ProbePlace {
  uint32_t distance = 0;  ///< bytes from the entry
  bool emulated = false;

  bool operator==(const ProbePlace&) const = default;
};

/// Of a function that a compiler made (x86-64), by how its code begins. The entry itself where nothing better is
/// near. Refuses (FailedPrecondition) code that ends too early, and a breakpoint that is there already.
absl::StatusOr<ProbePlace> PlaceProbe(std::string_view code);

/// The file's bytes are what was decoded: it may have been written to meanwhile. FailedPrecondition: they are not.
absl::Status CheckCode(int fd, const FunctionCode& function);

}  // namespace profd
