#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "daemon/address.h"
#include "daemon/options.h"
#include "paxos/types.h"
#include "persistence/log_store.h"
#include "statemachine/types.h"

// How a cluster comes to be: every member is told the same list of names and peer addresses, and
// derives from it alone who it is, who the others are and which cluster this is.
namespace gavel::daemon {

struct InitialMember {
    paxos::MemberId id{};  // 1, 2, …: follows the sorted names.
    std::string name{};
    Address peer_address{};
    bool operator==(const InitialMember&) const = default;
};

bool is_member_name(std::string_view name);

// NAME=HOST:PORT,… with 1 to 7 members, whose names and addresses are all different; sorted.
Result<std::vector<InitialMember>, ConfigError> parse_initial_cluster(std::string_view text);
std::string to_string(const std::vector<InitialMember>& members);
// Those of whom a data directory was told when it was made.
std::vector<statemachine::Member> founders_of(const persistence::Identity& identity);

// The same wherever it is computed; `token` tells clusters with equal members apart.
std::string cluster_id(const std::vector<InitialMember>& members, std::uint64_t alpha,
                       std::string_view token);

// What a new data directory is to remember. `incarnation`: random.
Result<persistence::Identity, ConfigError> new_identity(const Options& options,
                                                        std::uint64_t incarnation);
std::uint64_t random_number();

// What was given and is not what the data directory was made with; nothing: they agree.
std::optional<std::string> contradiction(const Options& options, const persistence::Identity& kept);

}  // namespace gavel::daemon
