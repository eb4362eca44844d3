#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "daemon/address.h"
#include "daemon/peers.h"
#include "paxos/membership.h"
#include "statemachine/state.h"

// Who is a member and where, as far as the replicated state knows. Pure.
namespace gavel::daemon {

// What the protocol has to know of a member set.
paxos::Epoch to_paxos(const statemachine::Epoch& epoch);

// The peers' addresses of everyone in an epoch of the window.
std::map<paxos::MemberId, Address> addresses_of(const statemachine::Globals& globals);

// It is one in some slot that is still open.
bool is_member(const statemachine::Globals& globals, statemachine::MemberNumber member);
// It was a member, and is one in no slot that is still open.
bool is_gone(const statemachine::Globals& globals, statemachine::MemberNumber member);

// Why the sender of that Hello is not welcome, as the state has it; nothing: no reason is known. A
// number that was never given out is no reason: this member may be the one that is behind.
std::optional<Peers::Refusal> refusal_of(const statemachine::Globals& globals,
                                         const proto::Hello& hello);

// The incarnation that the state names for a member; 0: none, or no such member.
std::uint64_t recorded_incarnation(const statemachine::Globals& globals,
                                   statemachine::MemberNumber member);

// Where a member that joined looks for the others: where its contacts were when it joined, and
// where its state has them. Before it has caught up that is the founders: one of whom a contact has
// the address by now is not there any more.
std::map<paxos::MemberId, Address> addresses_with(
    const std::map<paxos::MemberId, Address>& contacts, const statemachine::Globals& globals);

// Where a member that joined finds the others before it has caught up: NUMBER=HOST:PORT,…
std::string contacts_text(const std::map<paxos::MemberId, Address>& contacts);
Result<std::map<paxos::MemberId, Address>, ConfigError> parse_contacts(std::string_view text);

}  // namespace gavel::daemon
