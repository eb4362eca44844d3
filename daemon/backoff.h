#pragma once

#include <algorithm>
#include <chrono>

#include "base/prng.h"

namespace gavel::daemon {

// How long to wait before the next attempt: twice as long each time, up to a bound, and never just
// as long as the others wait. Pure.
class Backoff {
public:
    using Duration = std::chrono::milliseconds;

    Backoff(Duration min, Duration max, std::uint64_t seed)
        : min_(min), max_(max), ceiling_(min), prng_(seed) {}

    // Between half the present bound and the bound.
    Duration next() {
        const auto bound = static_cast<std::uint64_t>(ceiling_.count());
        ceiling_ = std::min(2 * ceiling_, max_);
        return Duration(prng_.between(bound / 2, bound));
    }
    void reset() { ceiling_ = min_; }

private:
    Duration min_;
    Duration max_;
    Duration ceiling_;
    Prng prng_;
};

}  // namespace gavel::daemon
