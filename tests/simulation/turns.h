#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "statemachine/machine.h"
#include "tests/simulation/reached.h"

namespace gavel::simulation {

// Locks: who holds each, and in which order the others come to it. Kept by what commands ask for
// and are answered, and by what events tell: a queue is served from the front and only from there,
// so nobody overtakes and nobody starves; whoever asks again keeps his place; and a lock that its
// next one can have goes to him with the very command that makes it so.
class Turns {
public:
    // Both must outlive it.
    Turns(const statemachine::Machine& machine, Reached& reached)
        : machine_(machine), reached_(reached) {}

    // The machine has just executed the entry.
    void check(const statemachine::Entry& entry, const statemachine::Applied& applied);

    // That session holds the lock with that token; 0: anybody does.
    bool is_live(const std::string& lock, statemachine::Token token,
                 statemachine::SessionId session) const;
    // The grant with that token was ended by force.
    bool was_broken(const std::string& lock, statemachine::Token token) const {
        return broken_.contains({lock, token});
    }

private:
    struct Waiting {
        statemachine::SessionId session{};
        statemachine::Revision attempt{};
        statemachine::LockMode mode{};
        std::uint64_t limit{};
    };
    struct Lock {
        std::map<statemachine::SessionId, statemachine::LockEvent> holders{};
        std::map<statemachine::Revision, Waiting> queue{};  // By place.
        statemachine::Token highest{};
        statemachine::Revision delayed_at{};  // 0: it is not delayed.
    };
    struct Asked {
        statemachine::SessionId session{};
        std::vector<statemachine::AcquireLocks::Wanted> locks{};
        bool waits{};
    };

    static Asked asked_by(const statemachine::Entry& entry, const statemachine::Outcome& outcome);
    void lose_the_ended();
    void leave(const statemachine::Entry& entry, const statemachine::Applied& applied,
               const Asked& asked);
    void leave(const Asked& asked, const statemachine::LockHeld& held);
    void leave_wait(const statemachine::LeaveQueue& command, const statemachine::Outcome& outcome);
    void end_delay(const statemachine::Entry& entry, const statemachine::Outcome& outcome);
    void dequeue(statemachine::Revision place);

    void follow(const statemachine::Applied& applied, const Asked& asked);
    void let_go(const statemachine::LockEvent& event, statemachine::Revision now);
    void grant(const statemachine::LockEvent& event, const statemachine::Applied& applied,
               const Asked& asked);
    void grant_the_first(const statemachine::LockEvent& event, Lock& lock,
                         statemachine::Revision place);

    void answer(const statemachine::Applied& applied, const Asked& asked);
    void answer_queued(const statemachine::LockQueued& queued, const Asked& asked,
                       statemachine::Revision now);
    void answer_granted(const statemachine::LockGranted& granted, const Asked& asked) const;
    void check_held(const statemachine::LockHeld& held, const Asked& asked) const;
    void check_nobody_is_kept_waiting() const;
    void check_shown() const;
    void count_rare(const statemachine::Entry& entry, const statemachine::Applied& applied) const;

    bool fits(const Lock& lock, statemachine::LockMode mode, std::uint64_t limit) const;
    bool could_have(const Asked& asked) const;
    // 0: it does not wait there.
    statemachine::Revision place_of(const std::string& lock, statemachine::SessionId session) const;
    statemachine::Revision place_of(const Asked& asked) const;
    std::uint64_t position_of(const std::string& lock, statemachine::Revision place) const;

    const statemachine::Machine& machine_;
    Reached& reached_;
    std::map<std::string, Lock> locks_;
    std::map<statemachine::Revision, std::set<std::string>> waits_;  // By place, the locks.
    std::map<statemachine::SessionId, statemachine::DurationMs> lock_delays_;
    std::set<std::pair<std::string, statemachine::Token>> broken_;
    std::map<std::string, statemachine::Token> expired_;  // Locks last released by an expiry.
};

}  // namespace gavel::simulation
