#include "tests/simulation/network.h"

#include <algorithm>

namespace gavel::simulation {

Time Network::delay() { return settings_.delay + prng_.below(settings_.jitter + 1); }

void Network::send(paxos::MemberId from, paxos::MemberId to, std::string bytes, Stamp stamp) {
    const bool lost = !healed_ && prng_.chance(settings_.lost_percent);
    if (lost || is_cut(from, to)) {
        reached_.count(lost ? "message lost" : "message cut off");
        return;
    }
    const std::uint64_t number = ++sent_[{from, to}];
    Time delay = this->delay();
    if (!healed_ && prng_.chance(settings_.late_percent)) {
        reached_.count("message late");
        delay += prng_.below(settings_.late);
    }
    if (!healed_ && prng_.chance(settings_.repeated_percent)) {
        reached_.count("message repeated");
        const Time again = delay + prng_.below(10 * delay);
        schedule_.after(again, [this, from, to, bytes, stamp]() mutable {
            if (!is_cut(from, to)) deliver_(from, to, std::move(bytes), stamp);
        });
    }
    schedule_.after(delay, [this, from, to, number, stamp, bytes = std::move(bytes)]() mutable {
        // A cut also loses what is on its way.
        if (is_cut(from, to)) return reached_.count("message cut off on its way");
        auto& newest = newest_arrived_[{from, to}];
        if (number < newest) reached_.count("message overtaken");
        newest = std::max(newest, number);
        deliver_(from, to, std::move(bytes), stamp);
    });
}

void Network::heal() {
    healed_ = true;
    cuts_.clear();
}

}  // namespace gavel::simulation
