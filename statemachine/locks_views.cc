// Locks: how a state is restored, looked at and checked.

#include <algorithm>
#include <utility>

#include "base/invariant.h"
#include "statemachine/locks.h"

namespace gavel::statemachine {

void Locks::load(Ptr<Lock> lock, std::uint64_t hash) {
    std::string name = lock->name;
    locks_.insert_or_assign(locks_.end(), std::move(name), Entry{std::move(lock), hash, {}});
}

void Locks::load(Ptr<Waiter> waiter) { loaded_waiters_.push_back(std::move(waiter)); }

bool Locks::finish_load() {
    for (auto& waiter : std::exchange(loaded_waiters_, {})) {
        const auto at = locks_.find(waiter->lock);
        if (at == locks_.end() || !sessions_.contains(waiter->session)) return false;
        claims_.wait(waiter->session, at->first, waiter->place);
        at->second.queue.emplace(waiter->place, std::move(waiter));
        ++waiting_;
    }
    for (auto at = locks_.begin(); at != locks_.end(); ++at) {
        const Lock& lock = *at->second.lock;
        if (lock.holder) {
            if (!sessions_.contains(lock.holder->session)) return false;
            claims_.hold(lock.holder->session, at->first);
            ++held_;
            continue;
        }
        if (!lock.last_release) return false;
        if (lock.delay > 0) {
            delayed_.insert(at->first);
        } else {
            idle_.emplace(lock.last_release->revision, at->first);
        }
    }
    return true;
}

Ptr<Lock> Locks::find(std::string_view name) const {
    const auto at = locks_.find(name);
    return at == locks_.end() ? nullptr : at->second.lock;
}

bool Locks::is_live(std::string_view name, Token token) const {
    return token != 0 && live_token(name) == token;
}

Token Locks::live_token(std::string_view name) const {
    const auto at = locks_.find(name);
    if (at == locks_.end() || !at->second.lock->holder) return 0;
    return at->second.lock->holder->token;
}

Machine::LockView Locks::explain(std::string_view name) const {
    Machine::LockView view;
    const auto at = locks_.find(name);
    if (at == locks_.end()) return view;
    view.lock = at->second.lock;
    view.queue.reserve(at->second.queue.size());
    for (const auto& [place, waiter] : at->second.queue) view.queue.push_back(waiter);
    return view;
}

std::size_t Locks::queue_length(std::string_view name) const {
    const auto at = locks_.find(name);
    return at == locks_.end() ? 0 : at->second.queue.size();
}

std::uint64_t Locks::position(std::string_view name, SessionId session) const {
    const auto place = claims_.place(session, name);
    return place ? position_of(locks_.find(name)->second, *place) : 0;
}

std::vector<Ptr<Lock>> Locks::list(std::string_view prefix, std::string_view after,
                                   std::size_t limit) const {
    std::vector<Ptr<Lock>> found;
    const bool from_prefix = after.empty() || after < prefix;
    auto at = from_prefix ? locks_.lower_bound(prefix) : locks_.upper_bound(after);
    for (; at != locks_.end() && found.size() < limit; ++at) {
        if (!at->first.starts_with(prefix)) break;
        found.push_back(at->second.lock);
    }
    return found;
}

std::vector<Ptr<Waiter>> Locks::waiters() const {
    std::vector<Ptr<Waiter>> found;
    found.reserve(waiting_);
    for (const auto& [name, entry] : locks_) {
        for (const auto& [place, waiter] : entry.queue) found.push_back(waiter);
    }
    std::sort(found.begin(), found.end(),
              [](const auto& a, const auto& b) { return a->place < b->place; });
    return found;
}

std::vector<Ptr<Lock>> Locks::delayed() const {
    std::vector<Ptr<Lock>> found;
    for (const std::string_view name : delayed_) found.push_back(find(name));
    return found;
}

void Locks::append_rows(std::vector<Row>& rows) const {
    for (const auto& [name, entry] : locks_) rows.push_back({lock_row(name), entry.lock});
    for (const auto& waiter : waiters()) rows.push_back({waiter_row(*waiter), waiter});
}

void Locks::check_invariants() const {
    std::size_t held = 0, waiting = 0, delayed = 0, idle = 0;
    for (const auto& [name, entry] : locks_) {
        const Lock& lock = *entry.lock;
        invariant(lock.name == name, "a lock stands under its name");
        if (lock.holder) {
            ++held;
            invariant(sessions_.contains(lock.holder->session), "a holder's session exists");
            invariant(claims_.of(lock.holder->session).held.contains(name),
                      "a holder knows what it holds");
            invariant(lock.delay == 0, "a lock under delay has no holder");
        } else if (lock.delay > 0) {
            ++delayed;
            invariant(delayed_.contains(name), "a lock under delay is listed");
        } else {
            ++idle;
            invariant(entry.queue.empty(), "nobody waits for a free lock");
            invariant(idle_.contains({lock.last_release->revision, name}),
                      "an idle lock has its turn to be forgotten");
        }
        for (const auto& [place, waiter] : entry.queue) {
            ++waiting;
            invariant(waiter->lock == name && waiter->place == place, "a waiter is at its place");
            invariant(sessions_.contains(waiter->session), "a waiter's session exists");
            invariant(claims_.place(waiter->session, name) == place, "a waiter knows its place");
            invariant(!lock.holder || lock.holder->session != waiter->session,
                      "nobody waits for what it holds");
        }
    }
    invariant(held == held_ && waiting == waiting_, "held locks and waiters are counted");
    invariant(delayed == delayed_.size() && idle == idle_.size(), "free locks are listed");
    invariant(held_ + delayed_.size() <= limits_.locks_held, "no more locks are held than allowed");
    invariant(waiting_ <= limits_.waiters, "there are no more waiters than allowed");
    invariant(idle_.size() <= limits_.free_locks, "no more free locks are kept than allowed");

    std::size_t claims = 0;
    for (const auto& [session, claim] : claims_.all()) {
        claims += claim.size();
        invariant(claim.size() <= limits_.locks_per_session, "a session keeps to its locks");
    }
    invariant(claims == held_ + waiting_, "a session claims only what it has");
}

}  // namespace gavel::statemachine
