#include "paxos/proposer.h"

#include <algorithm>
#include <utility>

#include "base/invariant.h"

namespace gavel::paxos {

Proposer::Proposer(MemberId self, Limits limits, const Membership& membership,
                   const Learner& learner, LearnerMode learner_mode)
    : self_(self),
      limits_(limits),
      membership_(membership),
      learner_(learner),
      learner_mode_(learner_mode) {}

Effects Proposer::start(Ballot ballot, Tick now) {
    invariant(ballot > ballot_, "a ballot is used once");
    abandon();
    phase_ = Phase::recovering;
    ballot_ = ballot;
    next_ = learner_.chosen_prefix().next();
    highest_reported_ = learner_.highest();
    waits_to_learn_at_ = {};
    Effects effects;
    effects.records.emplace_back(AttemptRecord{ballot});
    // Whether or not it has a vote in the first slot: from here on no older leader is followed.
    prepare_sent_[self_] = now;
    effects.at_once.push_back({self_, Prepare{ballot_, next_}});
    append(effects, advance(now));
    return effects;
}

void Proposer::abandon() {
    phase_ = Phase::idle;
    next_is_free_ = false;
    settled_epoch_ = 0;
    promises_.clear();
    prepare_sent_.clear();
    flights_.clear();
    learn_from_.reset();
}

Effects Proposer::on_promise(MemberId from, const Promise& promise, Tick now) {
    if (phase_ == Phase::idle || promise.ballot != ballot_) return {};

    Promised& known = promises_[from];
    if (known.boot > promise.boot) return {};
    if (known.boot < promise.boot) known = {.boot = promise.boot};
    known.covered[promise.first] = std::max(known.covered[promise.first], promise.last);
    for (const auto& [slot, report] : promise.reports) {
        known.reports[slot] = report;
        highest_reported_ = std::max(highest_reported_, slot);
    }
    known.chosen_prefix = std::max(known.chosen_prefix, promise.chosen_prefix);
    highest_reported_ = std::max(highest_reported_, promise.chosen_prefix);
    return advance(now);
}

std::optional<Slot> Proposer::covered_to(const Promised& promised, Slot slot) const {
    const auto after = promised.covered.upper_bound(slot);
    if (after == promised.covered.begin() || std::prev(after)->second < slot) return std::nullopt;
    return std::prev(after)->second;
}

Proposer::Standing Proposer::standing_of(Slot slot) const {
    const Epoch& epoch = membership_.epoch_of(slot);
    Votes reporters;
    Votes open_ended;
    const Proposal* highest = nullptr;
    const Promised* best_knower = nullptr;
    Standing standing{};
    for (const auto& [member, promised] : promises_) {
        // Known chosen there, so never "none"; the value itself is to be learned (S30).
        if (slot <= promised.chosen_prefix) {
            const bool knows_more =
                best_knower == nullptr || promised.chosen_prefix > best_knower->chosen_prefix;
            if (!promised.set_aside && knows_more) {
                best_knower = &promised;
                standing.knower = member;
            }
            continue;
        }
        const auto covered = covered_to(promised, slot);
        if (!epoch.has_voter(member) || !covered) continue;
        const auto report = promised.reports.find(slot);
        if (report != promised.reports.end()) {
            const auto* proposal = std::get_if<Proposal>(&report->second);
            if (proposal == nullptr) continue;  // Faulty is not "none".
            if (highest == nullptr || highest->ballot < proposal->ballot) highest = proposal;
        }
        reporters.add(member);
        if (*covered == last_slot) open_ended.add(member);
    }
    standing.open_ended = open_ended.is_quorum(epoch);

    if (best_knower != nullptr) {
        standing.kind = Standing::Kind::to_learn;
    } else if (!reporters.is_quorum(epoch)) {
        standing.kind = Standing::Kind::unknown;
    } else if (highest != nullptr) {
        standing.kind = Standing::Kind::bound;
        standing.value = highest->value;
    } else {
        standing.kind = Standing::Kind::free;
    }
    return standing;
}

Effects Proposer::advance(Tick now) {
    Effects effects;
    if (phase_ == Phase::idle) return effects;

    learn_from_.reset();
    next_is_free_ = false;
    for (; next_ <= membership_.window_end(); next_ = next_.next()) {
        if (learner_.knows(next_)) continue;
        Standing standing = standing_of(next_);
        switch (standing.kind) {
            case Standing::Kind::unknown:
                // A leader that is removed from here on leaves its successors' acceptors alone.
                if (may_lead_on()) prepare_missing(next_, now, effects);
                return effects;
            case Standing::Kind::to_learn:
                if (waits_to_learn_at_ != next_) waits_to_learn_since_ = now;
                waits_to_learn_at_ = next_;
                learn_from_ = standing.knower;
                return effects;
            case Standing::Kind::bound:
                ++reached_.values_proposed_again;
                recovered_ = next_;
                send_accepts(next_, std::move(standing.value), now, effects);
                break;
            case Standing::Kind::free:
                if (next_ <= highest_reported_) {
                    ++reached_.gaps_filled;
                    recovered_ = next_;
                    send_accepts(next_, Value{}, now, effects);
                    break;
                }
                if (!may_lead_on()) return effects;
                next_is_free_ = true;
                // Later parts of the promises may still be missing.
                settled_epoch_ = standing.open_ended ? membership_.epoch_of(next_).number : 0;
                if (phase_ == Phase::recovering) recovered_ = {next_.number - 1};
                phase_ = Phase::leading;
                return effects;
        }
    }
    return effects;
}

void Proposer::prepare_missing(Slot slot, Tick now, Effects& effects) {
    for (const MemberId member : membership_.epoch_of(slot).voters) {
        const auto promised = promises_.find(member);
        if (promised != promises_.end() && covered_to(promised->second, slot)) continue;
        if (prepare_sent_.contains(member)) continue;
        prepare_sent_[member] = now;
        if (phase_ == Phase::leading) ++reached_.epochs_prepared_late;
        // Its own acceptor hears of it within this step; the others only once the attempt is
        // durable, however late the Prepare is sent (S17).
        auto& way = member == self_ ? effects.at_once : effects.once_durable;
        way.push_back({member, Prepare{ballot_, slot}});
    }
}

void Proposer::send_accepts(Slot slot, Value value, Tick now, Effects& effects) {
    const Epoch& epoch = membership_.epoch_of(slot);
    const Accept accept{ballot_, slot, value, learner_.chosen_prefix(), learner_mode_};
    for (const auto* group : {&epoch.voters, &epoch.learners}) {
        for (const MemberId member : *group) effects.at_once.push_back({member, accept});
    }
    const bool added =
        flights_
            .emplace(slot, Flight{.value = std::move(value), .first_sent = now, .last_sent = now})
            .second;
    invariant(added, "one value is proposed at one ballot in one slot");
}

bool Proposer::can_propose() const {
    // What was learned meanwhile is not proposed in: the next commit notice would make a lie of it.
    return phase_ == Phase::leading && next_is_free_ && !learner_.knows(next_);
}

bool Proposer::may_lead_on() const { return membership_.may_lead(self_, next_); }

bool Proposer::is_done() const {
    return phase_ != Phase::idle && flights_.empty() && membership_.executed().next() >= next_ &&
           !may_lead_on();
}

bool Proposer::next_needs_no_look() const {
    return settled_epoch_ != 0 && next_ <= membership_.window_end() && next_ > highest_reported_ &&
           membership_.epoch_of(next_).number == settled_epoch_ && !learner_.knows(next_);
}

Effects Proposer::propose(Value value, Tick now) {
    invariant(can_propose(), "a leader proposes only in a free slot within the window (S32)");
    Effects effects;
    send_accepts(next_, std::move(value), now, effects);
    next_ = next_.next();
    if (!next_needs_no_look()) append(effects, advance(now));
    return effects;
}

std::optional<Chosen> Proposer::on_accepted(MemberId from, const Accepted& accepted) {
    if (accepted.ballot != ballot_) return std::nullopt;
    const auto flight = flights_.find(accepted.slot);
    if (flight == flights_.end()) return std::nullopt;
    flight->second.votes.add(from);
    if (!flight->second.votes.is_quorum(membership_.epoch_of(accepted.slot))) return std::nullopt;
    Chosen chosen{accepted.slot, std::move(flight->second.value)};
    flights_.erase(flight);
    return chosen;
}

bool Proposer::on_learned(Slot slot, const Value& value) {
    const auto flight = flights_.find(slot);
    if (flight == flights_.end()) return true;
    if (flight->second.value != value) return false;
    // A value proposed again, which is the rule when a better informed member answers late.
    flights_.erase(flight);
    return true;
}

Effects Proposer::on_tick(Tick now, std::uint64_t retransmit_ms, std::uint64_t patience_ms) {
    Effects effects;
    if (phase_ == Phase::idle) return effects;

    std::erase_if(prepare_sent_,
                  [&](const auto& sent) { return now - sent.second >= retransmit_ms; });
    if (learn_from_ && waits_to_learn_at_ == next_ && now - waits_to_learn_since_ >= patience_ms) {
        // Its values cannot be had: recover the slot from a majority of others that all report on
        // it, once there is one.
        ++reached_.promises_set_aside;
        promises_[*learn_from_].set_aside = true;
    }
    append(effects, advance(now));

    std::size_t sent = 0;
    for (auto& [slot, flight] : flights_) {
        if (sent == limits_.retransmissions) break;
        if (now - flight.last_sent < retransmit_ms) continue;
        flight.last_sent = now;
        ++sent;
        for (const MemberId member : membership_.epoch_of(slot).voters) {
            if (member == self_ || flight.votes.has(member)) continue;
            effects.at_once.push_back({member, Accept{ballot_, slot, flight.value,
                                                      learner_.chosen_prefix(), learner_mode_}});
        }
    }
    return effects;
}

std::optional<Tick> Proposer::own_vote_outstanding() const {
    for (const auto& [slot, flight] : flights_) {
        if (membership_.epoch_of(slot).has_voter(self_) && !flight.votes.has(self_)) {
            return flight.first_sent;
        }
    }
    return std::nullopt;
}

void Proposer::check_invariants() const {
    if (phase_ == Phase::idle) {
        invariant(flights_.empty(), "who does not lead has nothing open");
        return;
    }
    invariant(next_ <= membership_.window_end().next(), "nothing is proposed beyond the window");
    invariant(flights_.size() <= membership_.alpha(), "at most alpha slots are open");
    if (!flights_.empty()) {
        invariant(flights_.rbegin()->first < next_, "open slots lie before the next free one");
    }
    for (const auto& [slot, flight] : flights_) {
        invariant(!learner_.knows(slot), "what is known chosen is not under way");
    }
}

}  // namespace gavel::paxos
