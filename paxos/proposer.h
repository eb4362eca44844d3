#pragma once

#include <map>
#include <optional>
#include <vector>

#include "paxos/effects.h"
#include "paxos/learner.h"
#include "paxos/limits.h"
#include "paxos/membership.h"
#include "paxos/quorum.h"

namespace gavel::paxos {

// The ambition: phase 1 once for all open slots, recovery of what an earlier leader left, then one
// accept round per command, up to alpha slots ahead (S29-S33; Paxos Made Simple, section 3).
//
// It asks per slot, always: who governs it, have a majority of them promised, what did they report?
// Recovery, gaps, new epochs that come into the window and the free slots of a settled leader all
// go through that one question (`standing_of`).
class Proposer {
public:
    Proposer(MemberId self, Limits limits, const Membership& membership, const Learner& learner,
             LearnerMode learner_mode = {});

    enum class Phase : std::uint8_t { idle, recovering, leading };
    Phase phase() const { return phase_; }
    bool leads() const { return phase_ == Phase::leading; }
    Ballot ballot() const { return ballot_; }

    // Phase 1a at a ballot never used before. The Prepares leave once the attempt is durable; one
    // goes to this member's own acceptor first, in the same write (S17).
    Effects start(Ballot ballot, Tick now);
    // Gives up the ballot, at any time and without harm (S15).
    void abandon();

    Effects on_promise(MemberId from, const Promise& promise, Tick now);
    // The value that this vote made chosen, if it did: a quorum of C(slot) accepted it.
    std::optional<Chosen> on_accepted(MemberId from, const Accepted& accepted);

    // Goes on where it was held up: a slot was executed, a value learned. Ends recovery when the
    // first free slot is reached.
    Effects advance(Tick now);

    // The next command may be proposed now: within the window, at a settled slot.
    bool can_propose() const;
    Slot next() const { return next_; }
    // No epoch from the next slot on has it as a voter, and all before is chosen and executed:
    // what follows is for its successors.
    bool is_done() const;
    Effects propose(Value value, Tick now);

    // Sends again what seems lost; sets aside promises whose sender cannot be learned from.
    Effects on_tick(Tick now, std::uint64_t retransmit_ms, std::uint64_t patience_ms);

    // This leader's own acceptor owes it a vote since then; none: it does not.
    std::optional<Tick> own_vote_outstanding() const;
    // Another member says what was chosen. False: it is not what is proposed here in that slot.
    [[nodiscard]] bool on_learned(Slot slot, const Value& value);
    std::size_t open_slots() const { return flights_.size(); }
    // Everything up to here was found by phase 1, at the start or as an epoch came into the window:
    // no read may be served below it.
    Slot recovered() const { return recovered_; }
    // A majority of C(slot) has promised, and what it reported is proposed again.
    bool is_settled(Slot slot) const { return slot < next_ || (slot == next_ && next_is_free_); }
    // Learn from this member, it knows more: while recovery waits for that.
    std::optional<MemberId> wants_to_learn_from() const { return learn_from_; }

    void check_invariants() const;

    // How often rare things happened, for tests and campaigns to demand.
    struct Reached {
        std::uint64_t gaps_filled = 0;
        std::uint64_t values_proposed_again = 0;
        std::uint64_t promises_set_aside = 0;
        std::uint64_t epochs_prepared_late = 0;
    };
    const Reached& reached() const { return reached_; }

private:
    // What a member's promise at this ballot says.
    struct Promised {
        std::uint64_t boot{};
        Slot chosen_prefix{};
        bool set_aside{};                // It knows slots chosen that cannot be had from it.
        std::map<Slot, Slot> covered{};  // Reported ranges, first to last.
        std::map<Slot, Report> reports{};
    };
    // A slot as phase 1 leaves it.
    struct Standing {
        enum class Kind : std::uint8_t {
            unknown,   // No majority of C(slot) has reported on it yet.
            to_learn,  // Chosen, says `knower`.
            bound,     // A value was accepted: only that one may be proposed (S13).
            free
        };
        Kind kind{};
        MemberId knower{};
        Value value{};
        bool open_ended{};  // A majority of C(slot) has reported on every later slot as well.
    };
    struct Flight {
        Value value{};
        Votes votes{};
        Tick first_sent{};
        Tick last_sent{};
    };

    Standing standing_of(Slot slot) const;
    // The last slot of the reported range that holds `slot`; none: not reported on.
    std::optional<Slot> covered_to(const Promised& promised, Slot slot) const;
    bool may_lead_on() const;
    void prepare_missing(Slot slot, Tick now, Effects& effects);
    bool next_needs_no_look() const;
    void send_accepts(Slot slot, Value value, Tick now, Effects& effects);

    MemberId self_;
    Limits limits_;
    const Membership& membership_;
    const Learner& learner_;
    LearnerMode learner_mode_;

    Phase phase_{Phase::idle};
    Ballot ballot_{};
    Slot next_{};  // The first slot not yet proposed in or known chosen.
    bool next_is_free_{};
    Slot recovered_{};
    Slot highest_reported_{};
    std::map<MemberId, Promised> promises_;
    std::map<MemberId, Tick> prepare_sent_;  // Cleared to send again.
    std::map<Slot, Flight> flights_;         // Proposed at this ballot and not yet counted chosen.
    std::optional<MemberId> learn_from_;
    Tick waits_to_learn_since_{};
    Slot waits_to_learn_at_{};
    std::uint64_t settled_epoch_{};  // Its free slots need no second look; 0: none.
    Reached reached_;
};

}  // namespace gavel::paxos
