#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
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
//
// However many sessions lapse at once, their end is smeared: in batches, of which few are under way
// at a time. One that waits for its turn may still be renewed.
class LeaseBook {
public:
    struct Pace {
        std::size_t commands = 64;       // Given out at one time.
        std::size_t sessions = 128;      // That lapse by one of them.
        std::size_t batches = 2;         // Of such, given out and not executed yet.
        std::size_t looked_at = 10'000;  // Leases at one time, most of which were renewed.
    };

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
    // A command may have ended the session, or was to and left it as it was.
    void on_ended(statemachine::SessionId session, const statemachine::Machine& machine);
    // A batch that was given out since start() is executed.
    void on_batch_executed();
    // Somebody waits at that place, from now on; a later attempt replaces the earlier one's time.
    void add_wait(const statemachine::Waiter& waiter, paxos::Tick now);
    void end_wait(statemachine::Revision place);
    void add_delay(const statemachine::Lock& lock, paxos::Tick now);
    void end_delay(const std::string& lock);

    // Time passed: what was renewed since the last tick counts from now.
    void on_tick(paxos::Tick now);

    // Commands that are due, as many as the pace allows; each is given out once.
    std::vector<statemachine::Command> due(paxos::Tick now, const Pace& pace,
                                           statemachine::Revision leader_start);

    // Milliseconds until the session lapses, 0 when its expiry is proposed; none: it is not known.
    std::optional<statemachine::DurationMs> expires_in(statemachine::SessionId session,
                                                       paxos::Tick now) const;

private:
    struct Lease {
        paxos::Tick deadline{};
        paxos::Tick alarm{};                  // When its alarm goes off.
        std::uint64_t ttl_once_granted_ms{};  // Of one that is held; else 0.
        bool expiring{};
    };
    struct Renewal {
        statemachine::SessionId session{};
        std::uint64_t ttl_ms{};
    };
    using Timed = std::variant<statemachine::Revision, std::string>;  // A place, or a lock.
    struct Timer {
        paxos::Tick at{};
        std::variant<statemachine::LeaveQueue, statemachine::EndLockDelay> command{};
    };

    void set_timer(Timed what, Timer timer);
    void end_timer(const Timed& what);
    void set_alarm(statemachine::SessionId session, Lease& lease);
    std::vector<statemachine::SessionId> lapsed(paxos::Tick now, const Pace& pace);

    std::map<statemachine::SessionId, Lease> leases_;
    std::vector<Renewal> renewals_;  // Since the last tick.
    // A session has one alarm, and none once its expiry is proposed; when it goes off early,
    // because of renewals, it is set anew.
    std::set<std::pair<paxos::Tick, statemachine::SessionId>> alarms_;
    // Ended, or proposed to be, and left over by the command.
    std::set<statemachine::SessionId> unfinished_;
    std::size_t batches_ = 0;  // Under way.
    // Of what is waited for and under delay now, and of nothing else.
    std::map<Timed, Timer> timers_;
    std::set<std::pair<paxos::Tick, Timed>> timers_by_time_;
};

}  // namespace gavel::daemon
