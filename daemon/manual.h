#pragma once

#include <string>
#include <string_view>

namespace gavel::daemon {

// gaveld(8), from the very options that it takes. `gaveld __manual` prints it for the build.
inline constexpr std::string_view manual_call = "__manual";
std::string manual();

}  // namespace gavel::daemon
