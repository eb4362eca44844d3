#pragma once

#include "paxos/types.h"
#include "statemachine/types.h"

namespace gavel::daemon {

// Never goes back; counts from an arbitrary moment.
paxos::Tick monotonic_now();
// What a client's clock shows; may jump.
statemachine::TimeMs wall_now();

}  // namespace gavel::daemon
