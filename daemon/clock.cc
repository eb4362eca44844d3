#include "daemon/clock.h"

#include <chrono>

namespace gavel::daemon {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

paxos::Tick monotonic_now() {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return {static_cast<std::uint64_t>(duration_cast<milliseconds>(now).count())};
}

statemachine::TimeMs wall_now() {
    return duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace gavel::daemon
