#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "paxos/types.h"

namespace gavel::paxos {

// A membership. Voters accept and are counted; learners are told everything and never counted.
struct Epoch {
    std::uint64_t number{};
    std::vector<MemberId> voters{};    // Ordered.
    std::vector<MemberId> learners{};  // Ordered.

    bool has_voter(MemberId member) const;
    bool operator==(const Epoch&) const = default;
};

// Which epoch governs which slot: C(s), left by the command in slot s-alpha, known once that is
// executed (S34; Paxos Made Simple, section 3). The only place that answers this question.
class Membership {
public:
    // `epochs`: by the first slot each governs; one of them governs `executed`.next().
    Membership(std::uint64_t alpha, Slot executed, std::map<Slot, Epoch> epochs);

    std::uint64_t alpha() const { return alpha_; }
    Slot executed() const { return executed_; }
    // The last slot whose epoch is known, and the last in which anything may be proposed (S32).
    Slot window_end() const { return executed_ + alpha_; }

    // C(slot). Only for slots from executed() + 1 - alpha (or so) to window_end().
    const Epoch& epoch_of(Slot slot) const;
    bool knows(Slot slot) const { return slot <= window_end(); }

    // The command in `slot`, which is executed() + 1, has been executed.
    void on_executed(Slot slot);
    // ... and left this member set, which governs from slot + alpha on.
    void on_executed(Slot slot, Epoch left);

    // A voter of some slot in the window.
    bool may_stand(MemberId member) const;
    // A voter of that slot, or of a later one in the window: who leads need not vote everywhere,
    // but one that no later set has as a voter leaves the rest to others.
    bool may_lead(MemberId member, Slot slot) const;
    // The first slot that the newest known epoch governs.
    Slot newest_from() const { return epochs_.rbegin()->first; }
    // Everyone who is told what goes on: voters and learners of the window. Ordered.
    std::vector<MemberId> everyone() const;

private:
    // Epochs that govern no open slot any more.
    void forget_the_past();

    std::uint64_t alpha_;
    Slot executed_;
    std::map<Slot, Epoch> epochs_;  // By first slot governed.
};

}  // namespace gavel::paxos
