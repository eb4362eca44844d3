#pragma once

#include <chrono>

#include "cli/boot_clock.h"

namespace gavel::cli {

enum class OnLost { term, kill, none };

// How long a session surely lives. The cluster counts the TTL from when it received a keep-alive,
// which is after it was sent: counted from there, the lease ends here first (design.md, section 3;
// reliability.md, rule 23).
struct Lease {
    std::chrono::milliseconds ttl{};
    BootClock::time_point confirmed{};  // When the last confirmed keep-alive was sent.
    bool ended = false;                 // The cluster said that the session is no more.

    // A third of the TTL: two keep-alives may be lost before anything happens.
    BootClock::time_point keepalive_due() const { return confirmed + ttl / 3; }
    // Half of the TTL: by then the keep-alive that was due at a third has failed more than once.
    BootClock::time_point jeopardy_due() const { return confirmed + ttl / 2; }
    // The child is asked to end at three quarters of the TTL and killed at nine tenths. The last
    // tenth is for the kill to take effect, and for two clocks that do not run equally fast.
    BootClock::time_point term_due() const { return confirmed + ttl * 3 / 4; }
    BootClock::time_point kill_due() const { return confirmed + ttl * 9 / 10; }
    // When the lock counts as lost.
    BootClock::time_point loss_due(OnLost on_lost) const {
        return on_lost == OnLost::term ? term_due() : kill_due();
    }
    // Between TERM and KILL when the session has ended already.
    std::chrono::milliseconds grace() const { return ttl * 3 / 20; }
};

// What has been done to the child because of the lock; each stage is reached once.
enum class LossStage { held, warned, lost };

// What the holder has to do now, and until when nothing changes by itself.
struct LossDecision {
    LossStage stage = LossStage::held;
    int signal = 0;  // For the child's process group; 0: none.
    BootClock::time_point next_look{};

    friend bool operator==(const LossDecision&, const LossDecision&) = default;
};

// `kill_at` is what `next_look` said when the stage became `warned`. A confirmation that comes
// after TERM was sent does not take it back: the child is ending.
LossDecision judge_loss(const Lease& lease, OnLost on_lost, LossStage stage,
                        BootClock::time_point kill_at, BootClock::time_point now);

}  // namespace gavel::cli
