#pragma once

#include <stdexcept>
#include <string>

namespace gavel::simulation {

// What the simulator found: the run ends here.
struct Failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

inline void expect(bool holds, const char* claim) {
    if (!holds) throw Failure(claim);
}

}  // namespace gavel::simulation
