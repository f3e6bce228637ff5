// Where profd's own words go: stderr, as text for people or JSON for collectors.
#pragma once

#include "config/config.h"

namespace profd {

void SetUpLogging(const Config& config);

}  // namespace profd
