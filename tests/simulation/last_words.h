#pragma once

#include <cstdint>
#include <string>

namespace gavel::simulation {

// From now on, a signal that ends the process (a broken invariant, a wild pointer) first names this
// seed on standard output, with the command that replays it.
void name_seed_at_the_end(std::uint64_t seed);

// How a failed run is reported, whatever ended it.
std::string failure_report(std::uint64_t seed, const std::string& what);

}  // namespace gavel::simulation
