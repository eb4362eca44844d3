#pragma once

#include <string_view>

namespace gavel::daemon {

// Of this program: what --version prints and members tell each other.
std::string_view version();

}  // namespace gavel::daemon
