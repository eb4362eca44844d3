#pragma once

#include <cstddef>
#include <vector>

#include "statemachine/machine.h"

namespace gavel::statemachine {

// The state that a new cluster begins with when the old one's majority is lost for good: its keys,
// their past, schemas, quotas and idempotency keys, with one member, as of slot `base`.
//
// The old cluster may have gone further than `old` knows, but not as far as `base`: revisions,
// tokens and session ids that are given out from here on are larger than all that it gave out. The
// history is forgotten, so that a watch which resumes from a position of the old cluster is told
// that it is compacted: nobody can say what came between. What is remembered of the old members'
// requests goes with them.
//
// Every session has lapsed, with what it held, waited for and announced: **no token that was given
// out before is live**. What `old` takes for a holder may long have let go, and another one may
// have got the lock and written under its token; were the first one's token live again, it would
// pass every fence, that of guarded writes included, while the true holder's would not. A new token
// for each holder that stayed would be as safe for fences, but would give locks back to who let
// them go, and leave them there for as long as its client lives. So nobody has a lock here who has
// not asked for it here. Who held one as far as `old` knows may believe in it until its session's
// TTL is over: nobody else gets it for that long, and for the session's lock-delay after it.
struct Refounding {
    std::vector<Row> rows{};  // Ordered by key.
    Globals globals{};
};
// `founder.id` was never given out, `base` is above what `old` applied.
Refounding refound(const Machine& old, Revision base, Member founder);

// What a new cluster would be made without.
struct LeftBehind {
    std::size_t sessions{};
    std::size_t locks{};   // Held, by each of its holders.
    std::size_t places{};  // In queues.
    std::size_t keys{};    // Ephemeral ones.
};
LeftBehind left_behind(const Machine& old);

}  // namespace gavel::statemachine
