// Answers about maps, as messages.
#pragma once

#include "profd/v1/profiler.pb.h"
#include "query/query_engine.h"

namespace profd {

void ToProto(const ProcessMaps& maps, const Clock& clock, v1::ListMapSitesResponse& out);

}  // namespace profd
