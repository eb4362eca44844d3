#include "bench/scenario.h"

#include <string_view>

namespace gavel::bench {

const std::vector<Scenario>& scenarios() {
    static const std::vector<Scenario> all{
        {"put", Work::put, {1, 64, 256}, true},
        {"get", Work::get, {64, 256}, true},
        {"get-stale", Work::get_stale, {64, 256}, true},
        {"lock", Work::lock, {1, 64, 256}, false},
        {"handoff", Work::handoff, {16}, false},
        {"shared", Work::shared, {64}, false},
        {"semaphore", Work::semaphore, {64}, false},
        {"transact", Work::transact, {64}, true},
        {"get-past", Work::get_past, {64}, false},
        {"ephemeral", Work::ephemeral, {64}, false},
        {"watch", std::nullopt, {1000}, false},
        {"fill", Work::fill, {64}, false},
        {"sessions", std::nullopt, {64}, false},
        {"failover", std::nullopt, {}, false},
    };
    return all;
}

const Scenario* find_scenario(const std::string& name) {
    for (const auto& scenario : scenarios()) {
        if (scenario.name == name) return &scenario;
    }
    return nullptr;
}

Result run_scenario(const Options& options, const Scenario& scenario, std::size_t clients) {
    if (scenario.work) return run_load(options, *scenario.work, scenario.name, clients);
    const std::string_view name = scenario.name;
    if (name == "watch") return run_watch(options, clients);
    return name == "sessions" ? run_sessions(options, clients) : run_failover(options);
}

}  // namespace gavel::bench
