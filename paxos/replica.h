#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <variant>

#include "paxos/acceptor.h"
#include "paxos/effects.h"
#include "paxos/elector.h"
#include "paxos/learner.h"
#include "paxos/limits.h"
#include "paxos/membership.h"
#include "paxos/proposer.h"
#include "paxos/reader.h"
#include "paxos/tally.h"

namespace gavel::paxos {

// First input of a run: hands out what was recovered as chosen and not executed.
struct Start {};
// A message of a peer, or one that this member addressed to itself and that is durable now.
struct Received {
    Envelope envelope{};
};
// Only while can_propose(). The value is not a no-op.
struct Propose {
    Value value{};
};
// Time passes; at least a few times per heartbeat.
struct TimePassed {
    Tick now{};
};
// A chosen slot was executed, in order; `left` is set when the command changed the member set.
struct Executed {
    Slot slot{};
    std::optional<Epoch> left{};
};
// A linearizable read; answered by ReadConfirmed, however long that takes. `read` is the caller's
// own number for it, larger each time.
struct ReadRequest {
    std::uint64_t read{};
};
// Nobody waits for that read any more. How many wait at once is the caller's to bound.
struct ReadGivenUp {
    std::uint64_t read{};
};
// No other input is waiting: what was collected for company leaves now (commit notices, a
// confirmation round for all reads of the turn).
struct Flush {};
// The peer's connection broke and its port refuses: the process is dead, not slow.
struct PeerDied {
    MemberId peer{};
};
// A connection to it is up: whoever leads tells it so at once.
struct PeerMet {
    MemberId peer{};
};
// Hand leadership over to that voter.
struct Transfer {
    MemberId to{};
};

using Input = std::variant<Start, Received, Propose, TimePassed, Executed, ReadRequest, ReadGivenUp,
                           Flush, PeerDied, PeerMet, Transfer>;

// One member's whole protocol: acceptor, proposer, learner, elector and reader behind one door.
//
// Deterministic: equal inputs give equal effects. Whoever drives it makes `records` durable in the
// order given, holds `once_durable` back until then, executes `chosen` and says so by Executed,
// and steps envelopes addressed to the member itself back in. Messages may be lost, repeated and
// reordered at will; a crash may lose every record not yet durable, in order from the end.
class Replica {
public:
    struct Config {
        MemberId self{};
        std::uint64_t boot{};  // Larger at each start; durable before anything is served.
        std::uint64_t seed{};
        std::uint64_t heartbeat_ms = 100;
        std::uint64_t election_timeout_ms = 500;
        LearnerMode learner_mode{};
        bool elections = true;  // False only in tests: stands when told, at any time.
        Limits limits{};
    };
    // What storage and state machine hold at the start.
    struct Restored {
        Durable durable{};
        std::uint64_t alpha{};
        Slot executed{};
        std::map<Slot, Epoch> epochs{};
    };

    Replica(Config config, const Restored& restored, Tick now);
    Replica(const Replica&) = delete;
    Replica& operator=(const Replica&) = delete;

    Effects step(const Input& input);

    bool can_propose() const { return proposer_.can_propose() && !reads_hold_; }
    Role role() const;
    MemberId leader() const { return leader_; }
    // It leads, or heard from who does within the election timeout.
    bool hears_leader() const { return proposer_.leads() || !elector_.would_promise(now_); }
    Ballot ballot() const { return proposer_.leads() ? proposer_.ballot() : leader_ballot_; }
    Ballot promised() const { return acceptor_.promised(); }
    Slot chosen_prefix() const { return learner_.chosen_prefix(); }
    Slot known_chosen() const { return learner_.heard_of(); }
    const Membership& membership() const { return membership_; }
    // What a peer last said it has executed, as a leader hears it.
    std::optional<Slot> executed_by(MemberId peer) const;
    std::uint64_t ballots_tried() const { return ballots_tried_; }
    std::size_t reads_waiting() const { return reader_.waiting(); }
    std::size_t open_slots() const { return proposer_.open_slots(); }
    const Proposer::Reached& reached() const { return proposer_.reached(); }
    // Slots that were found chosen by votes, and by notices, that were not for or by a leader.
    std::uint64_t learned_by_votes() const { return learned_by_votes_; }
    std::uint64_t learned_by_notice() const { return learned_by_notice_; }

    // Holds after every step; the simulator asks.
    void check_invariants() const;

private:
    Effects on(const Start&);
    Effects on(const Received& received);
    Effects on(const Propose& propose);
    Effects on(const TimePassed& time);
    Effects on(const Executed& executed);
    Effects on(const ReadRequest& request);
    Effects on(const ReadGivenUp& given_up);
    Effects on(const Flush&);
    Effects on(const PeerDied& died);
    Effects on(const PeerMet& met);
    Effects on(const Transfer& transfer);

    Effects on_message(MemberId from, const Canvass& canvass);
    Effects on_message(MemberId from, const CanvassAnswer& answer);
    Effects on_message(MemberId from, const Prepare& prepare);
    Effects on_message(MemberId from, const Promise& promise);
    Effects on_message(MemberId from, const Reject& reject);
    Effects on_message(MemberId from, const Accept& accept);
    Effects on_message(MemberId from, const Accepted& accepted);
    Effects on_message(MemberId from, const Heartbeat& heartbeat);
    Effects on_message(MemberId from, const HeartbeatAck& ack);
    Effects on_message(MemberId from, const Learn& learn);
    Effects on_message(MemberId from, const LearnAnswer& answer);
    Effects on_message(MemberId from, const ReadIndexAsk& ask);
    Effects on_message(MemberId from, const ReadIndexAnswer& answer);
    Effects on_message(MemberId from, const HandOver& hand_over);
    Effects on_message(MemberId from, const Notice& notice);

    // The epoch that governs the first slot not known chosen: whose majority a leader needs.
    const Epoch& governing() const;
    void follow(MemberId leader, Ballot ballot);
    void step_down();
    void hear_of(MemberId from, Slot chosen_prefix);
    Effects learn_value(Slot slot, const Value& value);
    Effects learned(Slot slot, const Value& value);
    void tell_learners(MemberId proposer, const Accept& accept, Effects& effects);
    Effects learn_by_votes(Slot slot);
    Effects learn_by_early_votes();
    Effects notify_others();
    Effects ask_to_learn(bool again);
    Effects canvass();
    Effects stand();
    Effects lead();
    bool has_lost_touch() const;
    Effects heartbeat(std::uint64_t round);
    Effects confirm_reads();
    Effects fill_window();
    Effects leave_to_successors();
    void finish(Effects& effects);

    const Config config_;
    Membership membership_;
    Acceptor acceptor_;
    Learner learner_;
    Proposer proposer_;
    Elector elector_;
    Reader reader_;

    Tick now_;
    MemberId leader_{};       // Believed; this member itself when it leads.
    Ballot leader_ballot_{};  // The highest at which a leader was heard.
    Ballot highest_seen_{};   // Own attempts, promises and rejections.
    RoleReport reported_{};
    Slot recorded_prefix_{};
    std::uint64_t ballots_tried_ = 0;

    // Canvassing.
    std::uint64_t canvass_number_;
    std::optional<Votes> canvass_;
    std::optional<MemberId> ahead_;  // The best informed of those who answered.
    Slot ahead_prefix_{};
    std::optional<Tick> learns_first_until_;

    // Leading.
    Tick leading_since_{};
    Tick last_heartbeat_{};
    Slot notified_prefix_{};
    std::map<MemberId, Tick> contact_;
    std::map<MemberId, Slot> executed_by_;
    std::set<MemberId> asked_to_stand_;  // By a leader that no later epoch has as a voter.
    Tick handed_over_{};
    bool reads_hold_{};  // What waits to be read needs room in the window.

    // Learning.
    Tally tally_;
    Ballot in_a_set_{};                 // The latest at which a set of learners was told.
    std::map<Slot, Ballot> to_notify_;  // Learned by votes, and not told the others yet.
    std::uint64_t learned_by_votes_ = 0;
    std::uint64_t learned_by_notice_ = 0;
    std::optional<MemberId> informant_;  // Who told of chosen slots that are missing here.
    std::optional<Tick> asked_to_learn_;
    Tick asked_read_index_{};
};

}  // namespace gavel::paxos
