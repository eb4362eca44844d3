#include "daemon/bootstrap.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <random>
#include <set>

#include "base/hash.h"
#include "proto/codec.h"

namespace gavel::daemon {
namespace {

constexpr std::size_t members_max = 7;
constexpr std::size_t name_bytes_max = 63;

std::string hex(std::uint64_t number) {
    std::array<char, 17> text{};
    std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(number));
    return text.data();
}

// The members as the options give them; without a list this member is alone.
Result<std::vector<InitialMember>, ConfigError> initial_members(const Options& options) {
    if (options.initial_cluster) return parse_initial_cluster(*options.initial_cluster);
    return std::vector<InitialMember>{
        {.id = {1},
         .name = options.name.value_or(std::string(name_default)),
         .peer_address = options.peer_advertise.value_or(options.peer_listen)}};
}

// Which of the members this one is: the one that is named, or the only one.
Result<InitialMember, ConfigError> own_entry(const Options& options,
                                             const std::vector<InitialMember>& members) {
    if (!options.name && members.size() == 1) return members.front();
    if (!options.name)
        return ConfigError{
            "--initial-cluster names several members: say by --name which one this is"};
    const auto found = std::ranges::find(members, *options.name, &InitialMember::name);
    if (found != members.end()) return *found;
    return ConfigError{"--initial-cluster does not name this member, '" + *options.name + "'"};
}

std::string made_with(const std::string& option, const std::string& kept,
                      const std::string& given) {
    return "made with --" + option + " '" + kept + "', not '" + given + "'";
}

}  // namespace

bool is_member_name(std::string_view name) {
    return !name.empty() && name.size() <= name_bytes_max && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
}

Result<std::vector<InitialMember>, ConfigError> parse_initial_cluster(std::string_view text) {
    std::vector<InitialMember> members;
    std::set<Address> addresses;
    for (std::string_view rest = text;;) {
        const auto comma = rest.find(',');
        const std::string_view entry = rest.substr(0, comma);
        const auto equals = entry.find('=');
        if (equals == std::string_view::npos || !is_member_name(entry.substr(0, equals))) {
            return ConfigError{"'" + std::string(entry) +
                               "' is not NAME=HOST:PORT with 1 to 63 of a-z, 0-9 and '-' as name"};
        }
        auto address = parse_address(entry.substr(equals + 1));
        if (address.has_error()) return address.error();
        if (!addresses.insert(*address).second) {
            return ConfigError{"two members have the address " + to_string(*address)};
        }
        members.push_back({.name = std::string(entry.substr(0, equals)), .peer_address = *address});
        if (comma == std::string_view::npos) break;
        rest.remove_prefix(comma + 1);
    }
    if (members.size() > members_max) {
        return ConfigError{"a cluster has 1 to 7 members, not " + std::to_string(members.size())};
    }
    std::ranges::sort(members, {}, &InitialMember::name);
    for (std::size_t i = 0; i < members.size(); ++i) {
        if (i > 0 && members[i - 1].name == members[i].name) {
            return ConfigError{"two members have the name '" + members[i].name + "'"};
        }
        members[i].id = {static_cast<std::uint16_t>(i + 1)};
    }
    return members;
}

std::string to_string(const std::vector<InitialMember>& members) {
    std::string text;
    for (const auto& member : members) {
        if (!text.empty()) text += ',';
        text += member.name + '=' + to_string(member.peer_address);
    }
    return text;
}

std::vector<statemachine::Member> founders_of(const persistence::Identity& identity) {
    std::vector<statemachine::Member> founders;
    const auto members = parse_initial_cluster(identity.initial_cluster);
    if (!members) return founders;
    for (const auto& member : *members) {
        founders.push_back({.id = member.id.number,
                            .name = member.name,
                            .peer_address = to_string(member.peer_address)});
    }
    return founders;
}

std::string cluster_id(const std::vector<InitialMember>& members, std::uint64_t alpha,
                       std::string_view token) {
    const std::string whole =
        to_string(members) + '\n' + std::to_string(alpha) + '\n' + std::string(token);
    return hex(hash64(whole, 1)) + hex(hash64(whole, 2));
}

Result<persistence::Identity, ConfigError> new_identity(const Options& options,
                                                        std::uint64_t incarnation) {
    const auto members = initial_members(options);
    if (members.has_error()) return members.error();
    const auto own = own_entry(options, *members);
    if (own.has_error()) return own.error();
    if (options.peer_advertise && own->peer_address != *options.peer_advertise) {
        return ConfigError{"--peer-advertise " + to_string(*options.peer_advertise) +
                           " is not the address that --initial-cluster gives '" + own->name + "'"};
    }
    const std::uint64_t alpha = options.alpha.value_or(alpha_default);
    return persistence::Identity{
        .cluster_id = cluster_id(*members, alpha, options.cluster_token.value_or("")),
        .name = own->name,
        .member = own->id.number,
        .incarnation = incarnation,
        .alpha = alpha,
        .format_level = proto::format_level,
        .initial_cluster = to_string(*members),
        .peer_address = to_string(own->peer_address)};
}

std::uint64_t random_number() {
    std::random_device device;
    return static_cast<std::uint64_t>(device()) << 32 | device();
}

std::optional<std::string> contradiction(const Options& options,
                                         const persistence::Identity& kept) {
    if (options.name && *options.name != kept.name) {
        return made_with("name", kept.name, *options.name);
    }
    if (options.alpha && *options.alpha != kept.alpha) {
        return made_with("alpha", std::to_string(kept.alpha), std::to_string(*options.alpha));
    }
    if (options.initial_cluster) {
        const std::string given = to_string(*parse_initial_cluster(*options.initial_cluster));
        if (given != kept.initial_cluster) {
            return made_with("initial-cluster", kept.initial_cluster, given);
        }
    }
    if (options.peer_advertise && to_string(*options.peer_advertise) != kept.peer_address) {
        return made_with("peer-advertise", kept.peer_address, to_string(*options.peer_advertise));
    }
    if (options.cluster_token) {
        const auto members = parse_initial_cluster(kept.initial_cluster);
        if (cluster_id(*members, kept.alpha, *options.cluster_token) != kept.cluster_id) {
            return "made with another --cluster-token";
        }
    }
    return std::nullopt;
}

}  // namespace gavel::daemon
