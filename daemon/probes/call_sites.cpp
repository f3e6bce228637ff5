#include "probes/call_sites.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <string_view>

namespace profd {
namespace {

constexpr size_t kMostPlaces = 16;
constexpr uint64_t kReach = 4096;  // bytes on either side: most functions of a recursion are smaller
constexpr size_t kCallBytes = 5;
constexpr std::string_view kFilling = "\xcc\xcc\xcc";  // int3
constexpr char kCall = '\xe8';                         // then the distance from the next instruction, 4 bytes

}  // namespace

std::vector<size_t> CalledNear(int fd, std::span<const uint64_t> places, std::span<const uint64_t> functions) {
  constexpr uint64_t kFar = std::numeric_limits<uint64_t>::max();
  std::vector<uint64_t> distances(functions.size(), kFar);
  for (const uint64_t place : places.first(std::min(places.size(), kMostPlaces))) {
    std::array<char, 2 * kReach> code;
    const uint64_t begin = place - std::min(place, kReach);
    const ssize_t size = pread(fd, code.data(), code.size(), static_cast<off_t>(begin));
    std::string_view text(code.data(), static_cast<size_t>(std::max<ssize_t>(size, 0)));
    text = text.substr(0, text.find(kFilling, place - begin));
    const size_t before = text.substr(0, place - begin).rfind(kFilling);
    for (size_t i = before == text.npos ? 0 : before; i + kCallBytes <= text.size(); ++i) {
      if (code[i] != kCall) continue;
      int32_t jump = 0;
      std::memcpy(&jump, &code[i + 1], sizeof(jump));
      const uint64_t at = begin + i, target = at + kCallBytes + static_cast<uint64_t>(static_cast<int64_t>(jump));
      const uint64_t distance = at < place ? place - at : at - place;
      for (size_t function = 0; function < functions.size(); ++function) {
        if (functions[function] == target) distances[function] = std::min(distances[function], distance);
      }
    }
  }
  std::vector<size_t> called;
  for (size_t i = 0; i < functions.size(); ++i) {
    if (distances[i] != kFar) called.push_back(i);
  }
  std::ranges::stable_sort(called, {}, [&distances](size_t i) { return distances[i]; });
  return called;
}

}  // namespace profd
