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
}

void LeaseBook::start(const statemachine::Machine& machine, Tick now) {
    clear();
    for (const auto& [id, session] : machine.sessions()) {
        renew(id, static_cast<std::uint64_t>(session->ttl), now);
    }
    for (const auto& [id, session] : machine.ending_sessions()) unfinished_.insert(id);
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
    if (added) set_alarm(session, lease->second);
    return true;
}

void LeaseBook::set_alarm(SessionId session, Lease& lease) {
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
    if (ended && lease != leases_.end()) leases_.erase(lease);
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

void LeaseBook::add_wait(std::string lock, SessionId session, Revision attempt,
                         std::uint64_t wait_ms, Tick now) {
    timers_.emplace(now + wait_ms, statemachine::LeaveQueue{std::move(lock), session, attempt});
}

void LeaseBook::add_delay(std::string lock, Revision delayed_at, std::uint64_t delay_ms, Tick now) {
    timers_.emplace(now + delay_ms, statemachine::EndLockDelay{std::move(lock), delayed_at});
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
    while (commands.size() < pace.commands && !timers_.empty() && timers_.begin()->first <= now) {
        auto timer = timers_.extract(timers_.begin());
        std::visit([&](auto& command) { commands.emplace_back(std::move(command)); },
                   timer.mapped());
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
        auto alarm = alarms_.extract(alarms_.begin());
        const auto lease = leases_.find(alarm.mapped());
        if (lease == leases_.end()) continue;  // Ended meanwhile.
        if (lease->second.alarm != alarm.key() || lease->second.expiring) continue;
        if (lease->second.deadline > now) {
            lease->second.alarm = alarm.key() = lease->second.deadline;
            alarms_.insert(std::move(alarm));
            continue;
        }
        lease->second.expiring = true;
        sessions.push_back(alarm.mapped());
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
