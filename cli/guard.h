#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cli/client.h"
#include "cli/context.h"

namespace CLI {
class App;
}

namespace gavel::cli {

// The lock that a write rests on: one that is named, or the one that the tool runs under.
struct GuardOptions {
    bool held = false;
    std::string lock{};
    std::optional<std::uint64_t> token{};
};

void add_guard_options(CLI::App& command, GuardOptions& options);

// Has the call name the lock. An exit code, and it has said why, when there is none to name.
std::optional<int> add_guard(Call& call, const GuardOptions& options, const Context& context);

}  // namespace gavel::cli
