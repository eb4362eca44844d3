#include "daemon/roster.h"

#include <algorithm>
#include <charconv>

namespace gavel::daemon {
namespace {

using statemachine::Epoch;
using statemachine::Globals;
using statemachine::Member;
using statemachine::MemberNumber;

// As the newest epoch that has it says.
const Member* find(const Globals& globals, MemberNumber id) {
    for (auto epoch = globals.epochs.rbegin(); epoch != globals.epochs.rend(); ++epoch) {
        const auto member = std::ranges::find(epoch->members, id, &Member::id);
        if (member != epoch->members.end()) return &*member;
    }
    return nullptr;
}

}  // namespace

paxos::Epoch to_paxos(const Epoch& epoch) {
    paxos::Epoch result{.number = epoch.number};
    for (const Member& member : epoch.members) {
        auto& group = member.role == statemachine::Role::voter ? result.voters : result.learners;
        group.push_back({member.id});
    }
    return result;
}

std::map<paxos::MemberId, Address> addresses_of(const Globals& globals) {
    std::map<paxos::MemberId, Address> addresses;
    for (const Epoch& epoch : globals.epochs) {
        for (const Member& member : epoch.members) {
            const auto address = parse_address(member.peer_address);
            if (address) addresses.insert_or_assign(paxos::MemberId{member.id}, *address);
        }
    }
    return addresses;
}

std::map<paxos::MemberId, Address> addresses_with(
    const std::map<paxos::MemberId, Address>& contacts, const Globals& globals) {
    auto found = addresses_of(globals);
    std::erase_if(found, [&](const auto& one) {
        return std::ranges::any_of(contacts, [&](const auto& contact) {
            return contact.first != one.first && contact.second == one.second;
        });
    });
    found.insert(contacts.begin(), contacts.end());
    return found;
}

bool is_member(const Globals& globals, MemberNumber member) {
    return find(globals, member) != nullptr;
}

bool is_gone(const Globals& globals, MemberNumber member) {
    return member < globals.next_member && !is_member(globals, member);
}

std::optional<Peers::Refusal> refusal_of(const Globals& globals, const proto::Hello& hello) {
    if (is_gone(globals, hello.member)) {
        return Peers::Refusal{.reason = "member " + std::to_string(hello.member) +
                                        " was removed from this cluster: its number is never used "
                                        "again; to take part it has to join anew, empty",
                              .farewell = proto::Farewell::Why::removed};
    }
    const std::uint64_t recorded = recorded_incarnation(globals, hello.member);
    if (recorded != 0 && recorded != hello.incarnation) {
        return Peers::Refusal{
            .reason =
                "its data directory is not the one that this cluster knows it by: a member "
                "that lost its directory has to be removed, and to join anew, empty"};
    }
    return std::nullopt;
}

std::uint64_t recorded_incarnation(const Globals& globals, MemberNumber id) {
    const Member* member = find(globals, id);
    return member == nullptr ? 0 : member->incarnation;
}

std::string contacts_text(const std::map<paxos::MemberId, Address>& contacts) {
    std::string text;
    for (const auto& [member, address] : contacts) {
        if (!text.empty()) text += ',';
        text += std::to_string(member.number) + '=' + to_string(address);
    }
    return text;
}

Result<std::map<paxos::MemberId, Address>, ConfigError> parse_contacts(std::string_view text) {
    std::map<paxos::MemberId, Address> contacts;
    while (!text.empty()) {
        const auto comma = text.find(',');
        const std::string_view entry = text.substr(0, comma);
        text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
        const auto equals = entry.find('=');
        MemberNumber number = 0;
        const char* end = entry.data() + std::min(equals, entry.size());
        const auto parsed = std::from_chars(entry.data(), end, number);
        if (equals == std::string_view::npos || parsed.ec != std::errc() || parsed.ptr != end ||
            number == 0) {
            return ConfigError{"'" + std::string(entry) + "' is not NUMBER=HOST:PORT"};
        }
        auto address = parse_address(entry.substr(equals + 1));
        if (!address) return address.error();
        contacts[{number}] = *address;
    }
    return contacts;
}

}  // namespace gavel::daemon
