#include "tests/simulation/observer.h"

#include <algorithm>
#include <array>

#include "base/hash.h"
#include "daemon/roster.h"
#include "proto/codec.h"
#include "tests/simulation/failure.h"

namespace gavel::simulation {

using paxos::Ballot;
using paxos::MemberId;
using paxos::Slot;
using statemachine::Revision;

Observer::Observer(const Settings& settings, const Schedule& schedule, Reached& reached,
                   Trace& trace)
    : settings_(settings),
      schedule_(schedule),
      reached_(reached),
      trace_(trace),
      sabotaged_(settings.sabotage != Sabotage::none),
      machine_(fresh_machine(settings)),
      rules_(machine_, reached),
      archive_(reached) {
    epochs_.learn(machine_.globals());
    hashes_.push_back(machine_.hash());
    for (const auto& filter : watch_filters()) known_.push_back(Known::of(machine_, filter));
    learn({});
}

statemachine::Machine Observer::fresh_machine(const Settings& settings) {
    std::vector<statemachine::Member> members;
    for (std::uint16_t id = 1; id <= settings.members; ++id) {
        members.push_back({.id = id, .name = "m" + std::to_string(id)});
    }
    return {settings.state_limits, settings.alpha, std::move(members)};
}

// ---- What is durable, and what that chooses -----------------------------------------------------

void Observer::on_start(MemberId member, std::uint64_t boot, Slot restored,
                        const daemon::Core& core) {
    Seen& seen = members_[member];
    expect(sabotaged_ || core.replica().promised() >= seen.promised,
           "a promise outlives a restart");
    expect(sabotaged_ || boot > seen.boot, "no two runs have one boot number");
    expect(sabotaged_ || (restored.number <= chosen_prefix() &&
                          core.machine().hash() == hash_at(core.machine().applied())),
           "a member starts from a state that all had at that slot");
    seen.boot = boot;
    seen.change = seen.applied = restored.number;
    seen.role = {};
    seen.reached = {};
    seen.learned_by_votes = 0;
    seen.learned_by_notice = 0;
}

void Observer::on_kept(const paxos::Durable& log, Slot restored) const {
    if (sabotaged_) return;
    const auto end = log.log.upper_bound(restored);
    for (auto each = log.log.begin(); each != end; ++each) {
        const auto known = chosen_.find(each->first);
        expect(known != chosen_.end() && known->second == each->second.proposal.value,
               "of what the state executed the log holds what was chosen, or nothing");
    }
}

void Observer::on_snapshot(MemberId member, const daemon::Core& core,
                           const statemachine::Machine& snapshot) {
    const Revision slot = snapshot.applied();
    expect(slot <= chosen_prefix() && snapshot.hash() == hash_at(slot),
           "a snapshot is the state that all had at that slot");
    expect(slot > core.machine().applied(), "a snapshot leads ahead");
    snapshot.check_invariants();
    installed_[member] = slot;
    if (slot + settings_.alpha > chosen_prefix()) reached_.count("snapshot inside the window");
    if (snapshot.globals().epochs.size() > 1) reached_.count("snapshot with an epoch pending");
    // How far behind the command that changed the members, up to where the new set governs.
    const auto newest = snapshot.globals().epochs.back().first_slot;
    const auto alpha = settings_.alpha;
    if (newest > slot && newest > alpha && alpha <= 8) {
        reached_.count("snapshot " + std::to_string(slot + alpha - newest) +
                       " slots after a change, alpha " + std::to_string(alpha));
    }
    const auto above = accepted_at_.upper_bound({slot});
    if (std::any_of(above, accepted_at_.end(),
                    [member](const auto& each) { return each.second.contains(member); })) {
        reached_.count("snapshot below what was accepted");
    }
    for (Slot each{core.machine().applied() + 1}; each.number <= slot; each = each.next()) {
        const auto at = accepted_at_.find(each);
        if (at == accepted_at_.end() || !at->second.contains(member)) continue;
        const auto value = values_.find({each, at->second.at(member)});
        if (value->second != hash64(chosen_.at(each).command.view())) {
            reached_.count("snapshot above a value that was not chosen");
        }
    }
}

void Observer::on_durable(MemberId member, const std::vector<paxos::Record>& records) {
    Seen& seen = members_[member];
    for (const auto& record : records) {
        if (const auto* promise = std::get_if<paxos::PromiseRecord>(&record)) {
            expect(sabotaged_ || promise->ballot >= seen.promised, "promises only grow");
            seen.promised = promise->ballot;
        } else if (const auto* attempt = std::get_if<paxos::AttemptRecord>(&record)) {
            expect(sabotaged_ || attempt->ballot > seen.attempted, "attempted ballots only grow");
            seen.attempted = attempt->ballot;
        } else if (const auto* accept = std::get_if<paxos::AcceptRecord>(&record)) {
            const auto& [ballot, value] = accept->proposal;
            expect(sabotaged_ || ballot >= seen.promised, "nothing is accepted below the promise");
            seen.promised = ballot;
            note_value(accept->slot, ballot, value);
            accepted_at_[accept->slot][member] = ballot;
            auto& accepted = accepted_[{accept->slot, ballot}];
            accepted.insert(member);
            if (epochs_.is_quorum(accept->slot, accepted)) note_chosen(accept->slot, value);
        } else if (const auto* learned = std::get_if<paxos::ChosenRecord>(&record)) {
            const auto known = chosen_.find(learned->slot);
            expect(known != chosen_.end() && known->second == learned->value,
                   "only a value that was chosen is learned");
        }
    }
}

void Observer::on_cut(MemberId member, Slot through) {
    expect(through.number <= chosen_prefix(), "only what is chosen is cut");
    members_[member].cut = through;
}

void Observer::on_state_durable(MemberId member, Revision applied) {
    // One that was set back had it on its disk, as one that is gone for good.
    Revision& durable = members_[member].state_durable;
    durable = std::max(durable, applied);
}

void Observer::on_forgotten(MemberId member) {
    members_[member] = {.state_durable = members_[member].state_durable};
}

void Observer::note_value(Slot slot, Ballot ballot, const paxos::Value& value) {
    const std::uint64_t hash = hash64(value.command.view());
    const auto [known, added] = values_.emplace(At{slot, ballot}, hash);
    expect(added || known->second == hash, "at one ballot one value is proposed in a slot");
    if (added) check_promises(slot, ballot);
}

// What a promise says of slots up to its prefix is only that they are chosen. What was unreadable
// may be known when it is repeated.
void Observer::note_promise(MemberId from, const paxos::Promise& promise) {
    const Slot first = std::max(promise.first, promise.chosen_prefix.next());
    if (first > promise.last) return;
    Promised& promised = promises_[promise.ballot][{from, promise.boot}];
    auto& last = promised.ranges[first];
    last = std::max(last, promise.last);
    promised.faulty.erase(promised.faulty.lower_bound(first),
                          promised.faulty.upper_bound(promise.last));
    for (const auto& [slot, report] : promise.reports) {
        if (std::holds_alternative<paxos::Faulty>(report)) promised.faulty.insert(slot);
    }
}

// What was accepted below a promised ballot was accepted before that was promised. Of slots up to
// its prefix a promise need not say more than that they are chosen.
void Observer::check_reports(MemberId from, const paxos::Promise& promise) {
    std::map<Slot, Ballot> reported;  // Zero: chosen, or unreadable.
    for (const auto& [slot, report] : promise.reports) {
        Ballot& at = reported[slot];
        const auto* proposal = std::get_if<paxos::Proposal>(&report);
        if (proposal == nullptr) continue;
        at = proposal->ballot;
        note_value(slot, at, proposal->value);
    }
    const Slot first = std::max(promise.first, promise.chosen_prefix.next());
    const auto end = accepted_at_.upper_bound(promise.last);
    for (auto each = accepted_at_.lower_bound(first); each != end; ++each) {
        const auto own = each->second.find(from);
        if (own == each->second.end() || own->second >= promise.ballot) continue;
        const auto report = reported.find(each->first);
        expect(report != reported.end() && (!report->second || report->second >= own->second),
               "a promise reports all that was accepted, or says that it cannot be read");
    }
}

void Observer::check_promises(Slot slot, Ballot ballot) const {
    if (sabotaged_) return;
    std::set<MemberId> reporters;
    const auto at_ballot = promises_.find(ballot);
    expect(at_ballot != promises_.end(), "nothing is proposed without promises");
    for (const auto& [run, promised] : at_ballot->second) {
        const bool covers = std::ranges::any_of(promised.ranges, [slot](const auto& range) {
            return range.first <= slot && slot <= range.second;
        });
        if (covers && !promised.faulty.contains(slot)) reporters.insert(run.first);
    }
    expect(epochs_.is_quorum(slot, reporters),
           "nothing is proposed before a majority of those who govern the slot reported on it");
}

void Observer::note_chosen(Slot slot, const paxos::Value& value) {
    const auto [known, added] = chosen_.emplace(slot, value);
    expect(known->second == value, "one value is chosen in a slot");
    if (added) execute_chosen();
}

void Observer::execute_chosen() {
    for (;;) {
        const Revision slot = hashes_.size();
        const auto next = chosen_.find({slot});
        if (next == chosen_.end()) return;
        if (next->second.is_noop()) {
            machine_.apply_noop(slot);
        } else {
            const auto entry = proto::decode_entry(next->second.command.view());
            expect(entry.has_value(), "a chosen command can be decoded");
            const auto applied = machine_.apply(slot, *entry);
            if (applied.repeated) reached_.count("command repeated");
            if (std::holds_alternative<statemachine::RequestTooOld>(applied.outcome)) {
                reached_.count("request too old");
            }
            if (!applied.repeated) outcomes_.emplace(slot, applied.outcome);
            for (const auto& row : applied.changed) {
                const auto* change =
                    std::get_if<statemachine::Ptr<statemachine::Change>>(&row.value);
                if (change != nullptr) changes_.emplace(slot, text_of(**change));
            }
            tell(slot, *entry, applied);
            rules_.check(*entry, applied);
            learn(applied.events);
            archive_.note(applied);
            if (const auto* back = std::get_if<statemachine::RollBack>(&entry->command)) {
                archive_.check_roll_back(*back, applied);
            }
        }
        if (known_at_.size() == slot) learn({});
        epochs_.learn(machine_.globals());
        check_members();
        hashes_.push_back(machine_.hash());
        if (slot % 64 == 0) check_state();
    }
}

void Observer::tell(Revision slot, const statemachine::Entry& entry,
                    const statemachine::Applied& applied) {
    constexpr std::array commands{"LeaderStart",  "OpenSession", "EndSession",    "ExpireSession",
                                  "AcquireLock",  "ReleaseLock", "LeaveQueue",    "EndLockDelay",
                                  "PutKey",       "DeleteKey",   "ChangeMembers", "PinMembers",
                                  "AcquireLocks", "Transact",    "DeletePrefix",  "RollBack",
                                  "SetQuota",     "SetSchema",   "ExpireSessions"};

    trace_.line(schedule_.now(), "chosen", slot, commands.at(entry.command.index()), "of",
                entry.request.member, entry.request.boot, entry.request.number, "outcome",
                applied.outcome.index(), applied.repeated ? "repeated" : "first",
                entry.idempotency ? entry.idempotency->key : std::string());
    for (const auto& event : applied.events) {
        const auto* lock = std::get_if<statemachine::LockEvent>(&event.body);
        if (lock == nullptr) continue;
        trace_.line(schedule_.now(), "lock", lock->lock, static_cast<unsigned>(lock->change),
                    "session", lock->session, "token", lock->token);
    }
}

// Once it is known which directory a member has, it is that one for good.
void Observer::check_members() {
    for (const auto& member : machine_.globals().epochs.back().members) {
        std::uint64_t& directory = directories_[member.id];
        expect(directory == 0 || directory == member.incarnation, "a member keeps its directory");
        if (directory == 0 && member.incarnation == Settings::incarnation_of(member.id)) {
            reached_.count("directory recorded");
        }
        directory = member.incarnation;
    }
}

// What the old set's quorum held stands on the disks of a majority of those who follow.
void Observer::check_retirement(MemberId member, Slot at) const {
    const auto& removed = machine_.globals().removed;
    const auto left = std::ranges::find(removed, member.number, &statemachine::RemovedMember::id);
    expect(daemon::is_gone(machine_.globals(), member.number), "who ends was removed");
    if (left == removed.end()) return;  // Long ago.
    expect(has_followers({left->first_slot}, at),
           "nobody leaves before a majority of those who follow has what it had");
}

// Whether everything below `first` is on the disks of a majority of C(at).
bool Observer::has_followers(Slot first, Slot at) const {
    std::set<MemberId> have_it;
    for (const auto& [other, seen] : members_) {
        if (seen.state_durable + 1 >= first.number) have_it.insert(other);
    }
    return epochs_.is_quorum(at, have_it);
}

void Observer::on_dismissed(MemberId member, MemberId by) const {
    check_retirement(member, Slot{members_.at(by).applied}.next());
}

bool Observer::is_replaced(statemachine::MemberNumber member) const {
    const auto& globals = machine_.globals();
    if (!daemon::is_gone(globals, member)) return false;
    const auto left = std::ranges::find(globals.removed, member, &statemachine::RemovedMember::id);
    return left == globals.removed.end() ||
           has_followers({left->first_slot}, Slot{globals.applied}.next());
}

// At each slot, what one knows who heard all events.
void Observer::learn(const std::vector<statemachine::Event>& events) {
    std::vector<std::uint64_t> hashes;
    for (std::size_t i = 0; i < known_.size(); ++i) {
        const auto& filter = watch_filters()[i];
        for (const auto& event : events) {
            if (filter.matches(event.body)) known_[i].learn(event.body);
        }
        hashes.push_back(known_[i].hash());
    }
    known_at_.push_back(std::move(hashes));
}

void Observer::check_state() const {
    machine_.check_invariants();
    for (std::size_t i = 0; i < known_.size(); ++i) {
        expect(known_[i].hash() == Known::of(machine_, watch_filters()[i]).hash(),
               "whatever changes is told by an event");
    }
}

// Whoever accepted at the ballot at which a value was chosen, or later, has that value (P2).
bool Observer::has_the_chosen(Slot slot, const std::set<MemberId>& lost) const {
    const auto at = accepted_at_.find(slot);
    if (at == accepted_at_.end()) return false;
    for (auto each = accepted_.lower_bound({slot, {}}); each != accepted_.end(); ++each) {
        const auto& [where, members] = *each;
        if (where.first != slot) return false;
        if (!epochs_.is_quorum(slot, members)) continue;
        return std::ranges::any_of(at->second, [&, ballot = where.second](const auto& one) {
            return one.second >= ballot && !lost.contains(one.first);
        });
    }
    return false;
}

// docs/recovery.md: the new cluster has every command that was chosen by a majority with one of the
// directories in it, up to the first slot that was chosen without them.
void Observer::on_carried_over(const daemon::CarriedOver& carried, Slot applied,
                               const std::set<MemberId>& lost) const {
    expect(!carried.contradiction, "no two directories say that different values were chosen");
    std::size_t at = 0;
    for (Slot slot = applied.next(); slot <= carried.sure; slot = slot.next(), ++at) {
        const auto chosen = chosen_.find(slot);
        expect(chosen != chosen_.end() && carried.values[at] == chosen->second,
               "what a recovery is sure of was chosen");
    }
    std::size_t by_votes = 0;
    for (Slot slot = applied.next() + at; chosen_.contains(slot); slot = slot.next(), ++at) {
        if (!epochs_.knows(slot) || !has_the_chosen(slot, lost)) {
            reached_.count("recovery ended before what the lost alone had chosen");
            break;
        }
        if (carried.damaged.contains(slot)) break;
        expect(slot <= carried.last && carried.values[at] == chosen_.at(slot),
               "what was chosen with a directory that is left is in the new cluster");
        if (epochs_.is_quorum(slot, lost)) ++by_votes;
    }
    if (at > 0) reached_.count("chosen command carried over by a recovery", at);
    if (by_votes > 0) reached_.count("recovery of a minority found what was chosen by its votes");
    if (carried.unsure > 0) reached_.count("recovery executed what may not have been chosen");
    if (!carried.left.empty()) reached_.count("recovery left out what stood behind a gap");
}

// ---- What members say ---------------------------------------------------------------------------

void Observer::on_send(MemberId from, MemberId to, const proto::PeerMessage& message) {
    if (const auto* inner = std::get_if<paxos::Message>(&message)) check_message(from, *inner);
    if (from != to && std::holds_alternative<proto::Forward>(message)) {
        reached_.count("command forwarded");
    }
}

void Observer::check_message(MemberId from, const paxos::Message& message) {
    if (sabotaged_) return;
    const Seen& seen = members_[from];
    if (const auto* prepare = std::get_if<paxos::Prepare>(&message)) {
        expect(seen.attempted >= prepare->ballot, "a ballot is durable before it is used");
        const auto known = prepared_.emplace(prepare->ballot, seen.boot).first;
        expect(known->second == seen.boot, "a ballot is used in one run only");
        expect(prepare->ballot.member == from, "a member uses ballots of its own");
    } else if (const auto* promise = std::get_if<paxos::Promise>(&message)) {
        expect(seen.promised >= promise->ballot, "a promise is durable before it is given");
        for (const auto& [slot, report] : promise->reports) {
            if (std::holds_alternative<paxos::Faulty>(report)) reached_.count("faulty reported");
        }
        if (promise->last != paxos::last_slot) reached_.count("promise in parts");
        check_reports(from, *promise);
        note_promise(from, *promise);
    } else if (const auto* accepted = std::get_if<paxos::Accepted>(&message)) {
        expect(seen.promised >= accepted->ballot, "a vote rests on a durable promise");
        const auto& at = accepted_at_[accepted->slot];
        const auto own = at.find(from);
        const bool durable = own != at.end() && own->second >= accepted->ballot;
        expect(durable || chosen_.contains(accepted->slot), "a vote rests on a durable record");
    } else if (const auto* accept = std::get_if<paxos::Accept>(&message)) {
        expect(accept->ballot.member == from, "a member proposes at ballots of its own");
        expect(accept->slot.number <= seen.applied + settings_.alpha,
               "nothing is proposed beyond the window");
        note_value(accept->slot, accept->ballot, accept->value);
    } else if (const auto* notice = std::get_if<paxos::Notice>(&message)) {
        for (auto slot = notice->first; slot <= notice->last; slot = slot.next()) {
            expect(chosen_.contains(slot), "a notice tells only of what is chosen");
        }
    } else if (const auto* answer = std::get_if<paxos::LearnAnswer>(&message)) {
        if (!answer->values.empty()) reached_.count("learned by Learn");
    } else if (std::holds_alternative<paxos::HandOver>(message)) {
        reached_.count("leadership handed over");
    } else if (std::holds_alternative<paxos::Reject>(message)) {
        reached_.count("ballot rejected");
    }
}

// ---- What members execute -----------------------------------------------------------------------

void Observer::on_turn(MemberId member, const daemon::Core& core, const daemon::Turn& turn) {
    core.replica().check_invariants();
    Seen& seen = members_[member];
    const Revision applied = core.machine().applied();
    expect(applied <= chosen_prefix(), "only what a durable quorum chose is executed");
    expect(applied >= seen.applied, "the applied slot only grows");
    if (applied != seen.applied) {
        expect(core.machine().hash() == hash_at(applied), "at one slot all states are equal");
    }
    seen.applied = applied;
    executed_ = std::max(executed_, applied);
    check_changes(seen, turn);
    if (turn.retired) check_retirement(member, Slot{applied}.next());
    for (const auto& role : turn.roles) {
        if (role.role == paxos::Role::leader && leading_ != role.ballot) {
            if (leading_) reached_.count("leader changed");
            leading_ = role.ballot;
        }
    }
    count_reached(seen, core);
}

// The stream of changes is complete and in order: it is the stream of the observer's own machine.
void Observer::check_changes(Seen& seen, const daemon::Turn& turn) {
    for (const auto& change : turn.changes) {
        const auto expected = changes_.upper_bound(seen.change);
        expect(expected != changes_.end() && expected->first == change->revision,
               "subscribers miss no change and see none twice");
        expect(expected->second == text_of(*change), "a change is the same everywhere");
        seen.change = change->revision;
    }
    const auto next = changes_.upper_bound(seen.change);
    expect(next == changes_.end() || next->first > seen.applied,
           "subscribers see a change when it is executed");
}

void Observer::count_reached(Seen& seen, const daemon::Core& core) {
    const auto& now = core.replica().reached();
    const auto& before = seen.reached;
    const auto count = [this](const char* what, std::uint64_t times) {
        if (times > 0) reached_.count(what, times);
    };
    count("gap filled by a no-op", now.gaps_filled - before.gaps_filled);
    count("value proposed again", now.values_proposed_again - before.values_proposed_again);
    count("promise set aside", now.promises_set_aside - before.promises_set_aside);
    seen.reached = now;
    const auto& replica = core.replica();
    count("learned by votes", replica.learned_by_votes() - seen.learned_by_votes);
    count("learned by a notice", replica.learned_by_notice() - seen.learned_by_notice);
    seen.learned_by_votes = replica.learned_by_votes();
    seen.learned_by_notice = replica.learned_by_notice();
}

// ---- What clients are told ----------------------------------------------------------------------

void Observer::on_answer(MemberId by, const api::Executed& answer) const {
    expect(answer.revision <= chosen_prefix() && answer.applied <= chosen_prefix(),
           "a client is told only of what is chosen");
    if (std::holds_alternative<statemachine::RequestTooOld>(answer.outcome)) {
        expect(daemon::is_gone(machine_.globals(), by.number),
               "a request that is still waited for is never too old");
        return;
    }
    // A wait ends by another command than the one that began it.
    using namespace statemachine;
    const bool of_a_wait = std::holds_alternative<LockGranted>(answer.outcome) ||
                           std::holds_alternative<LockHeld>(answer.outcome) ||
                           std::holds_alternative<SessionNotFound>(answer.outcome);
    if (of_a_wait) return;
    const auto executed = outcomes_.find(answer.revision);
    expect(executed != outcomes_.end() && executed->second == answer.outcome,
           "an acknowledged command has the outcome that was told");
}

void Observer::on_watched(Revision since, const statemachine::Change& change) const {
    const auto expected = changes_.upper_bound(since);
    expect(expected != changes_.end() && expected->first == change.revision,
           "a watcher misses no change and sees none twice");
    expect(expected->second == text_of(change), "a watcher sees a change as it was made");
}

void Observer::on_watched_all(Revision since, Revision through) const {
    const auto next = changes_.upper_bound(since);
    expect(next == changes_.end() || next->first > through,
           "a watcher sees every change of the history");
}

std::string Observer::text_of(const statemachine::Change& change) {
    std::string text = std::to_string(change.revision) + "@" + std::to_string(change.at);
    for (const auto& event : change.events) {
        text += ' ' + std::to_string(event.index) + (event.last ? "." : ",");
        if (const auto* put = std::get_if<statemachine::KeyPutEvent>(&event.body)) {
            text += "put " + put->value->key + '=';
            text += put->value->value.view();
            text += " v" + std::to_string(put->value->version);
        } else if (const auto* gone = std::get_if<statemachine::KeyDeletedEvent>(&event.body)) {
            text += "deleted " + gone->key + " v" + std::to_string(gone->version);
        } else if (const auto* member = std::get_if<statemachine::MemberEvent>(&event.body)) {
            text += "member " + std::to_string(member->member) + ' ' + member->name + ' ' +
                    std::to_string(static_cast<int>(member->change)) + ' ' +
                    std::to_string(static_cast<int>(member->role)) + ' ' +
                    std::to_string(member->epoch) + ' ' + std::to_string(member->first_slot);
        } else {
            const auto& lock = std::get<statemachine::LockEvent>(event.body);
            text += "lock " + lock.lock + ' ' + std::to_string(static_cast<int>(lock.change)) +
                    ' ' + std::to_string(lock.session) + ' ' + std::to_string(lock.token) +
                    (lock.mode == statemachine::LockMode::shared ? " shared" : "") +
                    (lock.author.empty() ? "" : " by " + lock.author) +
                    (lock.comment.empty() ? "" : ": " + lock.comment);
        }
    }
    return text;
}

}  // namespace gavel::simulation
