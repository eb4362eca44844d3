#pragma once

#include <string_view>
#include <vector>

#include "statemachine/outcomes.h"
#include "statemachine/rows.h"
#include "statemachine/state.h"

namespace gavel::statemachine {

// A place in a queue that was given up or turned into a grant: how the acquire ended.
struct SettledWait {
    Ptr<Waiter> waiter{};
    Outcome outcome{};
};

// The execution of one command: where it stands, and what it has done so far.
struct Step {
    Revision revision{};
    TimeMs time{};
    bool spares_room{};  // What would add to the state is refused.
    Rows& rows;
    // Who asked for it and why, as the command says.
    std::string_view author{};
    std::string_view reason{};
    std::vector<EventBody> events{};
    std::vector<SettledWait> settled{};
    std::vector<Ptr<KeyValue>> got{};    // By the gets of a transaction.
    std::vector<SessionId> unclaimed{};  // Let go of the last lock they had or waited for.
    std::size_t granted{};               // Locks handed on to those who waited.
};

}  // namespace gavel::statemachine
