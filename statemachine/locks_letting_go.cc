// Locks: how they are let go of, and handed on.

#include <algorithm>
#include <utility>

#include "base/invariant.h"
#include "statemachine/locks.h"
#include "statemachine/row_hash.h"

namespace gavel::statemachine {

Outcome Locks::release(Step& step, const ReleaseLock& command) {
    const auto at = locks_.find(command.name);
    if (at == locks_.end()) return NotHolder{};
    if (command.force) return break_lock(step, at, command);
    if (auto released = release_held(step, at, command)) return *std::move(released);

    if (command.session && !command.token) {
        if (const auto place = claims_.place(*command.session, command.name)) {
            Names touched;
            give_up(step, at, *place, touched);
            hand_on(step, std::move(touched));
            return LeftQueue{};
        }
    }
    const auto& holders = at->second.holders;
    return NotHolder{holders.empty() ? 0 : holders.begin()->second.holder->session};
}

// None: session and token name no holder.
std::optional<Outcome> Locks::release_held(Step& step, Table::iterator at,
                                           const ReleaseLock& command) {
    const Holders& holders = at->second.holders;
    SessionId session = 0;
    Token token = 0;
    if (command.session) {
        session = *command.session;
        const auto own = claims_.token(session, command.name);
        if (!own || (command.token && *own != *command.token)) return std::nullopt;
        token = *own;
    } else if (command.token) {
        token = *command.token;
        const auto first = holders.lower_bound({token, 0});
        if (first == holders.end() || first->first.first != token) return std::nullopt;
        session = first->first.second;
        const auto end = holders.upper_bound({token, ~SessionId{0}});
        const auto sharing = static_cast<std::uint64_t>(std::distance(first, end));
        if (sharing > 1) return NotHolder{.holder = session, .sharing = sharing};
    } else {
        return std::nullopt;
    }
    vacate(step, at, session, {.reason = ReleaseReason::released});
    hand_on(step, {command.name});
    return LockReleased{token};
}

Outcome Locks::break_lock(Step& step, Table::iterator at, const ReleaseLock& command) {
    std::vector<std::pair<Token, SessionId>> broken;
    for (const auto& [key, held] : at->second.holders) {
        const auto& [token, session] = key;
        const bool meant = (!command.session || *command.session == session) &&
                           (!command.token || *command.token == token);
        if (meant) broken.push_back(key);
    }
    const bool everything = !command.session && !command.token;
    const bool ends_delay = everything && is_delayed(at->second);
    if (broken.empty() && !ends_delay) {
        const auto& holders = at->second.holders;
        return NotHolder{holders.empty() ? 0 : holders.begin()->second.holder->session};
    }
    for (const auto& [token, session] : broken) {
        vacate(step, at, session,
               {.reason = ReleaseReason::forced,
                .delay = 0,
                .author = command.author,
                .comment = command.reason});
    }
    const auto& last = at->second.record->last_release;
    const LockReleased released{last ? last->token : 0};
    if (broken.empty()) {
        step.events.emplace_back(LockEvent{.lock = at->first,
                                           .change = LockEvent::Change::delay_ended,
                                           .session = last ? last->session : 0,
                                           .token = released.token,
                                           .mode = {},
                                           .author = command.author,
                                           .comment = command.reason});
    }
    if (ends_delay) delay(step, at, 0);
    hand_on(step, {command.name});
    return released;
}

Outcome Locks::leave_queue(Step& step, const LeaveQueue& command) {
    if (!sessions_.contains(command.session)) return SessionNotFound{command.session};
    const auto at = locks_.find(command.name);
    if (at == locks_.end()) return LockHeld{};

    const auto place = claims_.place(command.session, command.name);
    if (!place) {
        if (const auto own = holder(command.name, command.session)) {
            return LockGranted{.token = own->token, .since = own->since, .fresh = true};
        }
        return refusal(command.name, at->second.queue.size() + 1, false);
    }
    const Revision attempt = at->second.queue.at(*place)->attempt;
    if (attempt != command.attempt) {
        return LockQueued{.attempt = attempt, .position = position_of(at->second, *place)};
    }
    Names touched;
    const LockHeld outcome = give_up(step, at, *place, touched);
    hand_on(step, std::move(touched));
    return outcome;
}

void Locks::end_delay(Step& step, const EndLockDelay& command) {
    const auto at = locks_.find(command.name);
    if (at == locks_.end() || !is_delayed(at->second)) return;
    if (at->second.record->delayed_at != command.delayed_at) return;
    delay(step, at, 0);
    hand_on(step, {command.name});
}

void Locks::leave_queues(Step& step, SessionId session, Names& touched) {
    // Copied: what is done below takes the claim apart.
    const auto places = claims_.of(session).places;
    for (const auto& [name, place] : places) {
        const auto at = locks_.find(name);
        if (!at->second.queue.contains(place)) continue;  // With another of several, just now.
        const auto parts = parts_of(at, place);
        Ptr<Waiter> waiter;
        for (const auto part : parts) waiter = dequeue(step, part, place, touched);
        settle(step, std::move(waiter), SessionNotFound{session});
    }
}

std::size_t Locks::free_held(Step& step, SessionId session, ReleaseReason reason, DurationMs delay,
                             std::size_t most, Names& touched) {
    const std::size_t before = touched.size();
    for (const auto& [name, token] : claims_.of(session).held) {
        if (touched.size() - before == most) break;
        touched.emplace_back(name);
    }
    for (std::size_t i = before; i < touched.size(); ++i) {
        vacate(step, locks_.find(touched[i]), session, {.reason = reason, .delay = delay});
    }
    return touched.size() - before;
}

// The session is looked up at the very moment of the grant: nothing would ever release what is
// granted to one that has ended.
void Locks::grant(Step& step, Table::iterator at, Holder holder) {
    invariant(sessions_.contains(holder.session), "a lock is granted to a session that exists");
    Entry& entry = at->second;
    invariant(fits(entry, holder.mode, holder.limit), "only a lock that is free for it is granted");
    if (holder.mode == LockMode::shared) {
        ++entry.sharing;
        entry.limit = holder.limit;
    }
    claims_.hold(holder.session, at->first, holder.token);
    ++held_;
    step.events.emplace_back(LockEvent{.lock = at->first,
                                       .change = LockEvent::Change::acquired,
                                       .session = holder.session,
                                       .token = holder.token,
                                       .mode = holder.mode});
    RowKey row = holder_row(holder);
    const std::pair key{holder.token, holder.session};
    auto held = std::make_shared<const Holder>(std::move(holder));
    const std::uint64_t hash = step.rows.put(std::move(row), held);
    entry.holders.emplace(key, Held{std::move(held), hash});
}

// Takes the lock from a holder. It goes to nobody else until hand_on().
void Locks::vacate(Step& step, Table::iterator at, SessionId session, const Letting& letting) {
    using Kind = LockEvent::Change;
    Entry& entry = at->second;
    const Token token = claims_.token(session, at->first).value();
    const auto node = entry.holders.extract({token, session});
    const Holder& holder = *node.mapped().holder;
    step.rows.erase(holder_row(holder), node.mapped().hash);
    if (holder.mode == LockMode::shared && --entry.sharing == 0) entry.limit = 0;
    if (claims_.release(session, at->first)) step.unclaimed.push_back(session);
    --held_;

    Lock lock = entry.record ? *entry.record : Lock{.name = at->first};
    lock.last_release = LastRelease{.session = session,
                                    .token = token,
                                    .at = step.time,
                                    .revision = step.revision,
                                    .reason = letting.reason,
                                    .author = std::string(letting.author),
                                    .comment = std::string(letting.comment)};
    store(step, at, std::move(lock));
    // Of those who shared it another one may have lapsed just before.
    const DurationMs present = entry.record->delay;
    if (letting.delay > 0) delay(step, at, std::max(present, letting.delay));

    const bool expired = letting.reason == ReleaseReason::session_expired;
    const bool forced = letting.reason == ReleaseReason::forced;
    const Kind change = expired ? Kind::expired : forced ? Kind::broken : Kind::released;
    step.events.emplace_back(LockEvent{.lock = at->first,
                                       .change = change,
                                       .session = session,
                                       .token = token,
                                       .mode = holder.mode,
                                       .author = std::string(letting.author),
                                       .comment = std::string(letting.comment)});
}

// These have lost a holder, somebody in the queue, or their delay: whoever is next now and can be
// granted them is, from the front of each queue on.
void Locks::hand_on(Step& step, Names touched) {
    for (std::size_t i = 0; i < touched.size(); ++i) {
        const auto at = locks_.find(touched[i]);
        if (at == locks_.end()) continue;
        while (!at->second.queue.empty()) {
            const Revision place = at->second.queue.begin()->first;
            if (!is_next(at, place)) break;
            if (step.granted >= limits_.grants_per_command) {
                // The leader times what is delayed, and goes on with it by a command of its own.
                delay(step, at, 1);
                break;
            }
            hand_on_to(step, at, place, touched);
        }
        rest(step, at);
    }
}

// Whether the wait is at the front of each queue that it stands in, and each lock would do.
bool Locks::is_next(Table::iterator at, Revision place) {
    const auto parts = parts_of(at, place);
    return std::ranges::all_of(parts, [&](const Table::iterator part) {
        const auto front = part->second.queue.begin();
        return front->first == place &&
               fits(part->second, front->second->mode, front->second->limit);
    });
}

void Locks::hand_on_to(Step& step, Table::iterator at, Revision place, Names& touched) {
    const auto parts = parts_of(at, place);
    Names others;
    Ptr<Waiter> waiter;
    for (const auto part : parts) {
        waiter = dequeue(step, part, place, others);
        grant(step, part,
              {.lock = part->first,
               .session = waiter->session,
               .token = step.revision,
               .since = step.time,
               .metadata = waiter->metadata,
               .mode = waiter->mode,
               .limit = waiter->limit});
        ++step.granted;
        // Who stood behind it there may be next.
        if (part != at) touched.push_back(part->first);
    }
    const bool opened = waiter->session == waiter->place;  // By the acquire itself.
    settle(step, waiter,
           LockGranted{.token = step.revision,
                       .since = step.time,
                       .fresh = true,
                       .session = opened ? waiter->session : 0});
}

// Leaves the queue, of several locks all of them; tells what was in the way.
LockHeld Locks::give_up(Step& step, Table::iterator at, Revision place, Names& touched) {
    const auto parts = parts_of(at, place);
    const auto in_the_way = std::ranges::find_if(parts, [&](const Table::iterator part) {
        const auto front = part->second.queue.begin();
        return front->first != place ||
               !fits(part->second, front->second->mode, front->second->limit);
    });
    const auto shown = in_the_way == parts.end() ? at : *in_the_way;
    const LockHeld outcome =
        refusal(shown->first, position_of(shown->second, place), parts.size() > 1);
    Ptr<Waiter> waiter;
    for (const auto part : parts) waiter = dequeue(step, part, place, touched);
    settle(step, std::move(waiter), outcome);
    return outcome;
}

Ptr<Waiter> Locks::dequeue(Step& step, Table::iterator at, Revision place, Names& touched) {
    Entry& entry = at->second;
    const auto node = entry.queue.extract(place);
    Ptr<Waiter> waiter = node.mapped();
    RowKey row = waiter_row(*waiter);
    const std::uint64_t hash = row_hash(row, waiter);
    step.rows.erase(std::move(row), hash);
    if (waiter->mode == LockMode::shared && --entry.sharing == 0) entry.limit = 0;
    if (claims_.leave(waiter->session, at->first)) step.unclaimed.push_back(waiter->session);
    several_.erase(place);
    --waiting_;
    touched.push_back(at->first);
    return waiter;
}

void Locks::settle(Step& step, Ptr<Waiter> waiter, const Outcome& outcome) const {
    if (waiter->idempotency_key.empty()) return;
    step.settled.push_back({std::move(waiter), outcome});
}

// 0: the delay is over.
void Locks::delay(Step& step, Table::iterator at, DurationMs delay) {
    Lock lock = at->second.record ? *at->second.record : Lock{.name = at->first};
    lock.delay = delay;
    lock.delayed_at = delay > 0 ? step.revision : 0;
    lock.delayed_since = delay > 0 ? step.time : 0;
    if (delay > 0) {
        delayed_.insert(at->first);
    } else {
        delayed_.erase(at->first);
    }
    store(step, at, std::move(lock));
}

// Once nobody holds it or waits for it, and no delay keeps it, it waits to be forgotten.
void Locks::rest(Step& step, Table::iterator at) {
    const Entry& entry = at->second;
    if (!entry.holders.empty() || !entry.queue.empty() || is_delayed(entry)) return;
    if (!entry.record) {
        locks_.erase(at);
        return;
    }
    idle_.emplace(entry.record->last_release->revision, at->first);
    if (idle_.size() <= limits_.free_locks) return;

    const auto oldest = locks_.find(idle_.begin()->second);
    idle_.erase(idle_.begin());
    step.rows.erase(lock_row(oldest->first), oldest->second.hash);
    locks_.erase(oldest);
}

void Locks::store(Step& step, Table::iterator at, Lock lock) {
    Entry& entry = at->second;
    if (lock.last_release || lock.delay > 0) {
        entry.record = std::make_shared<const Lock>(std::move(lock));
        entry.hash = step.rows.put(lock_row(at->first), entry.record, entry.hash);
    } else {
        step.rows.erase(lock_row(at->first), entry.hash);
        entry = {.record = nullptr,
                 .hash = 0,
                 .holders = std::move(entry.holders),
                 .queue = std::move(entry.queue),
                 .sharing = entry.sharing,
                 .limit = entry.limit};
    }
}

}  // namespace gavel::statemachine
