#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/carry_over.h"
#include "daemon/core.h"
#include "proto/peer_message.h"
#include "statemachine/machine.h"
#include "tests/simulation/archive.h"
#include "tests/simulation/epochs.h"
#include "tests/simulation/known.h"
#include "tests/simulation/reached.h"
#include "tests/simulation/schedule.h"
#include "tests/simulation/settings.h"
#include "tests/simulation/state_rules.h"

namespace gavel::simulation {

// Sees everything that members make durable, say and execute, and knows what must hold between
// these. It counts quorums itself, from durable records alone, and executes what they chose on a
// state machine of its own: whatever a member or a client is told is compared with that.
class Observer {
public:
    Observer(const Settings& settings, const Schedule& schedule, Reached& reached, Trace& trace);

    // A fresh state, as every member begins with.
    static statemachine::Machine fresh_machine(const Settings& settings);

    // A member starts from that much durable state.
    void on_start(paxos::MemberId member, std::uint64_t boot, paxos::Slot restored,
                  const daemon::Core& core);
    // Its log as it is from then on, which it may hand on as far as `restored`.
    void on_kept(const paxos::Durable& log, paxos::Slot restored) const;
    // A member has fetched the state of another, and goes on from there.
    void on_snapshot(paxos::MemberId member, const daemon::Core& core,
                     const statemachine::Machine& snapshot);
    void on_durable(paxos::MemberId member, const std::vector<paxos::Record>& records);
    void on_cut(paxos::MemberId member, paxos::Slot through);
    // A member's directory is another one from now on. What it accepted counted, but nobody may
    // count it again.
    void on_forgotten(paxos::MemberId member);
    // A member ends because another one says that it was removed, and is needed no more.
    void on_dismissed(paxos::MemberId member, paxos::MemberId by) const;
    // It is a member no more, and what the set that it was in held stands on the disks of a
    // majority of those who followed.
    bool is_replaced(statemachine::MemberNumber member) const;
    // Its voice alone was a majority at some time.
    bool was_alone(paxos::MemberId member) const { return epochs_.was_alone(member); }
    // Whatever is not on some disk of others yet, a majority of others can find out.
    bool can_do_without(paxos::MemberId member, statemachine::Revision known_by_others) const {
        return epochs_.can_do_without(member, paxos::Slot{known_by_others}.next());
    }
    // The state on its disk is that of this slot.
    void on_state_durable(paxos::MemberId member, statemachine::Revision applied);
    // The directories of all but those `lost` were recovered: the furthest state of slot `applied`,
    // and on top of it what their logs tell.
    void on_carried_over(const daemon::CarriedOver& carried, paxos::Slot applied,
                         const std::set<paxos::MemberId>& lost) const;
    // A message leaves a member.
    void on_send(paxos::MemberId from, paxos::MemberId to, const proto::PeerMessage& message);
    // A turn of a member ended.
    void on_turn(paxos::MemberId member, const daemon::Core& core, const daemon::Turn& turn);
    // A client is told so.
    void on_answer(paxos::MemberId by, const api::Executed& answer) const;
    // The grant with that token was ended by force.
    bool was_broken(const std::string& lock, statemachine::Token token) const {
        return rules_.was_broken(lock, token);
    }
    // A watcher that has seen everything up to `since` is told of this change next.
    void on_watched(statemachine::Revision since, const statemachine::Change& change) const;
    // ... and of nothing else up to `through`.
    void on_watched_all(statemachine::Revision since, statemachine::Revision through) const;
    // What one knows who has heard all events up to there that a filter wants.
    std::uint64_t known_at(statemachine::Revision revision, std::size_t filter) const {
        return known_at_.at(revision).at(filter);
    }
    bool has_change(statemachine::Revision revision) const { return changes_.contains(revision); }
    // The latest state that a member fetched is that of this slot; 0: it never did.
    statemachine::Revision installed_by(paxos::MemberId member) const {
        const auto at = installed_.find(member);
        return at == installed_.end() ? 0 : at->second;
    }
    // There is no change after it.
    bool all_seen_after(statemachine::Revision revision) const {
        return changes_.upper_bound(revision) == changes_.end();
    }
    const Archive& archive() const { return archive_; }
    static std::string text_of(const statemachine::Change& change);

    // Every slot up to here is chosen by a durable quorum.
    std::uint64_t chosen_prefix() const { return hashes_.size() - 1; }
    std::uint64_t hash_at(std::uint64_t slot) const { return hashes_.at(slot); }
    const statemachine::Machine& machine() const { return machine_; }
    // The highest slot that any member has executed.
    statemachine::Revision executed_anywhere() const { return executed_; }
    // The latest ballot at which a member led.
    paxos::Ballot leading() const { return leading_; }

private:
    struct Seen {  // Of a member, over all its runs.
        paxos::Ballot promised{};
        paxos::Ballot attempted{};
        paxos::Slot cut{};
        statemachine::Revision state_durable{};
        std::uint64_t boot{};
        // Of this run.
        statemachine::Revision change{};
        statemachine::Revision applied{};
        paxos::Role role{};
        paxos::Proposer::Reached reached{};
        std::uint64_t learned_by_votes{};
        std::uint64_t learned_by_notice{};
    };
    using At = std::pair<paxos::Slot, paxos::Ballot>;

    bool has_the_chosen(paxos::Slot slot, const std::set<paxos::MemberId>& lost) const;
    void note_promise(paxos::MemberId from, const paxos::Promise& promise);
    void note_value(paxos::Slot slot, paxos::Ballot ballot, const paxos::Value& value);
    void check_promises(paxos::Slot slot, paxos::Ballot ballot) const;
    void check_reports(paxos::MemberId from, const paxos::Promise& promise);
    void note_chosen(paxos::Slot slot, const paxos::Value& value);
    void execute_chosen();
    void tell(statemachine::Revision slot, const statemachine::Entry& entry,
              const statemachine::Applied& applied);
    void learn(const std::vector<statemachine::Event>& events);
    void check_state() const;
    void check_message(paxos::MemberId from, const paxos::Message& message);
    void check_members();
    void check_retirement(paxos::MemberId member, paxos::Slot at) const;
    bool has_followers(paxos::Slot first, paxos::Slot at) const;
    void check_changes(Seen& seen, const daemon::Turn& turn);
    void count_reached(Seen& seen, const daemon::Core& core);

    const Settings& settings_;
    const Schedule& schedule_;
    Reached& reached_;
    Trace& trace_;
    bool sabotaged_;  // Then only the consequences are to show.
    std::map<paxos::MemberId, Seen> members_;
    std::map<At, std::uint64_t> values_;  // Hashes.
    std::map<At, std::set<paxos::MemberId>> accepted_;
    std::map<paxos::Slot, std::map<paxos::MemberId, paxos::Ballot>> accepted_at_;
    std::map<paxos::Ballot, std::uint64_t> prepared_;  // By which boot of its member.
    struct Promised {                                  // At a ballot, by one run of a member.
        std::map<paxos::Slot, paxos::Slot> ranges{};   // Reported on, first to last.
        std::set<paxos::Slot> faulty{};
    };
    using Run = std::pair<paxos::MemberId, std::uint64_t>;  // Its boot.
    std::map<paxos::Ballot, std::map<Run, Promised>> promises_;
    std::map<paxos::Slot, paxos::Value> chosen_;
    paxos::Ballot leading_{};
    statemachine::Revision executed_ = 0;

    statemachine::Machine machine_;
    StateRules rules_;
    Epochs epochs_;
    std::map<statemachine::MemberNumber, std::uint64_t> directories_;
    std::vector<std::uint64_t> hashes_;  // By slot.
    std::map<statemachine::Revision, statemachine::Outcome> outcomes_;
    std::map<statemachine::Revision, std::string> changes_;
    std::vector<Known> known_;                          // By filter.
    std::vector<std::vector<std::uint64_t>> known_at_;  // By slot, its hashes.
    std::map<paxos::MemberId, statemachine::Revision> installed_;
    Archive archive_;
};

}  // namespace gavel::simulation
