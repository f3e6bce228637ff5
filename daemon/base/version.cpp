#include "base/version.h"

namespace profd {

std::string_view Version() { return PROFD_VERSION; }

}  // namespace profd
