// One thing that profd needs, or would use, and whether it is there.
#pragma once

#include <string>

namespace profd {

struct Check {
  std::string name;
  bool ok = false;
  bool required = false;
  std::string detail;
  std::string remedy;  ///< what to do when it is not ok
};

}  // namespace profd
