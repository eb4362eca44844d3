#pragma once

#include <optional>

#include "daemon/acquaintances.h"
#include "daemon/peers.h"
#include "statemachine/state.h"

// Whom a member lets in, whom it waits for and whom it believes, by its state and by what it
// remembers of the others. The node and the simulator decide by these.
namespace gavel::daemon {

// Why the sender of that Hello is refused; nothing: it is welcome. `dismissed`: it was removed, and
// nobody needs it any more.
std::optional<Peers::Refusal> admit(const proto::Hello& hello, const statemachine::Globals& globals,
                                    bool dismissed, Acquaintances& others);

// A farewell is for good, so not everyone is believed: only a member of this one's own set, in the
// directory that it was met in or that the state names.
bool is_believed(const proto::Farewell& farewell, const statemachine::Globals& globals,
                 const Acquaintances& others);

// A founder votes once it has met every other one, in both directions: a directory that was wiped
// and made anew is refused by whoever remembers the old one. Not so one that has a state, which it
// got as a member that had met all.
bool founder_may_vote(statemachine::MemberNumber self, const statemachine::Globals& globals,
                      const Acquaintances& others);

}  // namespace gavel::daemon
