#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bench/load.h"

namespace gavel::bench {

struct Scenario {
    const char* name{};
    std::optional<Work> work{};          // Nothing: not a closed loop of one kind of operation.
    std::vector<std::size_t> clients{};  // Unless others are asked for; empty: has no choice.
    bool reads_keys{};                   // Every key is put once before.
};

const std::vector<Scenario>& scenarios();
// Nothing when there is none of that name.
const Scenario* find_scenario(const std::string& name);

Result run_scenario(const Options& options, const Scenario& scenario, std::size_t clients);

}  // namespace gavel::bench
