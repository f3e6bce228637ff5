// What to do about a recursion. Pure.
#pragma once

#include <string>

#include "recursion/cycle.h"

namespace profd {

/// Where a depth limit or a set of visited values belongs: a function and its line.
std::string AdviceFor(const Cycle& cycle);

}  // namespace profd
