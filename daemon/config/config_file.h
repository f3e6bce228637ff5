// The configuration file: a YAML map of the keys in options.h.
#pragma once

#include <string>

#include "base/status.h"
#include "config/config.h"

namespace profd {

/// Sets in `config` what the file says and leaves the rest. InvalidArgument names the file, the line, the key and what
/// it may be; an unknown key, a key twice, or a file that cannot be read is an error too.
absl::Status ReadConfigFile(const std::string& path, Config& config);

}  // namespace profd
