// Core: what its own clients ask of it.

#include <algorithm>

#include "api/member_plan.h"
#include "daemon/core.h"
#include "proto/codec.h"

namespace gavel::daemon {
namespace {

using api::Failure;
using paxos::Tick;

constexpr std::uint64_t resend_after_ms = 1'000;
constexpr std::uint64_t keep_alive_again_ms = 200;
constexpr std::uint64_t hand_over_again_ms = 500;

static_assert(api::Gateway::leases_max <= proto::leases_max);

std::uint64_t ms(std::chrono::milliseconds duration) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0));
}

}  // namespace

void Core::submit(std::uint64_t ticket, api::Submission submission) {
    const auto refuse = [&](Failure::Kind kind) { answer(ticket, Failure{kind}); };
    if (shutting_down_) return refuse(Failure::Kind::shutting_down);
    if (pending_.size() >= config_.limits.submissions) return refuse(Failure::Kind::overloaded);
    // The window of numbers the state remembers must span everything that is outstanding.
    if (!pending_.empty() &&
        last_number_ + 1 - pending_.begin()->first >= machine_.limits().request_window) {
        return refuse(Failure::Kind::overloaded);
    }

    statemachine::DurationMs wait = 0;
    if (const auto acquire = acquire_of(submission.command)) {
        wait = acquire->wait;
        if (wait > 0 && wait_count_ >= config_.limits.waits) {
            return refuse(Failure::Kind::overloaded);
        }
    }
    const std::uint64_t number = ++last_number_;
    const statemachine::Entry entry{.request = {config_.self.number, config_.boot, number},
                                    .idempotency = std::move(submission.idempotency),
                                    .command = std::move(submission.command)};
    Pending& pending = pending_[number];
    pending = {.ticket = ticket,
               .entry = Bytes(proto::encode(entry)),
               .deadline = now_ + ms(submission.timeout) + static_cast<std::uint64_t>(wait),
               .wait = wait,
               .asker = std::move(submission.asker)};
    dispatch(pending);
}

// Hands the command to the leader, if one is known; else it leaves when one is.
void Core::dispatch(Pending& pending) {
    const paxos::MemberId leader = replica_.leader();
    if (!leader) return;
    pending.last_sent = now_;
    if (leader == config_.self) {
        pending.sent = enqueue(pending.entry) || pending.sent;
    } else {
        pending.sent = true;
        send(leader, proto::Forward{pending.entry});
    }
}

// What was sent may be lost with a leader or a connection: everything outstanding goes out again
// now and then. The state's request window sees to it that nothing happens twice.
void Core::resend() {
    for (auto& [number, pending] : pending_) {
        if (now_ - pending.last_sent >= resend_after_ms || !pending.sent) {
            dispatch(pending);
        }
    }
    std::vector<std::uint64_t> unanswered;
    for (const auto& [number, keep_alive] : keep_alives_) {
        if (now_ - keep_alive.last_sent >= keep_alive_again_ms) unanswered.push_back(number);
    }
    for (const std::uint64_t number : unanswered) dispatch_keep_alive(number);
    for (auto& own : hand_overs_) {
        if (now_ - own.last_sent >= hand_over_again_ms || !own.from) dispatch(own);
    }
}

void Core::expire_requests() {
    if (now_ - expired_requests_at_ < 50) return;
    expired_requests_at_ = now_;

    std::erase_if(pending_, [&](const auto& entry) {
        const Pending& pending = entry.second;
        if (pending.deadline > now_) return false;
        answer(pending.ticket,
               Failure{pending.sent ? Failure::Kind::outcome_unknown : Failure::Kind::no_leader});
        return true;
    });
    for (auto it = waits_.begin(); it != waits_.end();) {
        const auto lapsed = std::erase_if(it->second.waiting, [&](const Wait& wait) {
            if (!wait.is_over(now_)) return false;
            answer(wait.ticket, Failure{Failure::Kind::outcome_unknown});
            return true;
        });
        wait_count_ -= lapsed;
        it = it->second.waiting.empty() ? waits_.erase(it) : std::next(it);
    }
    const Failure late{replica_.leader() ? Failure::Kind::timed_out : Failure::Kind::no_leader};
    std::erase_if(reads_, [&](const auto& entry) {
        if (entry.second.deadline > now_) return false;
        turn_.answers.emplace_back(Turn::ReadReady{entry.second.ticket, late});
        step(paxos::ReadGivenUp{entry.first});
        return true;
    });
    std::erase_if(ready_at_, [&](const auto& entry) {
        if (entry.second.deadline > now_) return false;
        turn_.answers.emplace_back(
            Turn::ReadReady{entry.second.ticket, Failure{Failure::Kind::timed_out}});
        return true;
    });
    std::erase_if(keep_alives_, [&](const auto& entry) {
        if (entry.second.deadline > now_) return false;
        turn_.answers.emplace_back(Turn::KeptAlive{entry.second.ticket, late});
        return true;
    });
    std::erase_if(leases_asks_, [&](const auto& entry) {
        if (entry.second.deadline > now_) return false;
        turn_.answers.emplace_back(Turn::Leases{entry.second.ticket, {}});
        return true;
    });
    std::erase_if(hand_overs_, [&](const OwnHandOver& own) {
        if (own.deadline > now_) return false;
        turn_.answers.emplace_back(Turn::HandedOver{own.ticket, late});
        return true;
    });
}

// ---- Reads --------------------------------------------------------------------------------------

void Core::read(std::uint64_t ticket, const api::ReadOptions& options) {
    if (reads_.size() + ready_at_.size() >= config_.limits.reads) {
        turn_.answers.emplace_back(Turn::ReadReady{ticket, Failure{Failure::Kind::overloaded}});
        return;
    }
    const Read read{ticket, options.min_revision, now_ + ms(options.timeout)};
    if (options.stale) {
        ready_at_.emplace(std::max<statemachine::Revision>(options.min_revision, 0), read);
        return;
    }
    const std::uint64_t id = next_read_id();
    reads_.emplace(id, read);
    step(paxos::ReadRequest{id});
}

void Core::on_read_confirmed(const paxos::ReadConfirmed& confirmed) {
    if (confirming_.contains(confirmed.read) || leases_asked_.contains(confirmed.read)) {
        confirmed_at_.emplace(confirmed.index.number, confirmed.read);
        return;
    }
    const auto read = reads_.find(confirmed.read);
    if (read == reads_.end()) return;  // Its time was up.
    read->second.confirmed = true;
    ready_at_.emplace(std::max(confirmed.index.number, read->second.min_revision), read->second);
    reads_.erase(read);
}

void Core::on_question_confirmed(std::uint64_t read) {
    if (const auto keep_alive = confirming_.find(read); keep_alive != confirming_.end()) {
        const Confirming confirming = keep_alive->second;
        confirming_.erase(keep_alive);
        confirm_keep_alive(confirming);
    }
    if (const auto asked = leases_asked_.find(read); asked != leases_asked_.end()) {
        answer_leases(asked->second, true);
        leases_asked_.erase(asked);
    }
}

// An index may lie at what its leader had under way and nobody else heard of: it may never be
// reached under another one.
void Core::ask_reads_again() {
    const auto known = replica_.known_chosen().number;
    for (auto it = ready_at_.begin(); it != ready_at_.end();) {
        const auto& [index, read] = *it;
        if (!read.confirmed || index <= std::max(known, read.min_revision)) {
            ++it;
            continue;
        }
        const std::uint64_t id = next_read_id();
        reads_.emplace(id, read);
        step(paxos::ReadRequest{id});
        it = ready_at_.erase(it);
    }
}

void Core::serve_ready_reads() {
    while (!confirmed_at_.empty() && confirmed_at_.begin()->first <= machine_.applied()) {
        on_question_confirmed(confirmed_at_.begin()->second);
        confirmed_at_.erase(confirmed_at_.begin());
    }
    while (!ready_at_.empty() && ready_at_.begin()->first <= machine_.applied()) {
        ++reads_served_;
        turn_.answers.emplace_back(Turn::ReadReady{ready_at_.begin()->second.ticket, {}});
        ready_at_.erase(ready_at_.begin());
    }
}

// ---- Keep-alives --------------------------------------------------------------------------------

void Core::keep_alive(std::uint64_t ticket, statemachine::SessionId session,
                      std::uint64_t timeout_ms) {
    if (keep_alives_.size() >= config_.limits.keep_alives) {
        turn_.answers.emplace_back(Turn::KeptAlive{ticket, Failure{Failure::Kind::overloaded}});
        return;
    }
    const std::uint64_t number = ++last_question_;
    keep_alives_[number] = {.ticket = ticket, .session = session, .deadline = now_ + timeout_ms};
    dispatch_keep_alive(number);
}

void Core::dispatch_keep_alive(std::uint64_t number) {
    const paxos::MemberId leader = replica_.leader();
    if (!leader) return;
    auto& own = keep_alives_.at(number);
    own.last_sent = now_;
    const proto::KeepAlive question{number, own.session};
    if (leader == config_.self) {
        on(config_.self, question);
    } else {
        send(leader, question);
    }
}

void Core::on(paxos::MemberId, const proto::KeepAliveAnswer& answer) {
    using Verdict = proto::KeepAliveAnswer::Verdict;
    const auto own = keep_alives_.find(answer.number);
    if (own == keep_alives_.end()) return;
    if (answer.verdict == Verdict::not_leader) return;  // Asked again of the next one.
    turn_.answers.emplace_back(Turn::KeptAlive{
        own->second.ticket,
        api::KeptAlive{answer.verdict == Verdict::kept,
                       std::chrono::milliseconds(answer.expires_in), answer.leader_start}});
    keep_alives_.erase(own);
}

// ---- Leases -------------------------------------------------------------------------------------

// Asked once: whoever looks at a session would rather do without than wait.
void Core::leases(std::uint64_t ticket, std::vector<statemachine::SessionId> sessions,
                  std::uint64_t timeout_ms) {
    const paxos::MemberId leader = replica_.leader();
    if (!leader || leases_asks_.size() >= config_.limits.lease_questions ||
        sessions.size() > proto::leases_max) {
        turn_.answers.emplace_back(Turn::Leases{ticket, {}});
        return;
    }
    proto::LeasesAsk ask{++last_question_, std::move(sessions)};
    leases_asks_[ask.number] = {ticket, now_ + timeout_ms};
    if (leader == config_.self) {
        on(config_.self, std::move(ask));
    } else {
        send(leader, std::move(ask));
    }
}

void Core::on(paxos::MemberId, const proto::LeasesAnswer& answer) {
    const auto own = leases_asks_.find(answer.number);
    if (own == leases_asks_.end()) return;
    api::Leases leases;
    for (const auto& lease : answer.leases) {
        leases.emplace(lease.session, std::chrono::milliseconds(lease.expires_in));
    }
    turn_.answers.emplace_back(Turn::Leases{own->second.ticket, std::move(leases)});
    leases_asks_.erase(own);
}

// ---- Leadership ---------------------------------------------------------------------------------

void Core::hand_over(std::uint64_t ticket, api::HandOverWish wish, std::uint64_t timeout_ms) {
    if (hand_overs_.size() >= config_.limits.hand_overs) {
        turn_.answers.emplace_back(Turn::HandedOver{ticket, Failure{Failure::Kind::overloaded}});
        return;
    }
    hand_overs_.push_back(
        {.ticket = ticket, .wish = wish, .from = {wish.instead_of}, .deadline = now_ + timeout_ms});
    dispatch(hand_overs_.back());
}

void Core::dispatch(OwnHandOver& own) {
    const paxos::MemberId leader = replica_.leader();
    if (!leader) return;
    // Once another one leads than who was to cease to, there is nothing to ask for any more.
    if (!own.from) own.from = leader;
    const auto to = own.wish.to;
    if (leader.number == to || (to == 0 && leader != own.from)) return;
    own.last_sent = now_;
    const proto::HandOverAsk ask{to, own.wish.force};
    if (leader == config_.self) {
        on(config_.self, ask);
    } else {
        send(leader, ask);
    }
}

void Core::on(paxos::MemberId, const proto::HandOverAsk& ask) {
    if (replica_.role() != paxos::Role::leader) return;
    if (ask.to == 0) {
        const auto best = successor(ask.force ? Fitness::any : Fitness::near);
        if (best) step(paxos::Transfer{*best});
    } else if (ask.force || is_near({ask.to})) {
        step(paxos::Transfer{{ask.to}});
    }
}

void Core::answer_hand_overs() {
    const paxos::MemberId leader = replica_.leader();
    // Who is cut off goes on believing in the leader that it followed last.
    if (hand_overs_.empty() || !leader || !replica_.hears_leader()) return;
    if (leader == config_.self && !leader_started_) return;
    std::erase_if(hand_overs_, [&](const OwnHandOver& own) {
        const bool done =
            own.wish.to != 0 ? leader.number == own.wish.to : own.from && leader != own.from;
        if (!done) return false;
        turn_.answers.emplace_back(
            Turn::HandedOver{own.ticket, api::Led{leader.number, replica_.ballot().number()}});
        return true;
    });
}

// It leaves in any case: who is far behind is better than nobody.
void Core::begin_shutdown() {
    shutting_down_ = true;
    if (replica_.role() != paxos::Role::leader) return;
    if (const auto best = successor(Fitness::any)) step(paxos::Transfer{*best});
}

// One that is not would depose this leader, and only then learn. It may be the one that asks.
bool Core::is_near(paxos::MemberId member) const {
    const auto executed = replica_.executed_by(member);
    return executed && replica_.chosen_prefix() <= *executed + api::caught_up_lag_max;
}

// The best informed of those who are there: what a member has executed is remembered when it has
// died.
std::optional<paxos::MemberId> Core::successor(Fitness fitness) const {
    const auto& membership = replica_.membership();
    const auto& epoch = membership.epoch_of(membership.executed().next());
    std::optional<paxos::MemberId> best;
    for (const auto voter : epoch.voters) {
        if (voter == config_.self || !replica_.executed_by(voter) || !in_touch(voter)) continue;
        const auto report = reports_.find(voter);
        const bool full = report != reports_.end() && report->second.report.lacks_room;
        if (fitness == Fitness::near_with_room && full) continue;
        if (fitness != Fitness::any && !is_near(voter)) continue;
        if (!best || *replica_.executed_by(*best) < *replica_.executed_by(voter)) best = voter;
    }
    return best;
}

}  // namespace gavel::daemon
