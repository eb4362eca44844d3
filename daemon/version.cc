#include "daemon/version.h"

namespace gavel::daemon {

std::string_view version() { return GAVEL_VERSION; }

}  // namespace gavel::daemon
