// Core: what it does with a command that is chosen.

#include <utility>

#include "base/invariant.h"
#include "daemon/core.h"
#include "daemon/roster.h"
#include "proto/codec.h"
#include "statemachine/rows.h"

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
        }
        if (lock != nullptr && lock->is_forced() && leader_started_) {
            turn_.forced.push_back(event);
        }
    }
    if (leader_start_ && entry.request == *leader_start_) start_leading();
    if (leader_started_) time_what_began(entry, applied);
    tell_who_waits(entry, applied);
    if (entry.request.member == config_.self.number && entry.request.boot == config_.boot) {
        answer_own(entry, applied);
    }
    if (leader_started_) end_leases(entry, applied);
}

// The leader's timers of what the command began and ended.
void Core::time_what_began(const statemachine::Entry& entry, const statemachine::Applied& applied) {
    using namespace statemachine;

    for (const auto& row : applied.changed) {
        if (row.key.table == Table::waiters) {
            const auto* waiter = std::get_if<Ptr<Waiter>>(&row.value);
            if (waiter != nullptr) {
                leases_.add_wait(**waiter, now_);
            } else {
                leases_.end_wait(place_in(row.key));
            }
        } else if (row.key.table == Table::locks) {
            const auto* lock = std::get_if<Ptr<Lock>>(&row.value);
            if (lock == nullptr || (*lock)->delay == 0) {
                leases_.end_delay(row.key.key);
            } else if ((*lock)->delayed_at == machine_.applied()) {
                leases_.add_delay(**lock, now_);
            }
        }
    }
    if (applied.repeated) return;

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
    if (acquire && queued != nullptr && queued->session != 0) {
        leases_.hold(queued->session, ttl_of(queued->session),
                     static_cast<std::uint64_t>(acquire->wait), now_);
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
    if (pending.ticket == 0) return;
    const bool opened = queued->session != 0;
    const auto session = opened ? queued->session : acquire->session;
    const Wait wait{pending.ticket, pending.deadline, queued->attempt, opened, pending.asker};
    const Revision place = machine_.place(*acquire->lock, session);
    if (place == 0) {
        return tell(wait, session, end_of_wait(session, *acquire->lock, nullptr));
    }
    Waits& waits = waits_[place];
    waits.session = session;
    waits.lock = *acquire->lock;
    waits.waiting.push_back(wait);
    ++wait_count_;
}

// The places that the command took from those who stood there, and those that were asked for again.
// No other ones are looked at, however many a session has.
void Core::tell_who_waits(const statemachine::Entry& entry, const statemachine::Applied& applied) {
    using namespace statemachine;

    SessionId asked_by = 0;  // Whose own wait the command may have ended without a grant.
    if (const auto* leave = std::get_if<LeaveQueue>(&entry.command)) asked_by = leave->session;
    if (const auto acquire = acquire_of(entry.command)) asked_by = acquire->session;

    for (const auto& row : applied.changed) {
        if (row.key.table != Table::waiters) continue;
        const auto found = waits_.find(place_in(row.key));
        if (found == waits_.end()) continue;
        Waits& waits = found->second;
        if (const auto* waiter = std::get_if<Ptr<Waiter>>(&row.value)) {
            supersede(waits, **waiter, applied.outcome);
        } else {
            const auto* left =
                asked_by == waits.session ? std::get_if<LockHeld>(&applied.outcome) : nullptr;
            const Outcome outcome = end_of_wait(waits.session, waits.lock, left);
            for (const Wait& wait : waits.waiting) tell(wait, waits.session, outcome);
            wait_count_ -= waits.waiting.size();
            waits.waiting.clear();
        }
        if (waits.waiting.empty()) waits_.erase(found);
    }
}

// The session has asked again: the place stays, and who asked before, perhaps long gone, is told so
// at once. Its time counts no more, so that nobody would tell it later.
void Core::supersede(Waits& waits, const statemachine::Waiter& by,
                     const statemachine::Outcome& outcome) {
    const auto* queued = std::get_if<statemachine::LockQueued>(&outcome);
    auto held = held_by_others(waits.lock);
    if (queued != nullptr) held.position = queued->position;
    wait_count_ -= std::erase_if(waits.waiting, [&](const Wait& wait) {
        if (wait.attempt >= by.attempt) return false;
        tell(wait, waits.session, held);
        return true;
    });
}

statemachine::LockHeld Core::held_by_others(const std::string& name) const {
    statemachine::LockHeld held;
    const auto lock = machine_.lock(name, {.holders = 1, .waiters = 0});
    if (lock && !lock->holders.empty()) {
        held.holder = lock->holders.front()->session;
        held.token = lock->holders.front()->token;
        held.others = lock->holder_count - 1;
    }
    return held;
}

// What became of a wait that is over. `left`: what the command that ended it said.
statemachine::Outcome Core::end_of_wait(statemachine::SessionId session, const std::string& lock,
                                        const statemachine::LockHeld* left) const {
    using namespace statemachine;

    if (const auto own = machine_.holder(lock, session)) {
        return LockGranted{.token = own->token, .since = own->since, .fresh = true};
    }
    if (left != nullptr) return *left;
    if (machine_.session(session) == nullptr) return SessionNotFound{session};
    return held_by_others(lock);
}

void Core::tell(const Wait& wait, statemachine::SessionId session, statemachine::Outcome outcome) {
    Revision revision = machine_.applied();
    auto* granted = std::get_if<statemachine::LockGranted>(&outcome);
    if (granted != nullptr) {
        revision = granted->token;
        if (wait.opened_session) granted->session = session;
    } else if (wait.opened_session &&
               std::holds_alternative<statemachine::SessionNotFound>(outcome)) {
        // The client never knew of that session: it has not got the lock, and that is all.
        outcome = statemachine::LockHeld{};
    }
    answer(wait.ticket, api::Executed{revision, false, std::move(outcome), machine_.applied()});
}

// The leases of sessions that the command ended, or was to.
void Core::end_leases(const statemachine::Entry& entry, const statemachine::Applied& applied) {
    using namespace statemachine;

    const auto on_ended = [this](SessionId session) { leases_.on_ended(session, machine_); };
    if (const auto* leave = std::get_if<LeaveQueue>(&entry.command)) {
        on_ended(leave->session);
    } else if (const auto acquire = acquire_of(entry.command)) {
        on_ended(acquire->session);
    } else if (const auto* end = std::get_if<EndSession>(&entry.command)) {
        on_ended(end->session);
    } else if (const auto* expire = std::get_if<ExpireSession>(&entry.command)) {
        on_ended(expire->session);
    } else if (const auto* lapse = std::get_if<ExpireSessions>(&entry.command)) {
        for (const SessionId session : lapse->sessions) on_ended(session);
        if (lapse->leader_start == machine_.globals().leader_start) leases_.on_batch_executed();
    }
    // A session may go with the last lock that it lets go of.
    for (const auto& event : applied.events) {
        const auto* lock = std::get_if<LockEvent>(&event.body);
        if (lock == nullptr || lock->change == LockEvent::Change::acquired) continue;
        on_ended(lock->session);
    }
}

void Core::answer(std::uint64_t ticket, api::SubmitResult result) {
    if (ticket != 0) turn_.answers.emplace_back(Turn::Submitted{ticket, std::move(result)});
}

}  // namespace gavel::daemon
