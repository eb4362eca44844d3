#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/reached.h"
#include "tests/simulation/settings.h"

namespace gavel::simulation {

struct Outcome {
    std::optional<std::string> failure{};
    std::uint64_t trace_hash{};
    std::uint64_t trace_lines{};
    Time simulated{};
    Reached reached{};
};

// One run, from start to verdict. `print` writes its trace to standard output.
Outcome run(const Settings& settings, bool print = false);

// Runs seeds first to first+count-1 and says on standard output what was reached. Stops at the
// first failure. True: every seed passed, and everything that a campaign of this size has to reach
// was reached.
bool run_campaign(std::uint64_t first, std::uint64_t count);

// What a campaign has to reach, if it is large, and did not.
std::vector<std::string> never_reached(const Reached& reached);

}  // namespace gavel::simulation
