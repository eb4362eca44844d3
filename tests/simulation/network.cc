#include "tests/simulation/network.h"

namespace gavel::simulation {

Time Network::delay() { return settings_.delay + prng_.below(settings_.jitter + 1); }

void Network::send(paxos::MemberId from, paxos::MemberId to, std::string bytes) {
    const bool lost = !healed_ && prng_.chance(settings_.lost_percent);
    if (lost || is_cut(from, to)) {
        reached_.count(lost ? "message lost" : "message cut off");
        return;
    }
    Time delay = this->delay();
    if (!healed_ && prng_.chance(settings_.late_percent)) delay += prng_.below(settings_.late);
    if (!healed_ && prng_.chance(settings_.repeated_percent)) {
        reached_.count("message repeated");
        const Time again = delay + prng_.below(10 * delay);
        schedule_.after(again, [this, from, to, bytes] { deliver_(from, to, bytes); });
    }
    schedule_.after(delay, [this, from, to, bytes = std::move(bytes)]() mutable {
        // A cut also loses what is on its way.
        if (!is_cut(from, to)) deliver_(from, to, std::move(bytes));
    });
}

void Network::heal() {
    healed_ = true;
    cuts_.clear();
}

}  // namespace gavel::simulation
