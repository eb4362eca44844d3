#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "daemon/options.h"

namespace gavel::daemon {

// One option: how it is spelt, and how its text becomes a value and back. `--peer-listen` on the
// command line is GAVELD_PEER_LISTEN in the environment and `peer-listen` in the file.
struct Setting {
    std::string name{};
    std::string type{};  // Of its value, for --help. Empty: a switch.
    std::string help{};
    // Gives what is wrong with the text, or nothing.
    std::function<std::optional<std::string>(Options&, const std::string&)> set{};
    std::function<std::string(const Options&)> show{};

    bool is_switch() const { return type.empty(); }
};

const std::vector<Setting>& settings();

}  // namespace gavel::daemon
