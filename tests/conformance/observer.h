#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "paxos/membership.h"
#include "paxos/messages.h"
#include "paxos/records.h"

namespace gavel::paxos {

// The member set that a command of the test clusters leaves, "members 1,2,3"; none: no change.
std::vector<MemberId> members_named_by(const Value& command);

// Sees every disk and every message at once, as no member can, and holds them against the paper:
// one value per slot (S04), only proposed ones (S03), P2 (S12), nothing learned that is not chosen
// (S05), promises that only grow, answers only after the disk (S17, S18), numbers used once (S16).
class Observer {
public:
    Observer(std::uint64_t alpha, std::map<Slot, Epoch> epochs);

    void submitted(const Value& command);
    void started(MemberId member, std::uint64_t boot, const Durable& disk, Ballot promised);
    void sent(const Envelope& envelope, MemberId from, const Durable& disk, Slot prefix);
    void durable(MemberId member, const Record& record);
    void handed_out(MemberId member, Slot slot, const Value& value);

    // What a majority of C(slot) has durably accepted at one ballot; null: nothing yet.
    const Value* chosen(Slot slot) const;
    std::size_t chosen_count() const { return chosen_.size(); }
    // C(slot), from the commands chosen so far.
    const Epoch& epoch_of(Slot slot) const;
    const std::map<Slot, Epoch>& epochs() const { return epochs_; }
    // The values of all slots up to the first that nobody has been handed out yet.
    const std::vector<Value>& history() const { return history_; }
    const std::vector<std::string>& violations() const { return violations_; }
    // All ballots at which something was proposed in the slot.
    const std::map<Ballot, Value>& proposals(Slot slot) { return proposals_[slot]; }

private:
    void expect(bool holds, const std::string& claim);
    void proposed(Ballot ballot, Slot slot, const Value& value);

    std::uint64_t alpha_;
    std::map<Slot, Epoch> epochs_;
    std::vector<Value> history_;
    std::set<std::string> submitted_;
    std::map<Slot, std::map<Ballot, Value>> proposals_;
    std::map<Slot, std::map<Ballot, std::set<MemberId>>> accepted_;
    std::map<Slot, std::map<Ballot, Value>> chosen_;
    std::map<Ballot, std::pair<MemberId, std::uint64_t>> prepared_by_;
    std::map<MemberId, std::uint64_t> boots_;
    std::map<MemberId, Ballot> promised_;  // Durably.
    std::vector<std::string> violations_;
};

}  // namespace gavel::paxos
