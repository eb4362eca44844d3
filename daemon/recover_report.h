#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "daemon/recovery.h"
#include "persistence/log_store.h"

// What `gaveld recover` says: to people, and to programs.
namespace gavel::daemon {

// What a recovery keeps and what it loses, a sentence for each.
struct Balance {
    std::vector<std::string> kept{};
    std::vector<std::string> lost{};
};
Balance balance_of(const Recovery& recovery);

// Of a state that a new cluster is made from: what is kept of it, what is not.
std::string keys_kept(const statemachine::Machine& state);
std::string sessions_left_behind(const statemachine::Machine& state);

// 1 (n1), 2 (n2)
std::string names_of(const std::vector<statemachine::Member>& members);
// Of the sessions that the state has; 0: there is none.
statemachine::DurationMs longest_ttl(const statemachine::Machine& state);

struct Report {
    std::span<const Witness> witnesses{};
    const Result<Recovery, ConfigError>& recovery;
    // What was made, and where; none: nothing.
    std::optional<persistence::Identity> made{};
    std::filesystem::path made_in{};
};
std::string text_of(const Report& report);
std::string json_of(const Report& report);

}  // namespace gavel::daemon
