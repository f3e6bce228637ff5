// Which functions a program calls near some places in its code.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace profd {

/// Numbers of the `functions` (offsets of their first instructions in the file) that the code around the `places` (file
/// offsets, of which the first 16 count) calls directly, the nearest call first. The code around ends with 4 KiB, and
/// where linkers have filled the room between two functions. x86-64: any five bytes that read as a call are taken for
/// one.
std::vector<size_t> CalledNear(int fd, std::span<const uint64_t> places, std::span<const uint64_t> functions);

}  // namespace profd
