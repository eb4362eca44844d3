#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "tests/simulation/trace.h"

namespace gavel::simulation {

// What happens when, in virtual time. Events of one instant happen in the order in which they were
// added.
class Schedule {
public:
    using Action = std::function<void()>;

    Time now() const { return now_; }

    void after(Time delay, Action action) {
        events_.push_back({now_ + delay, ++added_, std::move(action)});
        std::push_heap(events_.begin(), events_.end());
    }

    // The next event, if it is not later than `until`; otherwise it is `until` now, and false.
    bool run_next(Time until) {
        if (events_.empty() || events_.front().when > until) {
            now_ = until;
            return false;
        }
        std::pop_heap(events_.begin(), events_.end());
        Event event = std::move(events_.back());
        events_.pop_back();
        now_ = event.when;
        event.action();
        return true;
    }

private:
    struct Event {
        Time when{};
        std::uint64_t order{};
        Action action{};

        // The earliest event stands at the top of the heap.
        bool operator<(const Event& other) const {
            return when != other.when ? when > other.when : order > other.order;
        }
    };

    Time now_ = 0;
    std::uint64_t added_ = 0;
    std::vector<Event> events_;
};

}  // namespace gavel::simulation
