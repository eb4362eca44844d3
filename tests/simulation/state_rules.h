#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>

#include "statemachine/machine.h"
#include "tests/simulation/reached.h"

namespace gavel::simulation {

// What must hold of each command that is executed: of locks, sessions, ephemeral keys, quotas and
// schemas. What it compares with it keeps itself, by what commands ask and events tell, and takes
// from no index of the state machine's where it can be wrong with that.
class StateRules {
public:
    // Both must outlive it.
    StateRules(const statemachine::Machine& machine, Reached& reached)
        : machine_(machine), reached_(reached) {}

    // The machine has just executed the entry.
    void check(const statemachine::Entry& entry, const statemachine::Applied& applied);

    // The grant with that token was ended by force.
    bool was_broken(const std::string& lock, statemachine::Token token) const {
        return broken_.contains({lock, token});
    }

private:
    struct Grants {
        std::map<statemachine::SessionId, statemachine::LockEvent> holders{};
        statemachine::Token highest{};
    };

    void check_guard(const statemachine::Entry& entry, const statemachine::Applied& applied);
    void check_room(const statemachine::Entry& entry, const statemachine::Applied& applied);
    void check_schema(const statemachine::Entry& entry, const statemachine::Applied& applied);
    void check_events(const statemachine::Entry& entry, const statemachine::Applied& applied);
    void check_grant(const statemachine::LockEvent& grant, Grants& grants);
    void count_rare_grants(const statemachine::Entry& entry, const statemachine::Applied& applied);
    void check_turn(const statemachine::Entry& entry, const statemachine::Applied& applied);
    void check_deadlock(const statemachine::Entry& entry,
                        const statemachine::Applied& applied) const;
    void check_ending(const statemachine::Entry& entry, const statemachine::Applied& applied);
    void check_ephemeral(const statemachine::Entry& entry, const statemachine::Applied& applied);

    const statemachine::Machine& machine_;
    Reached& reached_;
    std::map<std::string, statemachine::Revision> schemas_;  // By prefix, as commands set them.
    std::map<std::string, statemachine::Machine::QuotaView> quotas_;  // Before a command.
    std::map<std::string, Grants> locks_;
    std::set<std::pair<std::string, statemachine::Token>> broken_;
    std::map<std::string, statemachine::Token> expired_;        // Locks last released by an expiry.
    std::map<std::string, statemachine::SessionId> ephemeral_;  // Keys, and whose they are.
};

}  // namespace gavel::simulation
