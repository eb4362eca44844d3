// Core: what it does with a command that is chosen.

#include <utility>

#include "base/invariant.h"
#include "daemon/core.h"
#include "daemon/roster.h"
#include "proto/codec.h"

namespace gavel::daemon {

using statemachine::Revision;

void Core::execute(const paxos::Chosen& chosen) {
    const Revision slot = chosen.slot.number;
    if (chosen.value.is_noop()) {
        machine_.apply_noop(slot);
    } else {
        auto entry = proto::decode_entry(chosen.value.command.view());
        // Skipping it would let this member's state drift from the others' (pitfall 34).
        invariant(entry.has_value(), "a chosen command is of a format this version knows");
        auto applied = machine_.apply(slot, *entry);
        settle(*entry, applied);  // First: the rows move on below.
        for (auto& row : applied.changed) {
            const auto* change = std::get_if<statemachine::Ptr<statemachine::Change>>(&row.value);
            if (change != nullptr) turn_.changes.push_back(*change);
            if (row.key.table == statemachine::Table::schemas) turn_.schemas_changed = true;
            mark_dirty(std::move(row));
        }
    }
    if (slot % HashBook::every_slots == 0) {
        hashes_.note_own(chosen.slot, machine_.hash());
        check_for_divergence();
    }

    paxos::Executed executed{chosen.slot, {}};
    const auto& newest = machine_.globals().epochs.back();
    if (newest.first_slot == slot + machine_.globals().alpha) executed.left = to_paxos(newest);
    step(executed);
}

std::optional<Core::Acquire> Core::acquire_of(const statemachine::Command& command) {
    if (const auto* one = std::get_if<statemachine::AcquireLock>(&command)) {
        return Acquire{one->session, &one->name, one->wait};
    }
    if (const auto* several = std::get_if<statemachine::AcquireLocks>(&command)) {
        return Acquire{several->session, &several->locks.front().name, several->wait};
    }
    return std::nullopt;
}

// Tells whoever waited for this command, or for what it changed.
void Core::settle(const statemachine::Entry& entry, const statemachine::Applied& applied) {
    using namespace statemachine;

    for (const auto& event : applied.events) {
        const auto* lock = std::get_if<LockEvent>(&event.body);
        if (lock != nullptr && lock->change == LockEvent::Change::acquired) {
            leases_.on_grant(lock->session, now_);
            answer_wait({lock->session, lock->lock},
                        LockGranted{lock->token, machine_.globals().time, true});
        }
    }
    if (leader_start_ && entry.request == *leader_start_) start_leading();
    if (leader_started_ && !applied.repeated) time_what_began(entry, applied);
    if (entry.request.member == config_.self.number && entry.request.boot == config_.boot) {
        answer_own(entry, applied);
    }
    end_waits(entry, applied);
}

// The leader's timers of what the command began.
void Core::time_what_began(const statemachine::Entry& entry, const statemachine::Applied& applied) {
    using namespace statemachine;

    const auto ttl_of = [this](SessionId id) -> std::uint64_t {
        const auto session = machine_.session(id);
        return session == nullptr ? 0 : static_cast<std::uint64_t>(session->ttl);
    };
    if (const auto* opened = std::get_if<SessionOpened>(&applied.outcome)) {
        if (const auto ttl = ttl_of(opened->session)) leases_.renew(opened->session, ttl, now_);
    }
    if (const auto* granted = std::get_if<LockGranted>(&applied.outcome)) {
        if (const auto ttl = ttl_of(granted->session)) leases_.renew(granted->session, ttl, now_);
    }
    const auto acquire = acquire_of(entry.command);
    const auto* queued = std::get_if<LockQueued>(&applied.outcome);
    if (acquire && queued != nullptr) {
        const auto wait = static_cast<std::uint64_t>(acquire->wait);
        const bool opened = queued->session != 0;
        const SessionId session = opened ? queued->session : acquire->session;
        leases_.add_wait(*acquire->lock, session, queued->attempt, wait, now_);
        if (opened) leases_.hold(session, ttl_of(session), wait, now_);
    }
    for (const auto& row : applied.changed) {
        const auto* lock = std::get_if<Ptr<Lock>>(&row.value);
        if (lock == nullptr || (*lock)->delay == 0) continue;
        if ((*lock)->delayed_at != applied.revision) continue;
        leases_.add_delay((*lock)->name, (*lock)->delayed_at,
                          static_cast<std::uint64_t>((*lock)->delay), now_);
    }
}

// The command was an own client's.
void Core::answer_own(const statemachine::Entry& entry, const statemachine::Applied& applied) {
    const auto found = pending_.find(entry.request.number);
    if (found == pending_.end()) return;
    const Pending pending = std::move(found->second);
    pending_.erase(found);

    const auto acquire = acquire_of(entry.command);
    const auto* queued = std::get_if<statemachine::LockQueued>(&applied.outcome);
    if (!acquire || queued == nullptr) {
        answer(pending.ticket, api::Executed{applied.revision, applied.repeated, applied.outcome,
                                             machine_.applied(), applied.got});
        return;
    }
    // Not final: the client waits on, and for a repeat the wait may be over already.
    const bool opened = queued->session != 0;
    const Waiting waiting{opened ? queued->session : acquire->session, *acquire->lock};
    if (pending.ticket != 0) {
        waits_[waiting].push_back({pending.ticket, pending.deadline, opened});
        ++wait_count_;
    }
    check_wait(waiting);
}

// Commands that may end waits other than by a grant.
void Core::end_waits(const statemachine::Entry& entry, const statemachine::Applied& applied) {
    using namespace statemachine;

    if (const auto* leave = std::get_if<LeaveQueue>(&entry.command)) {
        if (std::holds_alternative<LockHeld>(applied.outcome)) {
            answer_wait({leave->session, leave->name}, applied.outcome);
        }
        check_waits(leave->session);
        on_ended(leave->session);
    } else if (const auto* release = std::get_if<ReleaseLock>(&entry.command)) {
        if (release->session) check_waits(*release->session);
    } else if (const auto acquire = acquire_of(entry.command)) {
        check_waits(acquire->session);
        on_ended(acquire->session);
    } else if (const auto* end = std::get_if<EndSession>(&entry.command)) {
        on_ended(end->session);
    } else if (const auto* expire = std::get_if<ExpireSession>(&entry.command)) {
        on_ended(expire->session);
    } else if (const auto* lapse = std::get_if<ExpireSessions>(&entry.command)) {
        for (const SessionId session : lapse->sessions) on_ended(session);
        if (leader_started_ && lapse->leader_start == machine_.globals().leader_start) {
            leases_.on_batch_executed();
        }
    }
    // A session may go with the last lock that it lets go of.
    for (const auto& event : applied.events) {
        const auto* lock = std::get_if<LockEvent>(&event.body);
        if (lock == nullptr || lock->change == LockEvent::Change::acquired) continue;
        on_ended(lock->session);
    }
}

// A command may have ended it: those who wait with it are told.
void Core::on_ended(statemachine::SessionId session) {
    if (leader_started_) leases_.on_ended(session, machine_);
    if (machine_.session(session) != nullptr) return;
    for (auto it = waits_.lower_bound({session, ""});
         it != waits_.end() && it->first.first == session;) {
        const Waiting waiting = it->first;
        ++it;
        answer_wait(waiting, statemachine::SessionNotFound{session});
    }
}

void Core::check_waits(statemachine::SessionId session) {
    for (auto it = waits_.lower_bound({session, ""});
         it != waits_.end() && it->first.first == session;) {
        const Waiting waiting = it->first;
        ++it;
        check_wait(waiting);
    }
}

// Answers those who wait when the state says that their wait is over.
void Core::check_wait(const Waiting& waiting) {
    if (!waits_.contains(waiting)) return;
    const auto& [session, name] = waiting;
    if (machine_.session(session) == nullptr) {
        answer_wait(waiting, statemachine::SessionNotFound{session});
        return;
    }
    if (const auto own = machine_.holder(name, session)) {
        answer_wait(waiting, statemachine::LockGranted{own->token, own->since, true});
    } else if (machine_.position(name, session) == 0) {
        statemachine::LockHeld held;
        const auto lock = machine_.lock(name, {.holders = 1, .waiters = 0});
        if (lock && !lock->holders.empty()) {
            held.holder = lock->holders.front()->session;
            held.token = lock->holders.front()->token;
            held.others = lock->holder_count - 1;
        }
        answer_wait(waiting, held);
    }
}

void Core::answer_wait(const Waiting& waiting, const statemachine::Outcome& outcome) {
    const auto found = waits_.find(waiting);
    if (found == waits_.end()) return;
    Revision revision = machine_.applied();
    if (const auto* granted = std::get_if<statemachine::LockGranted>(&outcome)) {
        revision = granted->token;
    }
    for (const Wait& wait : found->second) {
        statemachine::Outcome told = outcome;
        if (wait.opened_session) {
            auto* granted = std::get_if<statemachine::LockGranted>(&told);
            if (granted != nullptr) granted->session = waiting.first;
            // The client never knew of that session: it has not got the lock, and that is all.
            if (std::holds_alternative<statemachine::SessionNotFound>(told)) {
                told = statemachine::LockHeld{};
            }
        }
        answer(wait.ticket, api::Executed{revision, false, told, machine_.applied()});
    }
    wait_count_ -= found->second.size();
    waits_.erase(found);
}

void Core::answer(std::uint64_t ticket, api::SubmitResult result) {
    if (ticket != 0) turn_.answers.emplace_back(Turn::Submitted{ticket, std::move(result)});
}

}  // namespace gavel::daemon
