#include "statemachine/locks.h"

#include <algorithm>
#include <utility>

#include "base/invariant.h"
#include "statemachine/row_hash.h"

namespace gavel::statemachine {

Outcome Locks::acquire(Step& step, const AcquireLock& command, std::string_view idempotency_key) {
    if (!sessions_.contains(command.session)) return SessionNotFound{command.session};

    const auto at = locks_.find(command.name);
    if (at == locks_.end()) return take(step, command);

    const Entry& entry = at->second;
    const auto& holder = entry.lock->holder;
    if (holder && holder->session == command.session) {
        return LockGranted{.token = holder->token, .since = holder->since, .fresh = false};
    }
    if (const auto place = claims_.place(command.session, command.name)) {
        return ask_again(step, at, *place, command, idempotency_key);
    }
    if (!holder && entry.lock->delay == 0) return take(step, command);
    return enqueue(step, at, command, idempotency_key);
}

// The lock is free, or there is no such lock yet.
Outcome Locks::take(Step& step, const AcquireLock& command) {
    if (claims_.of(command.session).size() >= limits_.locks_per_session) {
        return LimitReached{LimitReached::What::locks_per_session};
    }
    // One under delay was held and is about to be held again: it keeps its room.
    if (held_ + delayed_.size() >= limits_.locks_held) {
        return LimitReached{LimitReached::What::locks};
    }
    const auto at = locks_.try_emplace(command.name).first;
    if (at->second.lock) {
        idle_.erase({at->second.lock->last_release->revision, at->first});
    } else {
        at->second.lock = std::make_shared<const Lock>(Lock{.name = command.name});
    }
    const Token token = grant(step, at, command.session, command.metadata);
    return LockGranted{.token = token, .since = step.time, .fresh = true};
}

Outcome Locks::enqueue(Step& step, Table::iterator at, const AcquireLock& command,
                       std::string_view idempotency_key) {
    Entry& entry = at->second;
    const std::uint64_t position = entry.queue.size() + 1;
    if (command.wait <= 0) return refusal(entry, position);
    if (claims_.of(command.session).size() >= limits_.locks_per_session) {
        return LimitReached{LimitReached::What::locks_per_session};
    }
    if (waiting_ >= limits_.waiters) return LimitReached{LimitReached::What::waiters};

    auto waiter =
        std::make_shared<const Waiter>(Waiter{.lock = command.name,
                                              .session = command.session,
                                              .place = step.revision,
                                              .attempt = step.revision,
                                              .wait = command.wait,
                                              .since = step.time,
                                              .metadata = command.metadata,
                                              .idempotency_key = std::string(idempotency_key)});
    step.rows.put(waiter_row(*waiter), waiter);
    entry.queue.emplace_hint(entry.queue.end(), step.revision, std::move(waiter));
    claims_.wait(command.session, at->first, step.revision);
    ++waiting_;
    return LockQueued{.attempt = step.revision, .position = position};
}

// It waits already: the place stays, the latest acquire says how long and what for.
Outcome Locks::ask_again(Step& step, Table::iterator at, Revision place, const AcquireLock& command,
                         std::string_view idempotency_key) {
    Entry& entry = at->second;
    const std::uint64_t position = position_of(entry, place);
    if (command.wait <= 0) {
        const LockHeld outcome = refusal(entry, position);
        give_up_place(step, at, place, outcome);
        return outcome;
    }

    Ptr<Waiter>& present = entry.queue.at(place);
    RowKey row = waiter_row(*present);
    const std::uint64_t replaced = row_hash(row, present);
    Waiter waiter = *present;
    waiter.attempt = step.revision;
    waiter.wait = command.wait;
    waiter.metadata = command.metadata;
    waiter.idempotency_key = idempotency_key;
    present = std::make_shared<const Waiter>(std::move(waiter));
    step.rows.put(std::move(row), present, replaced);
    return LockQueued{.attempt = step.revision, .position = position};
}

Outcome Locks::release(Step& step, const ReleaseLock& command) {
    const auto at = locks_.find(command.name);
    if (at == locks_.end()) return NotHolder{};

    const auto& holder = at->second.lock->holder;
    const bool by_session = !command.session || (holder && holder->session == *command.session);
    const bool by_token = !command.token || (holder && holder->token == *command.token);
    if (holder && by_session && by_token && (command.session || command.token)) {
        const Token token = holder->token;
        claims_.release(holder->session, at->first);
        vacate(step, at, ReleaseReason::released, 0);
        hand_on(step, at);
        return LockReleased{token};
    }
    if (command.session && !command.token) {
        if (const auto place = claims_.place(*command.session, command.name)) {
            give_up_place(step, at, *place, refusal(at->second, position_of(at->second, *place)));
            return LeftQueue{};
        }
    }
    return NotHolder{holder ? holder->session : 0};
}

Outcome Locks::leave_queue(Step& step, const LeaveQueue& command) {
    if (!sessions_.contains(command.session)) return SessionNotFound{command.session};
    const auto at = locks_.find(command.name);
    if (at == locks_.end()) return LockHeld{};

    Entry& entry = at->second;
    const auto place = claims_.place(command.session, command.name);
    if (!place) {
        const auto& holder = entry.lock->holder;
        if (holder && holder->session == command.session) {
            return LockGranted{.token = holder->token, .since = holder->since, .fresh = true};
        }
        return refusal(entry, entry.queue.size() + 1);
    }

    const std::uint64_t position = position_of(entry, *place);
    const Revision attempt = entry.queue.at(*place)->attempt;
    if (attempt != command.attempt) return LockQueued{.attempt = attempt, .position = position};
    const LockHeld outcome = refusal(entry, position);
    give_up_place(step, at, *place, outcome);
    return outcome;
}

void Locks::end_delay(Step& step, const EndLockDelay& command) {
    const auto at = locks_.find(command.name);
    if (at == locks_.end() || at->second.lock->delay == 0) return;
    if (at->second.lock->last_release->token != command.token) return;

    delayed_.erase(at->first);
    Lock lock = *at->second.lock;
    lock.delay = 0;
    store(step, at->second, std::move(lock));
    hand_on(step, at);
}

void Locks::end_session(Step& step, SessionId session, ReleaseReason reason, DurationMs delay) {
    // Copied: what is done below takes the claim apart.
    const Claim claim = claims_.of(session);
    for (const auto& [name, place] : claim.places) {
        give_up_place(step, locks_.find(name), place, SessionNotFound{session});
    }
    for (const std::string_view name : claim.held) {
        claims_.release(session, name);
        vacate(step, locks_.find(name), reason, delay);
    }
    for (const std::string_view name : claim.held) hand_on(step, locks_.find(name));
}

// The session is looked up at the very moment of the grant: nothing would ever release what is
// granted to one that has ended.
Token Locks::grant(Step& step, Table::iterator at, SessionId session, const std::string& metadata) {
    invariant(sessions_.contains(session), "a lock is granted to a session that exists");
    const Token token = step.revision;
    Lock lock = *at->second.lock;
    invariant(!lock.holder && lock.delay == 0, "only a free lock is granted");
    lock.holder =
        Holder{.session = session, .token = token, .since = step.time, .metadata = metadata};
    store(step, at->second, std::move(lock));
    claims_.hold(session, at->first);
    ++held_;
    step.events.emplace_back(LockEvent{at->first, LockEvent::Change::acquired, session, token});
    return token;
}

// Takes the lock from its holder. Nobody has it until hand_on().
void Locks::vacate(Step& step, Table::iterator at, ReleaseReason reason, DurationMs delay) {
    const Ptr<Lock> before = at->second.lock;
    const SessionId session = before->holder->session;
    const Token token = before->holder->token;
    Lock lock{.name = before->name,
              .last_release = LastRelease{.session = session,
                                          .token = token,
                                          .at = step.time,
                                          .revision = step.revision,
                                          .reason = reason},
              .delay = std::max<DurationMs>(delay, 0)};
    store(step, at->second, std::move(lock));
    --held_;
    const bool expired = reason == ReleaseReason::session_expired;
    const auto change = expired ? LockEvent::Change::expired : LockEvent::Change::released;
    step.events.emplace_back(LockEvent{at->first, change, session, token});
}

// The lock has lost its holder, or its delay is over.
void Locks::hand_on(Step& step, Table::iterator at) {
    Entry& entry = at->second;
    if (entry.lock->delay > 0) {
        delayed_.insert(at->first);
    } else if (entry.queue.empty()) {
        remember_idle(step, at);
    } else {
        const Ptr<Waiter> next = dequeue(step, at, entry.queue.begin()->first);
        const Token token = grant(step, at, next->session, next->metadata);
        settle(step, next, LockGranted{.token = token, .since = step.time, .fresh = true});
    }
}

Ptr<Waiter> Locks::dequeue(Step& step, Table::iterator at, Revision place) {
    const auto node = at->second.queue.extract(place);
    Ptr<Waiter> waiter = node.mapped();
    RowKey row = waiter_row(*waiter);
    const std::uint64_t hash = row_hash(row, waiter);
    step.rows.erase(std::move(row), hash);
    claims_.leave(waiter->session, at->first);
    --waiting_;
    return waiter;
}

void Locks::give_up_place(Step& step, Table::iterator at, Revision place, const Outcome& outcome) {
    settle(step, dequeue(step, at, place), outcome);
}

void Locks::settle(Step& step, Ptr<Waiter> waiter, const Outcome& outcome) const {
    if (waiter->idempotency_key.empty()) return;
    step.settled.push_back({std::move(waiter), outcome});
}

void Locks::remember_idle(Step& step, Table::iterator at) {
    idle_.emplace(at->second.lock->last_release->revision, at->first);
    if (idle_.size() <= limits_.free_locks) return;

    const auto oldest = locks_.find(idle_.begin()->second);
    idle_.erase(idle_.begin());
    step.rows.erase(lock_row(oldest->first), oldest->second.hash);
    locks_.erase(oldest);
}

void Locks::store(Step& step, Entry& entry, Lock lock) {
    entry.lock = std::make_shared<const Lock>(std::move(lock));
    entry.hash = step.rows.put(lock_row(entry.lock->name), entry.lock, entry.hash);
}

std::uint64_t Locks::position_of(const Entry& entry, Revision place) {
    const auto at = entry.queue.find(place);
    return 1 + static_cast<std::uint64_t>(std::distance(entry.queue.begin(), at));
}

LockHeld Locks::refusal(const Entry& entry, std::uint64_t position) {
    const Lock& lock = *entry.lock;
    if (lock.holder) return {lock.holder->session, lock.holder->token, position};
    // Free: only its delay can be in the way, and that goes by the token it follows.
    return {0, lock.delay > 0 ? lock.last_release->token : 0, position};
}

}  // namespace gavel::statemachine
