#pragma once

#include <map>
#include <set>

#include "paxos/effects.h"
#include "paxos/limits.h"

namespace gavel::paxos {

// The memory of the protocol: what this member has promised and what it has accepted.
//
// An answer never leaves before the record it rests on is durable; that is how a member can crash,
// restart and still keep its word (S18). Owned by one Replica, touched by one thread.
class Acceptor {
public:
    // Slots up to `executed` are chosen and in the state.
    Acceptor(std::uint64_t boot, Limits limits, const Durable& restored, Slot executed);

    // Phase 1b. One promise covers every slot from `prepare.from` on: one round trip per leader. It
    // leaves in parts of bounded size.
    Effects on_prepare(MemberId from, const Prepare& prepare);

    // Phase 2b. Accepts unless a larger ballot has been promised in the meantime.
    Effects on_accept(MemberId from, const Accept& accept);

    // What was chosen, by whatever way this member learned it. Never lowers what was accepted.
    void on_chosen(Slot slot, const Value& value);
    // Every slot up to `prefix` is known chosen: what was accepted there is no longer asked for.
    void on_prefix(Slot prefix);

    Ballot promised() const { return promised_; }
    // What was accepted in a slot above the chosen prefix; null: nothing.
    const Proposal* accepted(Slot slot) const;
    void check_invariants() const;

private:
    std::vector<Promise> promise_parts(const Prepare& prepare) const;
    bool too_far_ahead(Slot slot) const;
    bool is_lost(Slot slot) const;

    std::uint64_t boot_;
    Limits limits_;
    Ballot promised_;
    Slot chosen_prefix_;
    Slot recorded_prefix_;               // Chosen, though values there may be unreadable.
    std::map<Slot, Proposal> accepted_;  // Above the prefix, as are the next two.
    std::map<Slot, Value> chosen_;
    std::set<Slot> faulty_;
};

}  // namespace gavel::paxos
