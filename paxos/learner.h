#pragma once

#include <deque>
#include <map>
#include <optional>

#include "paxos/acceptor.h"
#include "paxos/effects.h"
#include "paxos/limits.h"

namespace gavel::paxos {

// What is chosen, as far as this member knows, and how it finds out what it missed (S20, S22).
//
// It believes a value chosen only when the leader counted a quorum for it, when a commit notice
// names the ballot at which it was accepted here, or when a member that knows says so (S05).
class Learner {
public:
    // Chosen slots up to `executed` are in the state already and are not handed out again.
    Learner(Limits limits, const Durable& restored, Slot executed);

    // Hands out what was recovered as chosen but not executed yet.
    Effects start();

    // `value` is chosen in `slot`. Hands out everything that is now chosen without a gap.
    Effects on_chosen(Slot slot, Value value);
    // As above, and recorded, unless that very value was accepted here.
    Effects on_learned(Slot slot, Value value, const Acceptor& acceptor);
    // Everything up to `notice` is chosen, says the leader at `ballot`. Believed of a slot only
    // when the value accepted here is of that very ballot (pitfall: an older value).
    Effects on_notice(Ballot ballot, Slot notice, const Acceptor& acceptor);

    // The answer to Learn, from memory or from the log.
    Effects on_learn(MemberId from, const Learn& learn) const;

    Slot chosen_prefix() const { return prefix_; }
    bool knows(Slot slot) const { return slot <= prefix_ || above_.contains(slot); }
    // The highest slot known chosen, gaps below it or not.
    Slot highest() const { return above_.empty() ? prefix_ : above_.rbegin()->first; }
    // A notice or an answer told of chosen slots up to here.
    Slot heard_of() const { return heard_of_; }
    void hear_of(Slot slot) { heard_of_ = std::max(heard_of_, slot); }
    bool is_behind() const { return heard_of_ > prefix_; }
    const std::map<Slot, Value>& above_prefix() const { return above_; }

private:
    void hand_out_consecutive(Effects& effects);
    void remember(Value value);

    Limits limits_;
    Slot prefix_;                  // Every slot up to here is chosen and handed out.
    std::map<Slot, Value> above_;  // Chosen beyond a gap.
    std::deque<Value> recent_;     // Of the slots up to prefix_; for those who ask.
    std::size_t recent_bytes_ = 0;
    Slot heard_of_;
};

}  // namespace gavel::paxos
