// The conventional `process_*` metrics.
#pragma once

#include <prometheus/metric_family.h>

#include <vector>

#include "query/backend.h"

namespace profd {

/// What /proc/self does not tell is left out.
void AddOwnProcess(const DaemonStatus& status, std::vector<prometheus::MetricFamily>& families);

}  // namespace profd
