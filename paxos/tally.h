#pragma once

#include <map>
#include <optional>

#include "paxos/limits.h"
#include "paxos/membership.h"
#include "paxos/messages.h"
#include "paxos/quorum.h"

namespace gavel::paxos {

// The votes that acceptors tell a learner which did not ask for them. It is told of slots in any
// order, of old ballots and of new ones, and keeps, per slot, those of the highest ballot it was
// told of: of an older one nothing is lost that a later one does not bring again (P2).
//
// Bounded: slots above the chosen prefix, `accept_ahead` of them.
class Tally {
public:
    explicit Tally(std::uint64_t accept_ahead) : accept_ahead_(accept_ahead) {}

    void add(MemberId acceptor, const Accepted& accepted);
    // The ballot at which a quorum of `epoch`, which is C(slot), accepted in that slot.
    std::optional<Ballot> quorum_in(Slot slot, const Epoch& epoch) const;
    // Who told of that slot last; nobody: none.
    MemberId last_voter(Slot slot) const;
    // Everything up to there is known chosen.
    void on_prefix(Slot prefix);

    std::size_t size() const { return votes_.size(); }

private:
    struct AtBallot {
        Ballot ballot{};
        Votes votes{};
        MemberId last{};
    };

    std::uint64_t accept_ahead_;
    Slot prefix_{};
    std::map<Slot, AtBallot> votes_;
};

}  // namespace gavel::paxos
