#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "cli/context.h"
#include "cli/lease.h"

namespace gavel::cli {

struct LockOptions {
    std::string name{};
    std::chrono::milliseconds ttl{15000};
    std::optional<std::chrono::milliseconds> timeout{};
    bool no_wait = false;
    bool shared = false;
    std::optional<std::uint64_t> limit{};  // How many may share it.
    OnLost on_lost = OnLost::term;
    std::vector<std::string> command{};
};

// `gavel lock`: a session, the lock, the command under it, and everything undone. Returns the
// process's exit code.
int run_under_lock(const Context& context, const LockOptions& options);

}  // namespace gavel::cli
