#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/prng.h"
#include "daemon/core.h"
#include "tests/simulation/schedule.h"

namespace gavel::simulation {

class Member;
class World;

// Fills a corner of the keys of its own while quotas and schemas of it come and go, and members'
// disks run out of room at times. Nobody looks at its answers: what counts is what was executed
// (Observer).
class Tenant {
public:
    explicit Tenant(World& world);

    void start() { think(); }

private:
    void think();
    void act();
    statemachine::Command rule(const std::string& key);
    static void ask(Member& member,
                    std::function<statemachine::Command(const daemon::Core&)> command);

    World& world_;
    Prng prng_;
};

}  // namespace gavel::simulation
