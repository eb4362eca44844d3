#pragma once

#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>
#include <vector>

#include "tests/simulation/linearizability.h"

namespace gavel::linearizability {

// The definition, tried word for word: some order of some unanswered and all answered operations
// respects time and every answer.
template <Model M>
bool is_linearizable_by_definition(const M& model, const History<M>& history) {
    std::vector<std::size_t> order(history.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const std::uint64_t subsets = std::uint64_t{1} << history.size();
    do {
        for (std::uint64_t happened = 0; happened < subsets; ++happened) {
            std::optional<typename M::State> state = model.initial();
            std::int64_t latest_call = std::numeric_limits<std::int64_t>::min();
            for (const std::size_t i : order) {
                const auto& [client, invoked, returned, input, output] = history[i];
                const bool answered = returned != never;
                if (((happened >> i) & 1U) == 0) {
                    if (answered) state.reset();
                    if (state) continue;
                    break;
                }
                if (returned < latest_call) state.reset();
                latest_call = std::max(latest_call, invoked);
                if (state) {
                    state = answered ? model.step(*state, input, output)
                                     : model.step_unanswered(*state, input);
                }
                if (!state) break;
            }
            if (state) return true;
        }
    } while (std::next_permutation(order.begin(), order.end()));
    return false;
}

}  // namespace gavel::linearizability
