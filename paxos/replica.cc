#include "paxos/replica.h"

#include <algorithm>
#include <utility>

#include "base/invariant.h"

namespace gavel::paxos {
namespace {

Limits with_window(Limits limits, std::uint64_t alpha) {
    limits.accept_ahead += 4 * alpha;
    return limits;
}

}  // namespace

Replica::Replica(Config config, const Restored& restored, Tick now)
    : config_(std::move(config)),
      membership_(restored.alpha, restored.executed, restored.epochs),
      acceptor_(config_.boot, with_window(config_.limits, restored.alpha), restored.durable,
                restored.executed),
      learner_(config_.limits, restored.durable, restored.executed),
      proposer_(config_.self, config_.limits, membership_, learner_, config_.learner_mode),
      elector_(config_.seed, config_.heartbeat_ms, config_.election_timeout_ms, now),
      reader_(config_.self, config_.boot, config_.limits, membership_),
      now_(now),
      highest_seen_(std::max(restored.durable.attempted, restored.durable.promised)),
      recorded_prefix_(restored.durable.chosen_prefix),
      canvass_number_(config_.boot << 40),
      tally_(with_window(config_.limits, restored.alpha).accept_ahead) {
    invariant(static_cast<bool>(config_.self), "a member has an id");
}

Effects Replica::step(const Input& input) {
    Effects effects =
        std::visit([this](const auto& alternative) { return on(alternative); }, input);
    finish(effects);
    return effects;
}

// Steps in what this member said to itself and need not be durable first, tells the acceptor how
// far everything is chosen, and reports a change of role.
void Replica::finish(Effects& effects) {
    for (std::size_t at = 0; at < effects.at_once.size();) {
        if (effects.at_once[at].peer != config_.self) {
            ++at;
            continue;
        }
        const Envelope own = std::move(effects.at_once[at]);
        effects.at_once.erase(effects.at_once.begin() + static_cast<std::ptrdiff_t>(at));
        append(effects, on(Received{own}));
    }
    acceptor_.on_prefix(learner_.chosen_prefix());
    tally_.on_prefix(learner_.chosen_prefix());
    // The prefix is worth no write of its own: it rides on the next one.
    if (!effects.records.empty() && learner_.chosen_prefix() > recorded_prefix_) {
        recorded_prefix_ = learner_.chosen_prefix();
        effects.records.emplace_back(PrefixRecord{recorded_prefix_});
    }
    const RoleReport report{
        role(), proposer_.phase() == Proposer::Phase::idle ? leader_ballot_ : proposer_.ballot(),
        leader_};
    if (report != reported_) {
        reported_ = report;
        effects.role = report;
    }
}

Role Replica::role() const {
    switch (proposer_.phase()) {
        case Proposer::Phase::leading:
            return Role::leader;
        case Proposer::Phase::recovering:
            return Role::candidate;
        case Proposer::Phase::idle:
            break;
    }
    return Role::follower;
}

const Epoch& Replica::governing() const {
    return membership_.epoch_of(
        std::min(learner_.chosen_prefix().next(), membership_.window_end()));
}

std::optional<Slot> Replica::executed_by(MemberId peer) const {
    const auto known = executed_by_.find(peer);
    if (known == executed_by_.end()) return std::nullopt;
    return known->second;
}

// ---- Inputs -------------------------------------------------------------------------------------

Effects Replica::on(const Start&) {
    Effects effects = learner_.start();
    const Epoch& epoch = governing();
    if (epoch.voters.size() == 1 && epoch.has_voter(config_.self)) elector_.hurry(now_);
    return effects;
}

Effects Replica::on(const Received& received) {
    const MemberId from = received.envelope.peer;
    if (proposer_.phase() != Proposer::Phase::idle) {
        // Only answers at this ballot are a sign that a member still follows.
        const bool follows = std::visit(
            [&](const auto& message) {
                using T = std::decay_t<decltype(message)>;
                if constexpr (std::is_same_v<T, Promise> || std::is_same_v<T, Accepted> ||
                              std::is_same_v<T, HeartbeatAck>) {
                    return message.ballot == proposer_.ballot();
                }
                return false;
            },
            received.envelope.message);
        if (follows) contact_[from] = now_;
    }
    return std::visit([&](const auto& message) { return on_message(from, message); },
                      received.envelope.message);
}

Effects Replica::on(const Propose& propose) {
    invariant(!propose.value.is_noop(), "a command is not empty");
    notified_prefix_ = learner_.chosen_prefix();
    return proposer_.propose(propose.value, now_);
}

Effects Replica::on(const Executed& executed) {
    invariant(executed.slot <= learner_.chosen_prefix(), "only what is chosen is executed");
    if (executed.left) {
        membership_.on_executed(executed.slot, *executed.left);
    } else {
        membership_.on_executed(executed.slot);
    }
    if (proposer_.phase() == Proposer::Phase::idle || proposer_.can_propose()) return {};
    Effects effects = proposer_.advance(now_);
    append(effects, lead());
    return effects;
}

Effects Replica::on(const ReadRequest& request) {
    reader_.on_read(request.read);
    return {};
}

Effects Replica::on(const ReadGivenUp& given_up) {
    reader_.give_up(given_up.read);
    return {};
}

Effects Replica::on(const Flush&) {
    const bool led = proposer_.leads();
    Effects effects = learn_by_early_votes();
    // Who has just come to lead says so first, at a slot that is still free.
    if (!led && proposer_.leads()) return effects;
    if (proposer_.phase() != Proposer::Phase::idle) {
        append(effects, fill_window());
        append(effects, confirm_reads());
        // Where acceptors tell everyone, nobody waits for the leader to say it.
        const bool awaited = config_.learner_mode.kind != LearnerMode::Kind::broadcast;
        if (proposer_.leads() && awaited && learner_.chosen_prefix() > notified_prefix_) {
            append(effects, heartbeat(0));
        }
        append(effects, leave_to_successors());
        append(effects, notify_others());
        return effects;
    }
    append(effects, notify_others());
    if (!leader_ || leader_ == config_.self) return effects;
    const auto ask = reader_.ask(false);
    if (!ask) return effects;
    asked_read_index_ = now_;
    effects.at_once.push_back({leader_, *ask});
    return effects;
}

Effects Replica::on(const PeerDied& died) {
    if (died.peer != leader_) return {};
    leader_ = {};
    elector_.on_leader_dead(now_);
    return {};
}

Effects Replica::on(const PeerMet& met) {
    if (!proposer_.leads() || met.peer == config_.self) return {};
    return {.at_once = {{met.peer, Heartbeat{proposer_.ballot(), reader_.round(),
                                             learner_.chosen_prefix()}}}};
}

Effects Replica::on(const Transfer& transfer) {
    if (!proposer_.leads() || transfer.to == config_.self) return {};
    if (!governing().has_voter(transfer.to)) return {};
    return {.at_once = {{transfer.to, HandOver{proposer_.ballot()}}}};
}

Effects Replica::on(const TimePassed& time) {
    now_ = std::max(now_, time.now);
    const std::uint64_t retransmit_ms = 2 * config_.heartbeat_ms;

    Effects effects = proposer_.on_tick(now_, retransmit_ms, config_.election_timeout_ms);
    append(effects, lead());
    if (proposer_.phase() == Proposer::Phase::idle) {
        const bool caught_up = learns_first_until_ && learner_.chosen_prefix() >= ahead_prefix_;
        const bool waited = learns_first_until_ && now_ >= *learns_first_until_;
        if (caught_up || waited) {
            append(effects, stand());
        } else if (!learns_first_until_ && config_.elections && elector_.due(now_)) {
            append(effects, canvass());
        }
        if (leader_ && now_ - asked_read_index_ >= retransmit_ms) {
            if (const auto ask = reader_.ask(true)) {
                asked_read_index_ = now_;
                effects.at_once.push_back({leader_, *ask});
            }
        }
    } else if (has_lost_touch()) {
        step_down();
        elector_.on_defeat(now_);
    }
    // A quorum has voted and what for has not arrived by now: it is asked for.
    const Slot missing = learner_.chosen_prefix().next();
    if (membership_.knows(missing)) {
        const auto ballot = tally_.quorum_in(missing, membership_.epoch_of(missing));
        if (ballot) hear_of(tally_.last_voter(missing), missing);
    }
    const bool again = asked_to_learn_ && now_ - *asked_to_learn_ >= retransmit_ms;
    append(effects, ask_to_learn(again));
    return effects;
}

// ---- Leading ------------------------------------------------------------------------------------

// What a leader does as time passes, and what it does first when it has just become one.
Effects Replica::lead() {
    if (!proposer_.leads()) return {};
    if (leader_ != config_.self) {
        leader_ = config_.self;
        leader_ballot_ = proposer_.ballot();
        leading_since_ = now_;
        last_heartbeat_ = now_;
        notified_prefix_ = learner_.chosen_prefix();
        return heartbeat(reader_.round());
    }
    if (now_ - last_heartbeat_ < config_.heartbeat_ms) return {};
    last_heartbeat_ = now_;
    return heartbeat(reader_.round());
}

Effects Replica::heartbeat(std::uint64_t round) {
    Effects effects;
    notified_prefix_ = learner_.chosen_prefix();
    for (const MemberId member : membership_.everyone()) {
        if (member == config_.self) continue;
        effects.at_once.push_back(
            {member, Heartbeat{proposer_.ballot(), round, learner_.chosen_prefix()}});
    }
    return effects;
}

// An epoch that is decided governs once the slots before it are chosen. In a quiet cluster nothing
// else would fill them; one no-op in its first slot shows that it works (pitfall 11).
Effects Replica::fill_window() {
    Effects effects;
    while (proposer_.can_propose() && proposer_.next() <= membership_.newest_from() &&
           membership_.newest_from() > membership_.executed().next()) {
        append(effects, proposer_.propose(Value{}, now_));
    }
    return effects;
}

// A leader that is removed leads up to the last slot that it may; then those who follow are asked
// to stand, the best informed first, so that nobody has to wait for a timeout (pitfall 13).
Effects Replica::leave_to_successors() {
    if (!proposer_.is_done()) {
        asked_to_stand_.clear();
        return {};
    }
    if (!proposer_.leads()) {
        step_down();
        elector_.on_defeat(now_);
        return {};
    }
    if (!asked_to_stand_.empty() && now_ - handed_over_ < config_.heartbeat_ms) return {};
    handed_over_ = now_;
    const auto& voters = governing().voters;
    std::optional<MemberId> successor;
    for (const MemberId voter : voters) {
        if (asked_to_stand_.contains(voter)) continue;
        if (!successor || executed_by(voter) > executed_by(*successor)) successor = voter;
    }
    if (!successor) {  // All were asked, of a set that may have followed another one meanwhile.
        successor = voters.front();
        asked_to_stand_.clear();
    }
    asked_to_stand_.insert(*successor);
    return {.at_once = {{*successor, HandOver{proposer_.ballot()}}}};
}

Effects Replica::confirm_reads() {
    if (!proposer_.leads()) return {};
    // Never below what recovery settled. C(e+1) must be known and have promised: until then another
    // leader's value may be chosen there and executed elsewhere.
    Slot index = std::max(learner_.chosen_prefix(), proposer_.recovered());
    // Others may have learned, and told a client, that what is under way was chosen.
    const bool may_be_last = config_.learner_mode.kind != LearnerMode::Kind::leader;
    if (may_be_last) index = std::max(index, Slot{proposer_.next().number - 1});
    // A window that is always full would never let a read begin.
    reads_hold_ = may_be_last && reader_.is_asked() && !membership_.knows(index.next());
    if (!membership_.knows(index.next()) || !proposer_.is_settled(index.next())) return {};
    auto [begin, effects] = reader_.begin_round(index);
    if (begin) append(effects, heartbeat(reader_.round()));
    return effects;
}

// A leader, or a candidate, that a majority no longer answers, or whose own disk stalls, yields:
// its heartbeats would only keep the others from electing one that works.
bool Replica::has_lost_touch() const {
    if (now_ - leading_since_ < config_.election_timeout_ms) return false;
    const auto vote = proposer_.own_vote_outstanding();
    if (vote && now_ - *vote >= config_.election_timeout_ms) return true;

    Votes in_touch;
    if (proposer_.leads()) in_touch.add(config_.self);
    for (const auto& [member, when] : contact_) {
        if (now_ - when < config_.election_timeout_ms) in_touch.add(member);
    }
    if (proposer_.leads()) return !in_touch.is_quorum(governing());
    // A candidate gives its ballot more time, as learning what is missing may take a while.
    return now_ - leading_since_ >= 4 * config_.election_timeout_ms;
}

void Replica::step_down() {
    if (leader_ == config_.self) leader_ = {};
    proposer_.abandon();
    reads_hold_ = false;
    reader_.reset();
    contact_.clear();
    executed_by_.clear();
    learns_first_until_.reset();
}

void Replica::follow(MemberId leader, Ballot ballot) {
    if (proposer_.phase() != Proposer::Phase::idle && proposer_.ballot() < ballot) step_down();
    canvass_.reset();
    learns_first_until_.reset();
    // A larger ballot's leader is believed in, but not for ever: where a set of others followed,
    // the ballots of those who lead it need not be larger.
    if (ballot < leader_ballot_ && !elector_.would_promise(now_)) return;
    if (leader_ != leader || leader_ballot_ != ballot) {
        leader_ = leader;
        leader_ballot_ = ballot;
        reader_.reset();
    }
    elector_.on_leader_heard(now_);
}

// ---- Election -----------------------------------------------------------------------------------

// Who may not stand asks all the same: so it finds out what it missed, its own removal perhaps, and
// tells a set of newcomers that they are one (pitfalls 12 and 14).
Effects Replica::canvass() {
    elector_.on_defeat(now_);  // Unless a majority says yes before this runs out.
    ++canvass_number_;
    canvass_.reset();
    if (membership_.may_stand(config_.self)) canvass_.emplace();
    ahead_.reset();
    ahead_prefix_ = learner_.chosen_prefix();
    Effects effects;
    for (const MemberId member : membership_.everyone()) {
        effects.at_once.push_back({member, Canvass{canvass_number_, learner_.chosen_prefix()}});
    }
    return effects;
}

Effects Replica::on_message(MemberId from, const Canvass& canvass) {
    hear_of(from, canvass.chosen_prefix);
    const bool leads = proposer_.leads() && from != config_.self;
    const bool would = !leads && elector_.would_promise(now_);
    return {.at_once = {{from, CanvassAnswer{canvass.number, would, acceptor_.promised(),
                                             learner_.chosen_prefix()}}}};
}

Effects Replica::on_message(MemberId from, const CanvassAnswer& answer) {
    highest_seen_ = std::max(highest_seen_, answer.promised);
    hear_of(from, answer.chosen_prefix);
    if (!canvass_ || answer.number != canvass_number_) return {};
    if (proposer_.phase() != Proposer::Phase::idle) return {};
    if (answer.chosen_prefix > ahead_prefix_) {
        ahead_ = from;
        ahead_prefix_ = answer.chosen_prefix;
    }
    if (!answer.would) return {};
    canvass_->add(from);
    if (!canvass_->is_quorum(governing())) return {};

    canvass_.reset();
    if (!ahead_) return stand();
    // It would have to learn this before it leads anyhow; until then another may be faster.
    learner_.hear_of(ahead_prefix_);
    informant_ = ahead_;
    learns_first_until_ = now_ + config_.election_timeout_ms;
    return ask_to_learn(true);
}

Effects Replica::stand() {
    learns_first_until_.reset();
    canvass_.reset();
    if (!membership_.may_stand(config_.self)) return {};

    const Ballot known = std::max({highest_seen_, acceptor_.promised(), leader_ballot_});
    const Ballot ballot{.round = known.round + 1, .member = config_.self};
    highest_seen_ = ballot;
    ++ballots_tried_;
    leader_ = {};
    reader_.reset();
    contact_.clear();
    executed_by_.clear();
    leading_since_ = now_;
    elector_.on_promised(now_);
    return proposer_.start(ballot, now_);
}

Effects Replica::on_message(MemberId from, const HandOver& hand_over) {
    if (from != leader_ || hand_over.ballot != leader_ballot_) return {};
    return stand();
}

Effects Replica::on_message(MemberId from, const Prepare& prepare) {
    Effects effects = acceptor_.on_prepare(from, prepare);
    if (acceptor_.promised() != prepare.ballot || from == config_.self) return effects;
    if (proposer_.phase() != Proposer::Phase::idle && proposer_.ballot() < prepare.ballot) {
        step_down();
    }
    if (leader_ballot_ < prepare.ballot) leader_ = {};
    canvass_.reset();
    learns_first_until_.reset();
    elector_.on_promised(now_);
    return effects;
}

Effects Replica::on_message(MemberId from, const Promise& promise) {
    Effects effects;
    hear_of(from, promise.chosen_prefix);
    for (const auto& [slot, report] : promise.reports) {
        if (const auto* chosen = std::get_if<KnownChosen>(&report)) {
            append(effects, learn_value(slot, chosen->value));
        }
    }
    append(effects, proposer_.on_promise(from, promise, now_));
    append(effects, lead());
    append(effects, ask_to_learn(false));
    return effects;
}

Effects Replica::on_message(MemberId, const Reject& reject) {
    highest_seen_ = std::max(highest_seen_, reject.promised);
    const bool mine = proposer_.phase() != Proposer::Phase::idle &&
                      reject.refused == proposer_.ballot() && reject.promised > reject.refused;
    if (mine) {
        step_down();
        elector_.on_defeat(now_);
    }
    return {};
}

// ---- Accepting and learning ---------------------------------------------------------------------

Effects Replica::on_message(MemberId from, const Accept& accept) {
    if (from != config_.self && accept.ballot >= acceptor_.promised()) {
        follow(from, accept.ballot);
    }
    Effects effects = acceptor_.on_accept(from, accept);
    tell_learners(from, accept, effects);
    // The others' votes may have overtaken what they are for.
    append(effects, learn_by_votes(accept.slot));
    if (from == config_.self || accept.ballot < acceptor_.promised()) return effects;
    append(effects, learner_.on_notice(accept.ballot, accept.chosen_prefix, acceptor_));
    informant_ = from;
    append(effects, ask_to_learn(false));
    return effects;
}

// The acceptor's vote goes to who proposed; the learners that the mode names are told as well.
void Replica::tell_learners(MemberId proposer, const Accept& accept, Effects& effects) {
    const auto mode = accept.learner_mode;
    const bool voted = !effects.once_durable.empty();
    if (!voted || mode.kind == LearnerMode::Kind::leader) return;
    if (mode.kind == LearnerMode::Kind::set) in_a_set_ = std::max(in_a_set_, accept.ballot);
    const Epoch& epoch = membership_.epoch_of(std::min(accept.slot, membership_.window_end()));
    if (!epoch.has_voter(config_.self)) return;

    const auto tell = [&](MemberId learner) {
        if (learner == proposer) return;
        effects.once_durable.push_back({learner, Accepted{accept.ballot, accept.slot}});
    };
    if (mode.kind == LearnerMode::Kind::broadcast) {
        for (const MemberId learner : membership_.everyone()) tell(learner);
        return;
    }
    // The voters that follow the proposer, in a circle: all acceptors find the same ones.
    const auto& voters = epoch.voters;
    const auto after = std::ranges::upper_bound(voters, proposer) - voters.begin();
    for (std::size_t told = 1; told < std::min<std::size_t>(mode.size, voters.size()); ++told) {
        tell(voters[(static_cast<std::size_t>(after) + told - 1) % voters.size()]);
    }
}

Effects Replica::learn_by_votes(Slot slot) {
    if (learner_.knows(slot) || !membership_.knows(slot)) return {};
    const auto ballot = tally_.quorum_in(slot, membership_.epoch_of(slot));
    if (!ballot) return {};
    const Proposal* accepted = acceptor_.accepted(slot);
    if (accepted == nullptr || accepted->ballot != *ballot) return {};
    ++learned_by_votes_;
    if (*ballot == in_a_set_) to_notify_[slot] = *ballot;
    const Value value = accepted->value;
    Effects effects = learn_value(slot, value);
    append(effects, proposer_.advance(now_));
    append(effects, lead());
    return effects;
}

// Votes that came before it was known whose count there.
Effects Replica::learn_by_early_votes() {
    Effects effects;
    Slot before{};
    do {
        before = learner_.chosen_prefix();
        append(effects, learn_by_votes(before.next()));
    } while (before < learner_.chosen_prefix());
    return effects;
}

// What a distinguished learner found out by itself and others may not know (S21).
Effects Replica::notify_others() {
    Effects effects;
    std::vector<Notice> notices;
    for (const auto& [slot, ballot] : std::exchange(to_notify_, {})) {
        const bool goes_on = !notices.empty() && notices.back().ballot == ballot &&
                             notices.back().last.next() == slot;
        if (goes_on) {
            notices.back().last = slot;
        } else {
            notices.push_back({ballot, slot, slot});
        }
    }
    for (const Notice& notice : notices) {
        for (const MemberId member : membership_.everyone()) {
            if (member != config_.self) effects.at_once.push_back({member, notice});
        }
    }
    return effects;
}

Effects Replica::on_message(MemberId from, const Notice& notice) {
    hear_of(from, notice.last);
    Effects effects;
    const Slot before = learner_.chosen_prefix();
    const Slot last = std::min(notice.last, before + config_.limits.accept_ahead);
    for (Slot slot = std::max(notice.first, before.next()); slot <= last; slot = slot.next()) {
        const Proposal* accepted = acceptor_.accepted(slot);
        // As for any commit notice: what was accepted here at another ballot may be another value.
        if (learner_.knows(slot) || accepted == nullptr || accepted->ballot != notice.ballot) {
            continue;
        }
        ++learned_by_notice_;
        const Value value = accepted->value;
        append(effects, learn_value(slot, value));
    }
    append(effects, proposer_.advance(now_));
    append(effects, lead());
    append(effects, ask_to_learn(false));
    return effects;
}

Effects Replica::on_message(MemberId from, const Accepted& accepted) {
    if (proposer_.phase() != Proposer::Phase::idle && accepted.ballot == proposer_.ballot()) {
        auto chosen = proposer_.on_accepted(from, accepted);
        return chosen ? learned(chosen->slot, chosen->value) : Effects{};
    }
    tally_.add(from, accepted);
    return learn_by_votes(accepted.slot);
}

Effects Replica::on_message(MemberId from, const Heartbeat& heartbeat) {
    if (heartbeat.ballot < acceptor_.promised()) {
        return {.at_once = {{from, Reject{heartbeat.ballot, acceptor_.promised()}}}};
    }
    follow(from, heartbeat.ballot);
    Effects effects = learner_.on_notice(heartbeat.ballot, heartbeat.chosen_prefix, acceptor_);
    informant_ = from;
    append(effects, ask_to_learn(false));
    if (heartbeat.round > 0) {
        effects.at_once.push_back(
            {from, HeartbeatAck{heartbeat.ballot, heartbeat.round, membership_.executed()}});
    }
    return effects;
}

Effects Replica::on_message(MemberId from, const HeartbeatAck& ack) {
    if (!proposer_.leads() || ack.ballot != proposer_.ballot()) return {};
    auto& executed = executed_by_[from];
    executed = std::max(executed, ack.executed);
    return reader_.on_ack(from, ack.round);
}

Effects Replica::on_message(MemberId from, const Learn& learn) {
    return learner_.on_learn(from, learn);
}

Effects Replica::on_message(MemberId from, const LearnAnswer& answer) {
    Effects effects;
    hear_of(from, answer.chosen_prefix);
    const Slot before = learner_.chosen_prefix();
    Slot slot = answer.from;
    for (const Value& value : answer.values) {
        append(effects, learn_value(slot, value));
        slot = slot.next();
    }
    if (answer.oldest > before.next()) effects.snapshot_wanted = from;
    if (learner_.chosen_prefix() > before) asked_to_learn_.reset();
    append(effects, proposer_.advance(now_));
    append(effects, lead());
    append(effects, ask_to_learn(false));
    return effects;
}

void Replica::hear_of(MemberId from, Slot chosen_prefix) {
    if (chosen_prefix > learner_.heard_of()) informant_ = from;
    learner_.hear_of(chosen_prefix);
}

// A value that another member knows chosen. A leader with another proposal of its own under way in
// that slot has been overtaken: it yields before it uses what it learned, for its commit notices
// would make a lie of it.
Effects Replica::learn_value(Slot slot, const Value& value) {
    if (!proposer_.on_learned(slot, value)) step_down();
    return learned(slot, value);
}

Effects Replica::learned(Slot slot, const Value& value) {
    Effects effects = learner_.on_learned(slot, value, acceptor_);
    // Beyond a gap the acceptor has to know, lest an older ballot overwrite the chosen value.
    if (slot > learner_.chosen_prefix()) acceptor_.on_chosen(slot, value);
    return effects;
}

// Asks for chosen values that are known to exist and are missing here: of the leader, or of
// whoever told of them.
Effects Replica::ask_to_learn(bool again) {
    if (proposer_.leads() && !proposer_.wants_to_learn_from()) return {};
    if (!learner_.is_behind() || (asked_to_learn_ && !again)) return {};
    std::optional<MemberId> whom = proposer_.wants_to_learn_from();
    // A leader that has not been heard for long may be gone for good.
    const bool silent = elector_.would_promise(now_) && informant_;
    if (!whom && leader_ && leader_ != config_.self && !silent) whom = leader_;
    if (!whom) whom = informant_;
    if (!whom || *whom == config_.self) return {};
    asked_to_learn_ = now_;
    return {.at_once = {{*whom, Learn{learner_.chosen_prefix().next()}}}};
}

Effects Replica::on_message(MemberId from, const ReadIndexAsk& ask) {
    // One who does not lead says nothing: the follower asks again, of whoever leads then.
    if (proposer_.leads()) reader_.on_ask(from, ask);
    return {};
}

// An index of a leader that has been replaced may never be reached (learner modes set and
// broadcast: it may lie at what that one had under way); the read was asked of the next one.
Effects Replica::on_message(MemberId from, const ReadIndexAnswer& answer) {
    if (from != leader_) return {};
    return reader_.on_answer(answer);
}

void Replica::check_invariants() const {
    acceptor_.check_invariants();
    proposer_.check_invariants();
    invariant(membership_.executed() <= learner_.chosen_prefix(),
              "only what is chosen is executed");
    invariant(highest_seen_ >= proposer_.ballot(), "an attempted ballot is remembered");
    invariant(tally_.size() <= with_window(config_.limits, membership_.alpha()).accept_ahead,
              "what learners are told is bounded");
    if (proposer_.leads()) {
        invariant(leader_ == config_.self, "who leads believes that it leads");
    }
}

}  // namespace gavel::paxos
