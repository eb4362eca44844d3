#include <sys/resource.h>

#include <cstdio>
#include <stdexcept>
#include <utility>

#include "bench/arguments.h"
#include "bench/report.h"
#include "bench/scenario.h"

namespace gavel::bench {
namespace {

void raise_file_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

std::vector<std::size_t> clients_of(const Options& options, const Scenario& scenario) {
    if (scenario.clients.empty()) return {options.endpoints.size()};
    return options.clients.empty() ? scenario.clients : options.clients;
}

void run_all(const Options& options) {
    std::vector<Result> results;
    bool prepared = !options.prepare;
    if (!options.json) print_table_head();
    for (const auto& name : options.scenarios) {
        const Scenario& scenario = *find_scenario(name);
        if (scenario.reads_keys && !std::exchange(prepared, true)) {
            run_load(options, Work::fill, "fill", 64);
        }
        for (const std::size_t clients : clients_of(options, scenario)) {
            results.push_back(run_scenario(options, scenario, clients));
            if (!options.json) print_row(results.back());
        }
    }
    if (options.json) print_json(results);
}

}  // namespace
}  // namespace gavel::bench

int main(int argc, char** argv) {
    const auto arguments = gavel::bench::parse_arguments(argc, argv);
    if (!arguments.runs) return arguments.exit_code;
    try {
        gavel::bench::raise_file_limit();
        gavel::bench::run_all(arguments.options);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "gavel-bench: %s\n", error.what());
        return 1;
    }
    return 0;
}
