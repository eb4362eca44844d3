#pragma once

#include <vector>

#include "statemachine/commands.h"
#include "statemachine/limits.h"
#include "statemachine/outcomes.h"
#include "statemachine/state.h"

namespace gavel::statemachine {

// The server set as a part of the state (Paxos Made Simple, section 3): what the command in slot i
// leaves governs from slot i+alpha on. It lives in the globals, with the epochs of the window.
class Members {
public:
    Members(const Limits& limits, Globals& globals) : limits_(limits), globals_(globals) {}

    // The first epoch, which governs from slot 1 on.
    void found(std::vector<Member> members);

    // What those who watch the members are told goes to `events`.
    Outcome change(Revision slot, const ChangeMembers& command, std::vector<EventBody>& events);
    void pin(const PinMembers& command);
    // Epochs that govern no slot after the applied one are forgotten.
    void forget_the_past();

    // It was a member, and is one in no slot after the applied one: its commands are executed no
    // more, for what is remembered of them is forgotten.
    bool is_gone(MemberNumber member) const;

    // Whether globals that came from elsewhere can have been left by commands.
    bool is_sound() const { return broken_claim() == nullptr; }
    void check_invariants() const;

private:
    const char* broken_claim() const;  // Null: all hold.

    const Limits& limits_;
    Globals& globals_;
};

}  // namespace gavel::statemachine
