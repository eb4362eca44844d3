#pragma once

#include <cstdint>

#include "base/prng.h"
#include "paxos/types.h"

namespace gavel::paxos {

// When to stand for leader and when to yield: liveness only, it cannot harm safety (S25, S26).
//
// A member that heard from a leader lately would not promise to another (stickiness), so a member
// that was cut off for a while does not depose a leader that the others are happy with.
class Elector {
public:
    Elector(std::uint64_t seed, std::uint64_t heartbeat_ms, std::uint64_t timeout_ms, Tick now);

    // A leader, or a candidate that was promised to, deserves a full timeout.
    void on_leader_heard(Tick now);
    void on_promised(Tick now);
    // The leader's process is known to be gone: no need to wait for the timeout.
    void on_leader_dead(Tick now);
    // A canvass failed or a ballot was lost: try again after a random while, so that two who
    // outbid each other fall out of step.
    void on_defeat(Tick now);
    // Stand now, whatever the timeout says (hand-over, a cluster of one).
    void hurry(Tick now) { deadline_ = now; }

    bool due(Tick now) const { return now >= deadline_; }
    bool would_promise(Tick now) const { return !heard_ || now - last_heard_ >= timeout_ms_; }

private:
    std::uint64_t randomised() { return prng_.between(timeout_ms_, 2 * timeout_ms_); }

    Prng prng_;
    std::uint64_t heartbeat_ms_;
    std::uint64_t timeout_ms_;
    bool heard_{};
    bool dead_{};
    Tick last_heard_{};
    Tick deadline_{};
};

}  // namespace gavel::paxos
