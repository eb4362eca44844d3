#pragma once

#include <cstdint>
#include <map>
#include <set>

#include "paxos/types.h"
#include "statemachine/state.h"

namespace gavel::simulation {

// Which members' votes count in which slot, as the observer sees it: C(s) from a state machine of
// its own, told once for each slot that it executed. Shares nothing with paxos/membership.h and
// forgets nothing.
class Epochs {
public:
    void learn(const statemachine::Globals& globals);

    // C(slot) is known once slot - alpha is executed.
    bool knows(paxos::Slot slot) const { return slot <= known_through_; }
    // More than half of the voters of C(slot) are among them.
    // It was the only voter of some epoch.
    bool was_alone(paxos::MemberId member) const;
    // Of each slot from that one on the other voters are a majority.
    bool can_do_without(paxos::MemberId member, paxos::Slot from) const;
    bool is_quorum(paxos::Slot slot, const std::set<paxos::MemberId>& accepted) const;

private:
    std::map<paxos::Slot, std::set<paxos::MemberId>> voters_{};  // By the first slot governed.
    std::uint64_t newest_ = 0;
    paxos::Slot known_through_{};
};

}  // namespace gavel::simulation
