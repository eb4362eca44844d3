#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "paxos/types.h"
#include "statemachine/machine.h"

namespace gavel::daemon {

// What a leader times for the state: sessions' leases, waits for locks, lock-delays. Volatile: a
// new leader begins with full times from the state as its LeaderStart left it, so that nothing is
// taken away early, whatever any clock says.
//
// A lease counts from the first tick after its renewal: the time known in between is that of an
// earlier tick, from before the client even asked.
class LeaseBook {
public:
    // Forgets everything, then gives every session, wait and lock-delay its full time.
    void start(const statemachine::Machine& machine, paxos::Tick now);
    void clear();

    // A session was opened, or a keep-alive was confirmed. False: its expiry is proposed already.
    bool renew(statemachine::SessionId session, std::uint64_t ttl_ms, paxos::Tick now);
    // A session was opened by an acquire that waits. Its client does not know it and cannot keep it
    // alive before the grant, from which on it has its full time; until then it lives as long as it
    // may wait.
    void hold(statemachine::SessionId session, std::uint64_t ttl_ms, std::uint64_t wait_ms,
              paxos::Tick now);
    void on_grant(statemachine::SessionId session, paxos::Tick now);
    void forget(statemachine::SessionId session) { leases_.erase(session); }
    void add_wait(std::string lock, statemachine::SessionId session, statemachine::Revision attempt,
                  std::uint64_t wait_ms, paxos::Tick now);
    void add_delay(std::string lock, statemachine::Revision delayed_at, std::uint64_t delay_ms,
                   paxos::Tick now);

    // Time passed: what was renewed since the last tick counts from now.
    void on_tick(paxos::Tick now);

    // Commands that are due, at most `most`; each is given out once.
    std::vector<statemachine::Command> due(paxos::Tick now, std::size_t most,
                                           statemachine::Revision leader_start);

    // Milliseconds until the session lapses, 0 when its expiry is proposed; none: it is not known.
    std::optional<statemachine::DurationMs> expires_in(statemachine::SessionId session,
                                                       paxos::Tick now) const;
    std::size_t size() const { return timers_.size(); }

private:
    struct Lease {
        paxos::Tick deadline{};
        paxos::Tick timer{};  // When its timer fires; others of the session are void.
        std::uint64_t ttl_once_granted_ms{};  // Of one that is held; else 0.
        bool expiring{};
    };
    struct Renewal {
        statemachine::SessionId session{};
        std::uint64_t ttl_ms{};
    };
    struct SessionTimer {
        statemachine::SessionId session{};
    };
    using Timer = std::variant<SessionTimer, statemachine::LeaveQueue, statemachine::EndLockDelay>;

    void set_timer(statemachine::SessionId session, Lease& lease);

    std::map<statemachine::SessionId, Lease> leases_;
    std::vector<Renewal> renewals_;  // Since the last tick.
    // A session has one timer; when it fires early, because of renewals, it is set anew.
    std::multimap<paxos::Tick, Timer> timers_;
};

}  // namespace gavel::daemon
