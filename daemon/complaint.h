#pragma once

#include <string>
#include <string_view>

namespace gavel::daemon {

// Text from outside, fit for one line of a terminal: control characters are escaped.
std::string one_line(std::string_view text);

// Says why the daemon cannot go on: "gaveld: …", one line on standard error.
void complain(std::string_view what);

}  // namespace gavel::daemon
