#include "cli/lease.h"

#include <signal.h>

#include <algorithm>

namespace gavel::cli {

LossDecision judge_loss(const Lease& lease, OnLost on_lost, LossStage stage,
                        BootClock::time_point kill_at, BootClock::time_point now) {
    constexpr auto never = BootClock::time_point::max();
    if (stage == LossStage::lost) return {.stage = LossStage::lost, .next_look = never};

    const auto lose = [on_lost, never] {
        const int signal = on_lost == OnLost::none ? 0 : SIGKILL;
        return LossDecision{.stage = LossStage::lost, .signal = signal, .next_look = never};
    };
    if (stage == LossStage::warned) {
        if (now >= kill_at) return lose();
        return {.stage = LossStage::warned, .next_look = kill_at};
    }

    if (on_lost == OnLost::term && (lease.ended || now >= lease.term_due())) {
        // Who sleeps past this may hear of the end before he looks at the clock: no grace then.
        if (now >= lease.kill_due()) return lose();
        return {.stage = LossStage::warned,
                .signal = SIGTERM,
                .next_look = std::min(now + lease.grace(), lease.kill_due())};
    }
    if (on_lost != OnLost::term && (lease.ended || now >= lease.kill_due())) return lose();
    return {.stage = LossStage::held, .next_look = lease.loss_due(on_lost)};
}

}  // namespace gavel::cli
