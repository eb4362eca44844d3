#pragma once

#include <cstdint>
#include <string>

#include "base/prng.h"
#include "statemachine/commands.h"
#include "tests/simulation/member.h"

namespace gavel::simulation {

class World;

// Many clients that open their sessions through one member, take locks and places in a queue, and
// vanish all at once: nobody keeps a session of theirs alive. What becomes of them the observer
// sees; none of them is there to be told anything.
class Crowd {
public:
    explicit Crowd(World& world);

    // Some more of them.
    void come(Member& through);

private:
    void lock(Member& through, const std::string& name, statemachine::SessionId session,
              statemachine::DurationMs wait);

    World& world_;
    Prng prng_;
    std::uint64_t last_lock_ = 0;
};

}  // namespace gavel::simulation
