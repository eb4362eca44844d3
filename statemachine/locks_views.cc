// Locks: how a state is restored, looked at and checked.

#include <algorithm>
#include <utility>

#include "base/invariant.h"
#include "statemachine/locks.h"

namespace gavel::statemachine {

void Locks::load(Ptr<Lock> lock, std::uint64_t hash) {
    Entry& entry = locks_.try_emplace(lock->name).first->second;
    entry.record = std::move(lock);
    entry.hash = hash;
}

void Locks::load(Ptr<Holder> holder, std::uint64_t hash) {
    Entry& entry = locks_.try_emplace(holder->lock).first->second;
    const std::pair key{holder->token, holder->session};
    entry.holders.insert_or_assign(key, Held{std::move(holder), hash});
}

void Locks::load(Ptr<Waiter> waiter) { loaded_waiters_.push_back(std::move(waiter)); }

bool Locks::finish_load() {
    std::ranges::sort(loaded_waiters_, [](const auto& a, const auto& b) {
        return std::pair(a->place, std::string_view(a->lock)) <
               std::pair(b->place, std::string_view(b->lock));
    });
    for (auto& waiter : std::exchange(loaded_waiters_, {})) {
        if (!sessions_.contains(waiter->session)) return false;
        const auto at = locks_.try_emplace(waiter->lock).first;
        claims_.wait(waiter->session, at->first, waiter->place);
        several_[waiter->place].insert(waiter->lock);
        at->second.queue.emplace(waiter->place, std::move(waiter));
        ++waiting_;
    }
    std::erase_if(several_, [](const auto& one) { return one.second.size() == 1; });

    for (auto& [name, entry] : locks_) {
        const auto share = [&entry = entry](LockMode mode, std::uint64_t limit) {
            if (mode == LockMode::exclusive) return;
            ++entry.sharing;
            entry.limit = limit;
        };
        for (const auto& [key, held] : entry.holders) {
            if (!sessions_.may_own(key.second)) return false;
            claims_.hold(key.second, name, key.first);
            share(held.holder->mode, held.holder->limit);
            ++held_;
        }
        for (const auto& [place, waiter] : entry.queue) share(waiter->mode, waiter->limit);
        if (entry.record && !entry.record->last_release && entry.record->delay == 0) return false;
        if (is_delayed(entry)) {
            delayed_.insert(name);
        } else if (entry.holders.empty() && entry.queue.empty()) {
            idle_.emplace(entry.record->last_release->revision, name);
        }
    }
    return true;
}

Ptr<Holder> Locks::holder_with(std::string_view name, Token token) const {
    const auto at = locks_.find(name);
    if (at == locks_.end()) return nullptr;
    const auto first = at->second.holders.lower_bound({token, 0});
    const bool found = first != at->second.holders.end() && first->first.first == token;
    return found ? first->second.holder : nullptr;
}

Token Locks::live_token(std::string_view name) const {
    const auto at = locks_.find(name);
    if (at == locks_.end() || at->second.holders.empty()) return 0;
    return at->second.holders.rbegin()->first.first;
}

Ptr<Holder> Locks::holder(std::string_view name, SessionId session) const {
    const auto token = claims_.token(session, name);
    return token ? locks_.find(name)->second.holders.at({*token, session}).holder : nullptr;
}

Machine::LockView Locks::view(Table::const_iterator at, Machine::LockShown shown) const {
    const Entry& entry = at->second;
    Machine::LockView view{.name = at->first,
                           .limit = entry.limit,
                           .lock = entry.record,
                           .holders = {},
                           .holder_count = entry.holders.size(),
                           .latest_token = 0,
                           .queue = {},
                           .queue_length = entry.queue.size()};
    if (!entry.holders.empty()) view.latest_token = entry.holders.rbegin()->first.first;
    view.holders.reserve(std::min(shown.holders, entry.holders.size()));
    for (const auto& [key, held] : entry.holders) {
        if (view.holders.size() == shown.holders) break;
        view.holders.push_back(held.holder);
    }
    view.queue.reserve(std::min(shown.waiters, entry.queue.size()));
    for (const auto& [place, waiter] : entry.queue) {
        if (view.queue.size() == shown.waiters) break;
        view.queue.push_back(waiter);
    }
    return view;
}

std::optional<Machine::LockView> Locks::find(std::string_view name,
                                             Machine::LockShown shown) const {
    const auto at = locks_.find(name);
    if (at == locks_.end()) return std::nullopt;
    return view(at, shown);
}

std::size_t Locks::queue_length(std::string_view name) const {
    const auto at = locks_.find(name);
    return at == locks_.end() ? 0 : at->second.queue.size();
}

std::uint64_t Locks::position(std::string_view name, SessionId session) const {
    const auto place = claims_.place(session, name);
    return place ? position_of(locks_.find(name)->second, *place) : 0;
}

std::vector<Machine::LockView> Locks::list(std::string_view prefix, std::string_view after,
                                           std::size_t limit, Machine::LockShown shown) const {
    std::vector<Machine::LockView> found;
    const bool from_prefix = after.empty() || after < prefix;
    auto at = from_prefix ? locks_.lower_bound(prefix) : locks_.upper_bound(after);
    for (; at != locks_.end() && found.size() < limit; ++at) {
        if (!at->first.starts_with(prefix)) break;
        found.push_back(view(at, shown));
    }
    return found;
}

std::vector<Ptr<Waiter>> Locks::waiters() const {
    std::map<Revision, Ptr<Waiter>> found;
    for (const auto& [name, entry] : locks_) {
        for (const auto& [place, waiter] : entry.queue) found.try_emplace(place, waiter);
    }
    std::vector<Ptr<Waiter>> ordered;
    ordered.reserve(found.size());
    for (auto& [place, waiter] : found) ordered.push_back(std::move(waiter));
    return ordered;
}

std::vector<Ptr<Lock>> Locks::delayed() const {
    std::vector<Ptr<Lock>> found;
    for (const std::string_view name : delayed_) found.push_back(locks_.find(name)->second.record);
    return found;
}

void Locks::append_rows(std::vector<Row>& rows) const {
    for (const auto& [name, entry] : locks_) {
        if (entry.record) rows.push_back({lock_row(name), entry.record});
        for (const auto& [key, held] : entry.holders) {
            rows.push_back({holder_row(*held.holder), held.holder});
        }
        for (const auto& [place, waiter] : entry.queue) {
            rows.push_back({waiter_row(*waiter), waiter});
        }
    }
}

// One lock, by itself.
void Locks::check(const std::string& name, const Entry& entry) const {
    std::size_t sharing = 0;
    const auto share = [&](LockMode mode, std::uint64_t limit) {
        if (mode == LockMode::exclusive) {
            invariant(limit == 0, "only what is shared has a limit");
            return;
        }
        ++sharing;
        invariant(limit == entry.limit, "all who share a lock go by one limit");
    };
    for (const auto& [key, held] : entry.holders) {
        const Holder& holder = *held.holder;
        const auto& [token, session] = key;
        invariant(holder.lock == name && holder.token == token && holder.session == session,
                  "a holder stands under its token");
        invariant(holder.mode == LockMode::shared || entry.holders.size() == 1,
                  "an exclusive holder has the lock alone");
        invariant(sessions_.may_own(session), "a holder's session exists");
        invariant(claims_.token(session, name) == token, "a holder knows what it holds");
        share(holder.mode, holder.limit);
    }
    invariant(entry.holders.empty() ||
                  entry.holders.begin()->second.holder->mode == LockMode::exclusive ||
                  entry.holders.size() <= capacity(entry.limit),
              "no more share a lock than its limit says");
    for (const auto& [place, waiter] : entry.queue) {
        invariant(waiter->lock == name && waiter->place == place, "a waiter is at its place");
        invariant(sessions_.contains(waiter->session), "a waiter's session exists");
        invariant(claims_.place(waiter->session, name) == place, "a waiter knows its place");
        invariant(!claims_.token(waiter->session, name), "nobody waits for what it holds");
        share(waiter->mode, waiter->limit);
    }
    invariant(sharing == entry.sharing, "those who share a lock are counted");
    invariant(sharing > 0 || entry.limit == 0, "a limit goes with the last who shares");
    invariant(is_delayed(entry) == delayed_.contains(name), "a lock under delay is listed");

    const bool idle = entry.holders.empty() && entry.queue.empty() && !is_delayed(entry);
    const bool remembered = entry.record && entry.record->last_release;
    invariant(!idle || remembered, "what is of no use is not kept");
    invariant(!remembered || idle == idle_.contains({entry.record->last_release->revision, name}),
              "an idle lock has its turn to be forgotten");
    if (entry.record) invariant(entry.record->name == name, "a lock stands under its name");
}

void Locks::check_invariants() const {
    std::size_t held = 0, waiting = 0;
    for (const auto& [name, entry] : locks_) {
        check(name, entry);
        held += entry.holders.size();
        waiting += entry.queue.size();
        if (entry.queue.empty()) continue;
        // Only the front needs to be looked at: who is behind it waits for its turn.
        const Waiter& front = *entry.queue.begin()->second;
        const auto several = several_.find(front.place);
        const bool could =
            several == several_.end()
                ? fits(entry, front.mode, front.limit)
                : std::ranges::all_of(several->second, [&](const auto& part) {
                      const Entry& other = locks_.find(part)->second;
                      const Waiter& first = *other.queue.begin()->second;
                      return first.place == front.place && fits(other, first.mode, first.limit);
                  });
        invariant(!could, "nobody waits for what could be granted");
    }
    for (const auto& [place, names] : several_) {
        invariant(names.size() > 1, "several locks are more than one");
        for (const auto& name : names) {
            const auto at = locks_.find(name);
            invariant(at != locks_.end() && at->second.queue.contains(place),
                      "an acquire of several locks stands in the queue of each");
        }
    }
    invariant(held == held_ && waiting == waiting_, "held locks and waiters are counted");
    invariant(waiting_ <= limits_.waiters, "there are no more waiters than allowed");
    invariant(held_ + waiting_ <= limits_.locks_held + limits_.waiters,
              "no more locks are held and waited for than allowed");
    invariant(idle_.size() <= limits_.free_locks, "no more free locks are kept than allowed");

    std::size_t claims = 0;
    for (const auto& [session, claim] : claims_.all()) {
        claims += claim.size();
        invariant(claim.size() <= limits_.locks_per_session, "a session keeps to its locks");
    }
    invariant(claims == held_ + waiting_, "a session claims only what it has");
}

}  // namespace gavel::statemachine
