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
    timers_.clear();
}

void LeaseBook::start(const statemachine::Machine& machine, Tick now) {
    clear();
    for (const auto& [id, session] : machine.sessions()) {
        renew(id, static_cast<std::uint64_t>(session->ttl), now);
    }
    for (const auto& waiter : machine.waiters()) {
        const auto wait = static_cast<std::uint64_t>(waiter->wait);
        add_wait(waiter->lock, waiter->session, waiter->attempt, wait, now);
        // Opened by the very command that took the place.
        if (waiter->session != waiter->place) continue;
        const auto session = machine.session(waiter->session);
        hold(session->id, static_cast<std::uint64_t>(session->ttl), wait, now);
    }
    for (const auto& lock : machine.delayed_locks()) {
        add_delay(lock->name, lock->delayed_at, static_cast<std::uint64_t>(lock->delay), now);
    }
}

bool LeaseBook::renew(SessionId session, std::uint64_t ttl_ms, Tick now) {
    const auto [lease, added] = leases_.try_emplace(session);
    if (lease->second.expiring) return false;
    lease->second.deadline = std::max(lease->second.deadline, now + ttl_ms);
    renewals_.push_back({session, ttl_ms});
    if (added) set_timer(session, lease->second);
    return true;
}

void LeaseBook::set_timer(SessionId session, Lease& lease) {
    lease.timer = lease.deadline;
    timers_.emplace(lease.timer, SessionTimer{session});
}

void LeaseBook::hold(SessionId session, std::uint64_t ttl_ms, std::uint64_t wait_ms, Tick now) {
    Lease& lease = leases_[session];
    lease.ttl_once_granted_ms = ttl_ms;
    lease.deadline = now + wait_ms + ttl_ms;
    set_timer(session, lease);
}

void LeaseBook::on_grant(SessionId session, Tick now) {
    const auto lease = leases_.find(session);
    if (lease == leases_.end() || lease->second.ttl_once_granted_ms == 0) return;
    const std::uint64_t ttl_ms = std::exchange(lease->second.ttl_once_granted_ms, 0);
    lease->second.deadline = now + ttl_ms;
    set_timer(session, lease->second);
    renew(session, ttl_ms, now);
}

void LeaseBook::add_wait(std::string lock, SessionId session, Revision attempt,
                         std::uint64_t wait_ms, Tick now) {
    timers_.emplace(now + wait_ms, statemachine::LeaveQueue{std::move(lock), session, attempt});
}

void LeaseBook::add_delay(std::string lock, Revision delayed_at, std::uint64_t delay_ms, Tick now) {
    timers_.emplace(now + delay_ms, statemachine::EndLockDelay{std::move(lock), delayed_at});
}

std::vector<statemachine::Command> LeaseBook::due(Tick now, std::size_t most,
                                                  Revision leader_start) {
    std::vector<statemachine::Command> commands;
    while (commands.size() < most && !timers_.empty() && timers_.begin()->first <= now) {
        const Tick fired = timers_.begin()->first;
        Timer timer = std::move(timers_.begin()->second);
        timers_.erase(timers_.begin());
        if (const auto* lapse = std::get_if<SessionTimer>(&timer)) {
            const auto lease = leases_.find(lapse->session);
            if (lease == leases_.end()) continue;  // Ended meanwhile.
            if (lease->second.timer != fired) continue;
            if (lease->second.deadline > now) {
                set_timer(lapse->session, lease->second);
                continue;
            }
            lease->second.expiring = true;
            commands.emplace_back(statemachine::ExpireSession{lapse->session, leader_start});
        } else if (auto* leave = std::get_if<statemachine::LeaveQueue>(&timer)) {
            commands.emplace_back(std::move(*leave));
        } else {
            commands.emplace_back(std::get<statemachine::EndLockDelay>(std::move(timer)));
        }
    }
    return commands;
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
    if (lease->second.expiring) return 0;
    return static_cast<statemachine::DurationMs>(lease->second.deadline - now);
}

}  // namespace gavel::daemon
