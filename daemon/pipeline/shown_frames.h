// Which frames of a stack people are shown.
#pragma once

#include "symbols/symbolizer.h"

namespace profd {

/// A function that a thread's stack begins with: beyond it there is nothing to be missed.
bool IsRoot(const SymbolizedAddress& address);
/// A goroutine begins with the function that it was started with, here as in the runtime's own profiles: goexit is
/// where that would return to.
bool IsBelowRoot(const SymbolizedAddress& address);
/// What Go's runtime does not show either: functions that the compiler wraps around others, and the mark of a goroutine
/// that is on the system stack just now.
bool IsHidden(const FrameLine& line);

}  // namespace profd
