// Recursion stories as the API tells them.
#pragma once

#include "profd/v1/profiler.pb.h"
#include "recursion/event.h"

namespace profd {

/// `message` is empty before. Foreign bytes leave here as valid UTF-8.
void ToProto(const RecursionEvent& event, v1::RecursionEvent& message);

}  // namespace profd
