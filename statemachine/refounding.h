#pragma once

#include <vector>

#include "statemachine/machine.h"

namespace gavel::statemachine {

// The state that a new cluster begins with when the old one's majority is lost for good: the same
// sessions, locks, waiters, keys and idempotency keys, with one member, as of slot `base`.
//
// The old cluster may have gone further than `old` knows, but not as far as `base`: revisions,
// tokens and session ids that are given out from here on are larger than all that it gave out. The
// history is forgotten, so that a watch which resumes from a position of the old cluster is told
// that it is compacted: nobody can say what came between. What is remembered of the old members'
// requests goes with them.
struct Refounding {
    std::vector<Row> rows{};  // Ordered by key.
    Globals globals{};
};
// `founder.id` was never given out, `base` is above what `old` applied.
Refounding refound(const Machine& old, Revision base, Member founder);

}  // namespace gavel::statemachine
