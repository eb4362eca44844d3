// Core: what it does while its replica leads.

#include <algorithm>

#include "base/invariant.h"
#include "daemon/core.h"
#include "proto/codec.h"

namespace gavel::daemon {

using paxos::Role;

void Core::on_role(const paxos::RoleReport& role) {
    turn_.roles.push_back(role);
    if (role.role != Role::leader) {
        leader_start_.reset();
        leader_started_ = false;
        leases_.clear();
        for (const auto& [read, confirming] : confirming_) step(paxos::ReadGivenUp{read});
        confirming_.clear();
        for (const auto& [read, asked] : std::exchange(leases_asked_, {})) {
            step(paxos::ReadGivenUp{read});
            answer_leases(asked, false);
        }
        confirmed_at_.clear();
        // What waits here for the window was sent by origins that will send it again, elsewhere.
        queue_.clear();
        queue_bytes_ = 0;
    } else if (!leader_start_) {
        led_since_ = now_;
        // The first own command of a leader (docs/paxos.md): expiries of its predecessors have no
        // effect after it. It takes no number of the request window: what clients still wait for
        // must not fall out of that behind it. The ballot names it well enough.
        leader_start_ = {.number = role.ballot.number()};
        const statemachine::Entry entry{.request = *leader_start_,
                                        .stamp = wall_,
                                        .command = statemachine::LeaderStart{config_.self.number}};
        invariant(replica_.can_propose(), "a new leader stands at a free slot");
        step(paxos::Propose{{Bytes(proto::encode(entry))}});
    }
    // Commands that were handed to an earlier leader go to the new one.
    if (role.leader) {
        for (auto& [number, pending] : pending_) dispatch(pending);
        for (auto& [number, keep_alive] : keep_alives_) keep_alive.last_sent = {};
        ask_reads_again();
    }
}

// Its LeaderStart is executed: everything that earlier leaders proposed is, too. From here on
// sessions have a full time to live.
void Core::start_leading() {
    if (replica_.role() != Role::leader) return;
    leader_started_ = true;
    leases_.start(machine_, now_);
}

void Core::on(paxos::MemberId from, proto::Forward forward) {
    if (replica_.role() != Role::leader) return;
    // What is chosen must be executed by every member: nothing is proposed that cannot be read.
    // Each forwards what it numbered itself, or a window of requests would be kept for anybody.
    const auto entry = proto::decode_entry(forward.entry.view());
    if (!entry || entry->request.member != from.number || entry->spares_room) return;
    // A full queue says nothing: the origin sends again, or gives up at its deadline.
    enqueue(std::move(forward.entry));
}

bool Core::enqueue(Bytes entry) {
    const bool full = queue_.size() >= config_.limits.queued_commands ||
                      queue_bytes_ + entry.size() > config_.limits.queued_bytes;
    if (full || replica_.role() != Role::leader) return false;
    queue_bytes_ += entry.size();
    queue_.push_back(std::move(entry));
    return true;
}

// An own command that no client waits for, and that is not proposed again when it is lost: the next
// leader has timers of its own. It has a reserve in the queue that clients cannot fill.
// What the leader has to say itself is not shut out by clients who fill the queue, but bounded.
std::size_t Core::room_for_own() const {
    const std::size_t most = config_.limits.queued_commands + config_.limits.pace.commands;
    return most - std::min(most, queue_.size());
}

void Core::propose_own(statemachine::Command command) {
    Bytes entry(proto::encode(statemachine::Entry{.command = std::move(command)}));
    queue_bytes_ += entry.size();
    queue_.push_back(std::move(entry));
}

void Core::hold_back(bool held) {
    if (!held) {
        held_back_since_.reset();
    } else if (!held_back_since_) {
        held_back_since_ = now_;
    } else if (now_ - *held_back_since_ > held_back_ms_max) {
        leave_leading();
    }
}

void Core::on_overload(bool overloaded) {
    overloaded_ = overloaded;
    if (overloaded) leave_leading();
}

// Logs fill alike, and disks are slow alike: where nobody has room another leader would be no
// better off, and one that is far behind would learn first, while nobody leads.
void Core::leave_leading() {
    if (replica_.role() != Role::leader ||
        now_ - std::max(left_leading_at_, led_since_) <= held_back_ms_max) {
        return;
    }
    left_leading_at_ = now_;
    if (const auto best = successor(Fitness::near_with_room)) step(paxos::Transfer{*best});
}

void Core::pump() {
    if (held_back_since_) return;
    const bool spares_room = !queue_.empty() && room_is_spared();
    while (!queue_.empty() && replica_.can_propose()) {
        const Bytes entry = std::move(queue_.front());
        queue_.pop_front();
        queue_bytes_ -= entry.size();
        ++proposals_;
        step(paxos::Propose{{Bytes(proto::with_stamp(entry.view(), wall_, spares_room))}});
    }
}

// Nobody is asked to hold more than it can: a state that one member has no room for would be the
// end of that member.
bool Core::room_is_spared() const {
    return spares_room_ || std::ranges::any_of(reports_, [&](const auto& one) {
               return one.second.report.spares_room && in_touch(one.first);
           });
}

void Core::run_leader_timers() {
    if (!leader_started_) return;
    tend_members();
    leases_.on_tick(now_);
    // A timer gives its command out once: only what finds room is taken now.
    LeaseBook::Pace pace = config_.limits.pace;
    pace.commands = std::min(pace.commands, room_for_own());
    for (auto& command : leases_.due(now_, pace, machine_.globals().leader_start)) {
        propose_own(std::move(command));
    }
}

// A keep-alive counts only once a majority confirmed, after it arrived, that this member still
// leads: otherwise a new leader may have let the session lapse already.
void Core::on(paxos::MemberId from, const proto::KeepAlive& keep_alive) {
    const Confirming confirming{from, keep_alive.number, keep_alive.session};
    if (!leader_started_ || confirming_.size() >= config_.limits.keep_alives) {
        answer_keep_alive(confirming, {.verdict = proto::KeepAliveAnswer::Verdict::not_leader});
        return;
    }
    const std::uint64_t id = next_read_id();
    confirming_.emplace(id, confirming);
    step(paxos::ReadRequest{id});
}

void Core::confirm_keep_alive(Confirming confirming) {
    using Verdict = proto::KeepAliveAnswer::Verdict;
    const auto session = machine_.session(confirming.session);
    if (session == nullptr ||
        !leases_.renew(session->id, static_cast<std::uint64_t>(session->ttl), now_)) {
        answer_keep_alive(confirming, {.verdict = Verdict::not_found});
        return;
    }
    answer_keep_alive(confirming, {.verdict = Verdict::kept,
                                   .expires_in = session->ttl,
                                   .leader_start = machine_.globals().leader_start});
}

void Core::answer_keep_alive(const Confirming& confirming, proto::KeepAliveAnswer answer) {
    answer.number = confirming.number;
    if (confirming.from == config_.self) {
        on(config_.self, answer);
    } else {
        send(confirming.from, answer);
    }
}

// What a deposed leader believes of sessions is not worth telling: confirmed like a read.
void Core::on(paxos::MemberId from, proto::LeasesAsk ask) {
    LeasesAsked asked{from, std::move(ask)};
    if (!leader_started_ || leases_asked_.size() >= config_.limits.lease_questions) {
        return answer_leases(asked, false);
    }
    const std::uint64_t id = next_read_id();
    leases_asked_.emplace(id, std::move(asked));
    step(paxos::ReadRequest{id});
}

void Core::answer_leases(const LeasesAsked& asked, bool confirmed) {
    proto::LeasesAnswer answer{.number = asked.ask.number};
    if (confirmed) {
        for (const auto session : asked.ask.sessions) {
            const auto left = leases_.expires_in(session, now_);
            if (left) answer.leases.push_back({session, *left});
        }
    }
    if (asked.from == config_.self) {
        on(config_.self, answer);
    } else {
        send(asked.from, std::move(answer));
    }
}

}  // namespace gavel::daemon
