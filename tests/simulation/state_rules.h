#pragma once

#include <map>
#include <string>

#include "statemachine/machine.h"
#include "tests/simulation/reached.h"
#include "tests/simulation/room.h"
#include "tests/simulation/turns.h"

namespace gavel::simulation {

// What must hold of each command that is executed: of locks (Turns), quotas (Room), sessions,
// ephemeral keys and schemas. What it compares with it keeps itself, by what commands ask and
// events tell, and takes from no index of the state machine's where it can be wrong with that.
class StateRules {
public:
    // Both must outlive it.
    StateRules(const statemachine::Machine& machine, Reached& reached)
        : machine_(machine), reached_(reached), room_(machine, reached), turns_(machine, reached) {}

    // The machine has just executed the entry.
    void check(const statemachine::Entry& entry, const statemachine::Applied& applied);

    // The grant with that token was ended by force.
    bool was_broken(const std::string& lock, statemachine::Token token) const {
        return turns_.was_broken(lock, token);
    }

private:
    void check_guard(const statemachine::Entry& entry, const statemachine::Applied& applied);
    void check_schema(const statemachine::Entry& entry, const statemachine::Applied& applied);
    void check_deadlock(const statemachine::Entry& entry,
                        const statemachine::Applied& applied) const;
    void check_ending(const statemachine::Entry& entry, const statemachine::Applied& applied);
    void check_ephemeral(const statemachine::Entry& entry, const statemachine::Applied& applied);

    const statemachine::Machine& machine_;
    Reached& reached_;
    Room room_;
    Turns turns_;
    std::map<std::string, statemachine::Revision> schemas_;     // By prefix, as commands set them.
    std::map<std::string, statemachine::SessionId> ephemeral_;  // Keys, and whose they are.
};

}  // namespace gavel::simulation
