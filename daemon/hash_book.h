#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "paxos/membership.h"
#include "proto/peer_message.h"

namespace gavel::daemon {

// Whether this member's state is that of the others: hashes of the state, compared at equal slots.
// Equal commands give equal states, so one that differs is broken, whatever broke it, and must not
// be served from. A majority that agrees on another hash says that it is this member that is.
class HashBook {
public:
    static constexpr std::uint64_t every_slots = 1'024;
    static constexpr std::size_t slots_kept = 64;

    explicit HashBook(paxos::MemberId self) : self_(self) {}

    // This member executed `slot`, a multiple of every_slots.
    void note_own(paxos::Slot slot, std::uint64_t hash);
    // What another member said of its own state.
    void note(paxos::MemberId from, const std::vector<proto::StateHash>& hashes);

    // The latest of this member, for the others.
    std::vector<proto::StateHash> latest() const;

    // The latest slot at which a majority of `governing` agrees on a state that is not this
    // member's.
    std::optional<paxos::Slot> odd_one_out(const paxos::Epoch& governing) const;

    // Who differs from this member, each with a slot at which it does. Not forgotten.
    const std::map<paxos::MemberId, paxos::Slot>& differing() const { return differing_; }

private:
    void compare(paxos::Slot slot);
    void forget_the_oldest();

    paxos::MemberId self_;
    std::map<paxos::Slot, std::map<paxos::MemberId, std::uint64_t>> hashes_;
    std::map<paxos::MemberId, paxos::Slot> differing_;
};

}  // namespace gavel::daemon
