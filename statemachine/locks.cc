// Locks: how they are asked for.

#include "statemachine/locks.h"

#include <algorithm>
#include <utility>

#include "base/invariant.h"
#include "statemachine/row_hash.h"

namespace gavel::statemachine {

Outcome Locks::acquire(Step& step, const AcquireLock& command, std::string_view idempotency_key) {
    const Wanted wanted{.name = command.name, .mode = command.mode, .limit = command.limit};
    return acquire(step, Asked{.session = command.session,
                               .locks = {&wanted, 1},
                               .metadata = command.metadata,
                               .wait = command.wait,
                               .ttl = command.ttl,
                               .idempotency_key = idempotency_key});
}

Outcome Locks::acquire(Step& step, const AcquireLocks& command, std::string_view idempotency_key) {
    return acquire(step, Asked{.session = command.session,
                               .locks = command.locks,
                               .metadata = command.metadata,
                               .wait = command.wait,
                               .ttl = command.ttl,
                               .idempotency_key = idempotency_key});
}

Outcome Locks::acquire(Step& step, const Asked& asked) {
    if (asked.session != 0 && !sessions_.contains(asked.session)) {
        return SessionNotFound{asked.session};
    }
    if (asked.session == 0) {
        if (auto no = sessions_.forbids_another(step)) return *std::move(no);
    }
    if (auto outcome = from_before(step, asked)) return *std::move(outcome);
    if (step.spares_room) return StorageFull{};
    const std::string* in_the_way = blocked(asked);
    return in_the_way == nullptr ? take(step, asked) : enqueue(step, asked, *in_the_way);
}

// What the session has of these locks already, and what does not go with it.
std::optional<Outcome> Locks::from_before(Step& step, const Asked& asked) {
    using Reason = LockRefused::Reason;
    std::size_t held = 0, waiting = 0;
    Token token = 0;
    Revision place = 0;
    std::string_view had;  // The latest of them.
    for (const Wanted& wanted : asked.locks) {
        const auto at = locks_.find(wanted.name);
        if (at == locks_.end()) continue;
        const Entry& entry = at->second;
        const auto because = [&](Reason reason) {
            return LockRefused{.reason = reason, .lock = wanted.name, .limit = entry.limit};
        };
        const auto own_token = claims_.token(asked.session, wanted.name);
        const auto own_place = claims_.place(asked.session, wanted.name);
        if (own_token || own_place) {
            had = at->first;
            const LockMode mode = own_token
                                      ? entry.holders.at({*own_token, asked.session}).holder->mode
                                      : entry.queue.at(*own_place)->mode;
            if (mode != wanted.mode) return because(Reason::mode);
        }
        const bool shares = wanted.mode == LockMode::shared;
        if (shares && entry.sharing > 0 && entry.limit != wanted.limit) {
            return because(Reason::limit);
        }
        if (own_token) {
            if (held > 0 && *own_token != token) return because(Reason::held);
            token = *own_token;
            ++held;
        }
        if (own_place) {
            const auto several = several_.find(*own_place);
            const std::size_t size = several == several_.end() ? 1 : several->second.size();
            const bool same = size == asked.locks.size() && (waiting == 0 || *own_place == place);
            if (!same) return because(Reason::waiting);
            place = *own_place;
            ++waiting;
        }
    }
    if (held == asked.locks.size()) {
        const auto& holder = locks_.find(had)->second.holders.at({token, asked.session}).holder;
        return LockGranted{.token = token, .since = holder->since, .fresh = false};
    }
    if (waiting == asked.locks.size()) return ask_again(step, place, asked);
    if (held > 0) return LockRefused{.reason = Reason::held, .lock = std::string(had)};
    if (waiting > 0) return LockRefused{.reason = Reason::waiting, .lock = std::string(had)};
    return std::nullopt;
}

// All of them are free for it, now.
Outcome Locks::take(Step& step, const Asked& asked) {
    if (claims_.of(asked.session).size() + asked.locks.size() > limits_.locks_per_session) {
        return LimitReached{LimitReached::What::locks_per_session};
    }
    // One under delay was held and is about to be held again: it keeps its room.
    if (held_ + delayed_.size() + asked.locks.size() > limits_.locks_held) {
        return LimitReached{LimitReached::What::locks};
    }
    const SessionId session = session_of(step, asked);
    for (const Wanted& wanted : asked.locks) {
        grant(step, wake(wanted.name),
              {.lock = wanted.name,
               .session = session,
               .token = step.revision,
               .since = step.time,
               .metadata = std::string(asked.metadata),
               .mode = wanted.mode,
               .limit = wanted.limit});
    }
    return LockGranted{.token = step.revision,
                       .since = step.time,
                       .fresh = true,
                       .session = asked.session == 0 ? session : 0};
}

Outcome Locks::enqueue(Step& step, const Asked& asked, const std::string& blocked) {
    if (asked.wait <= 0) {
        const std::uint64_t position = queue_length(blocked) + 1;
        return refusal(blocked, position, asked.locks.size() > 1);
    }
    if (auto no_room = no_room_to_wait(asked)) return *std::move(no_room);
    if (auto deadlock = cycle_closed_by(asked)) return *std::move(deadlock);

    const SessionId session = session_of(step, asked);
    std::uint64_t position = 0;
    for (const Wanted& wanted : asked.locks) {
        const auto at = wake(wanted.name);
        Entry& entry = at->second;
        auto waiter = std::make_shared<const Waiter>(
            Waiter{.lock = wanted.name,
                   .session = session,
                   .place = step.revision,
                   .attempt = step.revision,
                   .wait = asked.wait,
                   .since = step.time,
                   .metadata = std::string(asked.metadata),
                   .idempotency_key = std::string(asked.idempotency_key),
                   .mode = wanted.mode,
                   .limit = wanted.limit});
        step.rows.put(waiter_row(*waiter), waiter);
        entry.queue.emplace_hint(entry.queue.end(), step.revision, std::move(waiter));
        position = std::max<std::uint64_t>(position, entry.queue.size());
        claims_.wait(session, at->first, step.revision);
        if (wanted.mode == LockMode::shared) {
            ++entry.sharing;
            entry.limit = wanted.limit;
        }
        if (asked.locks.size() > 1) several_[step.revision].insert(wanted.name);
        ++waiting_;
    }
    return LockQueued{.attempt = step.revision,
                      .position = position,
                      .session = asked.session == 0 ? session : 0};
}

std::optional<Outcome> Locks::no_room_to_wait(const Asked& asked) const {
    const std::size_t more = asked.locks.size();
    if (claims_.of(asked.session).size() + more > limits_.locks_per_session) {
        return LimitReached{LimitReached::What::locks_per_session};
    }
    // Every place may become a grant, so that both together are bounded as well.
    const bool full =
        waiting_ + more > limits_.waiters ||
        held_ + delayed_.size() + waiting_ + more > limits_.locks_held + limits_.waiters;
    if (full) return LimitReached{LimitReached::What::waiters};
    return std::nullopt;
}

// It waits already: the place stays, the latest acquire says how long and what for.
Outcome Locks::ask_again(Step& step, Revision place, const Asked& asked) {
    const auto first = locks_.find(asked.locks.front().name);
    if (asked.wait <= 0) {
        Names touched;
        const LockHeld outcome = give_up(step, first, place, touched);
        hand_on(step, std::move(touched));
        return outcome;
    }
    std::uint64_t position = 0;
    for (const auto part : parts_of(first, place)) {
        Entry& entry = part->second;
        position = std::max(position, position_of(entry, place));
        Ptr<Waiter>& present = entry.queue.at(place);
        RowKey row = waiter_row(*present);
        const std::uint64_t replaced = row_hash(row, present);
        Waiter waiter = *present;
        waiter.attempt = step.revision;
        waiter.wait = asked.wait;
        waiter.metadata = asked.metadata;
        waiter.idempotency_key = asked.idempotency_key;
        present = std::make_shared<const Waiter>(std::move(waiter));
        step.rows.put(std::move(row), present, replaced);
    }
    return LockQueued{.attempt = step.revision, .position = position};
}

// The session that asks, or one that is opened for it, now that nothing can refuse it any more.
SessionId Locks::session_of(Step& step, const Asked& asked) {
    if (asked.session != 0) return asked.session;
    const Outcome opened =
        sessions_.open(step, {.ttl = asked.ttl, .metadata = "{}", .ends_with_locks = true});
    return std::get<SessionOpened>(opened).session;
}

// The first of them that cannot be had at once; null: there is none.
const std::string* Locks::blocked(const Asked& asked) const {
    for (const Wanted& wanted : asked.locks) {
        const auto at = locks_.find(wanted.name);
        if (at == locks_.end()) continue;
        const Entry& entry = at->second;
        if (!entry.queue.empty() || !fits(entry, wanted.mode, wanted.limit)) return &at->first;
    }
    return nullptr;
}

bool Locks::is_delayed(const Entry& entry) const { return entry.record && entry.record->delay > 0; }

// Whether another one can be granted it, as far as its holders go.
bool Locks::fits(const Entry& entry, LockMode mode, std::uint64_t limit) const {
    if (is_delayed(entry)) return false;
    if (entry.holders.empty()) return true;
    if (mode == LockMode::exclusive) return false;
    const Holder& one = *entry.holders.begin()->second.holder;
    return one.mode == LockMode::shared && entry.holders.size() < capacity(limit);
}

std::size_t Locks::capacity(std::uint64_t limit) const {
    const std::size_t most = limits_.holders_per_lock;
    return limit == 0 ? most : std::min<std::size_t>(limit, most);
}

LockHeld Locks::refusal(std::string_view name, std::uint64_t position, bool one_of_several) const {
    const Entry& entry = locks_.find(name)->second;
    LockHeld held{.position = position};
    if (one_of_several) held.lock = name;
    if (!entry.holders.empty()) {
        const Holder& longest = *entry.holders.begin()->second.holder;
        held.holder = longest.session;
        held.token = longest.token;
        held.others = entry.holders.size() - 1;
    } else if (is_delayed(entry) && entry.record->last_release) {
        held.token = entry.record->last_release->token;
    }
    return held;
}

std::uint64_t Locks::position_of(const Entry& entry, Revision place) {
    const auto at = entry.queue.find(place);
    return 1 + static_cast<std::uint64_t>(std::distance(entry.queue.begin(), at));
}

// All the locks that an acquire waits for, given one of them.
std::vector<Locks::Table::iterator> Locks::parts_of(Table::iterator at, Revision place) {
    const auto several = several_.find(place);
    if (several == several_.end()) return {at};
    std::vector<Table::iterator> parts;
    parts.reserve(several->second.size());
    for (const std::string& name : several->second) parts.push_back(locks_.find(name));
    return parts;
}

// It is held or waited for from now on: its turn to be forgotten does not come.
Locks::Table::iterator Locks::wake(const std::string& name) {
    const auto at = locks_.try_emplace(name).first;
    const auto& record = at->second.record;
    if (record && record->last_release) idle_.erase({record->last_release->revision, at->first});
    return at;
}

}  // namespace gavel::statemachine
