#include "daemon/lease_book.h"

#include <algorithm>
#include <utility>

namespace gavel::daemon {

using paxos::Tick;
using statemachine::Revision;
using statemachine::SessionId;

void LeaseBook::clear() {
    leases_.clear();
    renewals_.clear();
    alarms_.clear();
    unfinished_.clear();
    batches_ = 0;
    timers_.clear();
    timers_by_time_.clear();
}

void LeaseBook::start(const statemachine::Machine& machine, Tick now) {
    clear();
    for (const auto& [id, session] : machine.sessions()) {
        renew(id, static_cast<std::uint64_t>(session->ttl), now);
    }
    for (const auto& [id, session] : machine.ending_sessions()) unfinished_.insert(id);
    for (const auto& waiter : machine.waiters()) {
        add_wait(*waiter, now);
        // Opened by the very command that took the place.
        if (waiter->session != waiter->place) continue;
        const auto session = machine.session(waiter->session);
        hold(session->id, static_cast<std::uint64_t>(session->ttl),
             static_cast<std::uint64_t>(waiter->wait), now);
    }
    for (const auto& lock : machine.delayed_locks()) add_delay(*lock, now);
}

bool LeaseBook::renew(SessionId session, std::uint64_t ttl_ms, Tick now) {
    const auto [lease, added] = leases_.try_emplace(session);
    if (lease->second.expiring) return false;
    lease->second.deadline = std::max(lease->second.deadline, now + ttl_ms);
    renewals_.push_back({session, ttl_ms});
    if (added) set_alarm(session, lease->second);
    return true;
}

void LeaseBook::set_alarm(SessionId session, Lease& lease) {
    alarms_.erase({lease.alarm, session});
    lease.alarm = lease.deadline;
    alarms_.emplace(lease.alarm, session);
}

void LeaseBook::on_ended(SessionId session, const statemachine::Machine& machine) {
    const auto lease = leases_.find(session);
    const bool ended = machine.session(session) == nullptr;
    const bool expiring = lease != leases_.end() && lease->second.expiring;
    if (ended ? machine.ending_sessions().contains(session) : expiring) {
        unfinished_.insert(session);
    } else if (ended) {
        unfinished_.erase(session);
    }
    if (!ended || lease == leases_.end()) return;
    alarms_.erase({lease->second.alarm, session});
    leases_.erase(lease);
}

void LeaseBook::on_batch_executed() {
    if (batches_ > 0) --batches_;
}

void LeaseBook::hold(SessionId session, std::uint64_t ttl_ms, std::uint64_t wait_ms, Tick now) {
    Lease& lease = leases_[session];
    lease.ttl_once_granted_ms = ttl_ms;
    lease.deadline = now + wait_ms + ttl_ms;
    set_alarm(session, lease);
}

void LeaseBook::on_grant(SessionId session, Tick now) {
    const auto lease = leases_.find(session);
    if (lease == leases_.end() || lease->second.ttl_once_granted_ms == 0) return;
    const std::uint64_t ttl_ms = std::exchange(lease->second.ttl_once_granted_ms, 0);
    lease->second.deadline = now + ttl_ms;
    set_alarm(session, lease->second);
    renew(session, ttl_ms, now);
}

void LeaseBook::add_wait(const statemachine::Waiter& waiter, Tick now) {
    // An acquire of several locks stands in the queue of each: any of them names its place.
    const auto present = timers_.find(waiter.place);
    if (present != timers_.end() &&
        std::get<statemachine::LeaveQueue>(present->second.command).attempt == waiter.attempt) {
        return;
    }
    set_timer(waiter.place,
              {now + static_cast<std::uint64_t>(waiter.wait),
               statemachine::LeaveQueue{waiter.lock, waiter.session, waiter.attempt}});
}

void LeaseBook::end_wait(Revision place) { end_timer(place); }

void LeaseBook::add_delay(const statemachine::Lock& lock, Tick now) {
    set_timer(lock.name, {now + static_cast<std::uint64_t>(lock.delay),
                          statemachine::EndLockDelay{lock.name, lock.delayed_at}});
}

void LeaseBook::end_delay(const std::string& lock) { end_timer(lock); }

void LeaseBook::set_timer(Timed what, Timer timer) {
    end_timer(what);
    timers_by_time_.emplace(timer.at, what);
    timers_.emplace(std::move(what), std::move(timer));
}

void LeaseBook::end_timer(const Timed& what) {
    const auto timer = timers_.find(what);
    if (timer == timers_.end()) return;
    timers_by_time_.erase({timer->second.at, what});
    timers_.erase(timer);
}

std::vector<statemachine::Command> LeaseBook::due(Tick now, const Pace& pace,
                                                  Revision leader_start) {
    std::vector<statemachine::Command> commands;
    if (pace.commands > 0 && batches_ < pace.batches) {
        auto sessions = lapsed(now, pace);
        if (!sessions.empty()) {
            ++batches_;
            commands.emplace_back(statemachine::ExpireSessions{std::move(sessions), leader_start});
        }
    }
    while (commands.size() < pace.commands && !timers_by_time_.empty() &&
           timers_by_time_.begin()->first <= now) {
        const auto due = timers_by_time_.extract(timers_by_time_.begin());
        auto timer = timers_.extract(due.value().second);
        std::visit([&](auto& command) { commands.emplace_back(std::move(command)); },
                   timer.mapped().command);
    }
    return commands;
}

// The next batch: what the last ones left first.
std::vector<SessionId> LeaseBook::lapsed(Tick now, const Pace& pace) {
    std::vector<SessionId> sessions;
    while (sessions.size() < pace.sessions && !unfinished_.empty()) {
        sessions.push_back(unfinished_.extract(unfinished_.begin()).value());
    }
    for (std::size_t looked_at = 0; looked_at < pace.looked_at; ++looked_at) {
        if (sessions.size() == pace.sessions || alarms_.empty()) break;
        if (alarms_.begin()->first > now) break;
        const SessionId session = alarms_.extract(alarms_.begin()).value().second;
        Lease& lease = leases_.at(session);
        if (lease.deadline > now) {
            set_alarm(session, lease);
            continue;
        }
        lease.expiring = true;
        sessions.push_back(session);
    }
    return sessions;
}

void LeaseBook::on_tick(Tick now) {
    for (const auto& [session, ttl_ms] : renewals_) {
        const auto lease = leases_.find(session);
        if (lease == leases_.end()) continue;  // Ended meanwhile.
        lease->second.deadline = std::max(lease->second.deadline, now + ttl_ms);
    }
    renewals_.clear();
}

std::optional<statemachine::DurationMs> LeaseBook::expires_in(SessionId session, Tick now) const {
    const auto lease = leases_.find(session);
    if (lease == leases_.end()) return std::nullopt;
    // Over and not expiring yet: its turn has not come.
    if (lease->second.expiring || lease->second.deadline <= now) return 0;
    return static_cast<statemachine::DurationMs>(lease->second.deadline - now);
}

}  // namespace gavel::daemon
