#include "daemon/admission.h"

#include <algorithm>

#include "daemon/roster.h"

namespace gavel::daemon {

using statemachine::Globals;

std::optional<Peers::Refusal> admit(const proto::Hello& hello, const Globals& globals,
                                    bool dismissed, Acquaintances& others) {
    if (auto refusal = refusal_of(globals, hello)) {
        // One that was removed may have what others need still, and has to find out by itself.
        if (refusal->farewell != proto::Farewell::Why::removed || dismissed) return refusal;
    }
    // A number that was not given out yet, as far as this member knows: it is heard, for this
    // member may be the one that is behind, but what it is known by is for the state to say.
    if (hello.member >= globals.next_member) return std::nullopt;
    return others.admit(hello, recorded_incarnation(globals, hello.member));
}

bool is_believed(const proto::Farewell& farewell, const Globals& globals,
                 const Acquaintances& others) {
    const statemachine::MemberNumber from = farewell.hello.member;
    const bool known = others.is_mutual(from) || recorded_incarnation(globals, from) != 0;
    return known && is_member(globals, from);
}

bool founder_may_vote(statemachine::MemberNumber self, const Globals& globals,
                      const Acquaintances& others) {
    if (globals.applied > 0) return true;
    return std::ranges::all_of(globals.epochs.front().members, [&](const auto& member) {
        return member.id == self || others.is_mutual(member.id);
    });
}

}  // namespace gavel::daemon
