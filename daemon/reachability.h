#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "daemon/address.h"

namespace gavel::daemon {

// What became of an attempt to connect.
struct Knock {
    Address at{};
    bool answered{};     // Something listens there.
    std::string said{};  // Otherwise: the system's words, or that no answer came in time.
};
// All at once. Blocks its caller for at most `within`, and for the system's resolver.
std::vector<Knock> knock_at(const std::vector<Address>& addresses,
                            std::chrono::milliseconds within);

}  // namespace gavel::daemon
