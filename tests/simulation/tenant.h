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
// disks run out of room at times. In some runs it squeezes: quotas, also that of everything, are
// set near what there is or below, and it puts, deletes, transacts, rolls back and opens sessions
// under them. Nobody looks at its answers: what counts is what was executed (Observer).
class Tenant {
public:
    explicit Tenant(World& world);

    void start();

private:
    void think();
    void act();
    statemachine::Command rule(const std::string& key);
    using Made = std::function<statemachine::Command(const daemon::Core&)>;
    void squeeze();
    Made tight();
    statemachine::SetQuota tight_quota(const daemon::Core& core, const std::string& prefix);
    statemachine::Transact transaction(const daemon::Core& core);
    static void ask(Member& member, Made command);

    World& world_;
    Prng prng_;
    Prng squeeze_prng_;
};

}  // namespace gavel::simulation
