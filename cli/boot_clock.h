#pragma once

#include <time.h>

#include <chrono>

namespace gavel::cli {

// CLOCK_BOOTTIME: monotonic, and it counts the time a machine was suspended, during which the
// cluster's clock went on as well.
struct BootClock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<BootClock>;
    static constexpr bool is_steady = true;

    static time_point now() {
        timespec time{};
        ::clock_gettime(CLOCK_BOOTTIME, &time);
        return time_point(std::chrono::seconds(time.tv_sec) +
                          std::chrono::nanoseconds(time.tv_nsec));
    }
};

}  // namespace gavel::cli
