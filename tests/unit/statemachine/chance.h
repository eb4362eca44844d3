#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>

#include "base/prng.h"
#include "statemachine/machine.h"

namespace gavel::statemachine {

// So small that a few hundred commands reach every one of them.
inline constexpr Limits tight{.sessions = 5,
                              .locks_held = 5,
                              .locks_per_session = 4,
                              .holders_per_lock = 3,
                              .waiters = 7,
                              .grants_per_command = 3,
                              .free_locks = 2,
                              .keys = 6,
                              .key_bytes = 120,
                              .keys_per_session = 2,
                              .deleted_at_once = 3,
                              .got_at_once = 60,
                              .history_changes = 8,
                              .history_bytes = 1'500,
                              .versions_per_key = 4,
                              .version_bytes = 6'000,
                              .version_ms = 3'000,
                              .rolled_back_keys = 4,
                              .rolled_back_looked_at = 7,
                              .rolled_back_bytes = 600,
                              .request_window = 6,
                              .idempotency_keys = 5,
                              .idempotency_ms = 2'000,
                              .ended_per_command = 2,
                              .quotas = 3,
                              .schemas = 2};

// Random commands over a handful of names, sessions and tokens, many of them senseless, some of
// them repeats.
class Chance {
public:
    explicit Chance(std::uint64_t seed) : prng_(seed) {}

    // The next one for a machine in this state.
    Entry entry(const Machine& machine);
    bool percent(std::uint64_t percent) { return prng_.chance(percent); }

private:
    std::string name(const char* prefix, std::uint64_t count);
    RequestId request(const Machine& machine);
    SessionId session(const Machine& machine);
    Token token(const Machine& machine, const std::string& lock);
    Revision attempt(const Machine& machine, const std::string& lock, SessionId session);
    Precondition precondition(const Machine& machine, const std::string& key);
    Compare compare(const Machine& machine);
    Operation operation(const Machine& machine);
    std::optional<Guard> guard(const Machine& machine);
    Command transaction(const Machine& machine);
    Command command(const Machine& machine);
    Command member_change(const Machine& machine);
    Command acquire(const std::string& lock, SessionId who);
    Command acquire_several(SessionId who);
    std::uint64_t limit(LockMode mode);
    Command open_session();
    bool is_lonely(const Machine& machine);
    Command quota();
    Command schema();
    Revision schema_of(const Machine& machine, const std::string& key);

    Prng prng_;
    std::deque<Entry> sent_;
    std::map<MemberNumber, std::uint64_t> boot_, number_;
};

}  // namespace gavel::statemachine
