#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "cli/client.h"

namespace gavel::cli {

struct LockWait {
    std::string lock{};
    std::string session{};
    std::optional<std::chrono::steady_clock::time_point> deadline{};  // None: for ever.
    bool no_wait = false;
    bool shared = false;
    std::optional<std::uint64_t> limit{};  // How many may share it.
    // How long one request is left open. A place in the queue belongs to the session, so a repeat
    // through another member keeps it, and a member that has fallen silent costs no more than this.
    std::chrono::milliseconds poll{30000};
};

struct LockWaitEnd {
    enum class Kind { granted, busy, timed_out, interrupted, session_ended, failed };
    Kind kind = Kind::failed;
    std::uint64_t token = 0;  // Of a grant.
    Failure failure{};        // Of `failed`; of `busy` and `timed_out` what was heard last.
};

// Waits in the queue of a lock until it is granted. `on_held` gets one sentence that says who
// holds it, once.
LockWaitEnd wait_for_lock(Client& client, const LockWait& wait,
                          const std::function<void(const std::string&)>& on_held);

// Who has a lock that was not got: the refusal names a session, and the lock itself, asked for it,
// has what there is to know. Empty when nobody has it.
std::string account_of_holders(Client& client, const std::string& lock, const Failure& refusal);

}  // namespace gavel::cli
