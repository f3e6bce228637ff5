// What bytes that claim to be a profile would cost, before anything is allocated for them.
#pragma once

#include <cstdint>
#include <string_view>

namespace profd::pprof {

/// About how many bytes of memory parsing takes; an upper bound up to the allocator's own overhead. Two bytes on the
/// wire can stand for a message of a hundred, which is why a limit on the size alone protects nobody. Stops counting
/// where the bytes are malformed: the parser refuses them.
uint64_t EstimateMemory(std::string_view bytes);

}  // namespace profd::pprof
