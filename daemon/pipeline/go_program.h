// A process that runs Go, as it was found out.
#pragma once

#include <string>

#include "base/unique_fd.h"
#include "kernel/raw_records.h"
#include "process/process_table.h"
#include "worker/object_analyzer.h"

namespace profd {

struct GoProgram {
  ProcessId process;
  GoFacts facts;
  AddressRange text;  ///< where Go's functions are in the process
  FileIdentity file;  ///< that holds them
  UniqueFd fd;
  std::string path;  ///< as the process sees it
};

}  // namespace profd
