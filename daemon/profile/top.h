// Functions of a profile by their share, as `go tool pprof -top` counts: a function (all of one name) counts once a
// sample; an inlined function at the leaf is flat there.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "profile/profile.h"

namespace profd {

struct FunctionShare {
  std::string name;
  std::string file;
  int64_t line = 0;          ///< start line of the function, 0 when unknown
  uint64_t flat = 0;         ///< ticks with this function as the leaf
  uint64_t cum = 0;          ///< ticks with it anywhere on the stack
  uint64_t max_repeats = 0;  ///< how often it stands on one stack at most, folds counted in full
  bool estimated = false;    ///< max_repeats is an estimate
};

struct TopFunctions {
  uint64_t samples = 0;
  std::vector<FunctionShare> functions;  ///< by flat, then cum, descending, then name
};

TopFunctions ComputeTop(const Profile& profile);

}  // namespace profd
