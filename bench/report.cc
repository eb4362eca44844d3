#include "bench/report.h"

#include <cstdio>
#include <nlohmann/json.hpp>

namespace gavel::bench {

namespace {

double rate(const Result& result) {
    return result.seconds > 0 ? static_cast<double>(result.operations) / result.seconds : 0;
}

double ms(std::int64_t ns) { return static_cast<double>(ns) / 1e6; }

std::string name_of(int status) { return status == 0 ? "lost" : std::to_string(status); }

std::string errors_of(const Result& result) {
    std::string text;
    for (const auto& [status, count] : result.errors) {
        text += (text.empty() ? "" : " ") + name_of(status) + ":" + std::to_string(count);
    }
    return text.empty() ? "0" : text;
}

}  // namespace

void print_table_head() {
    std::printf("%-10s %8s %12s %9s %9s %9s  %s\n", "scenario", "clients", "ops/s", "p50 ms",
                "p99 ms", "max ms", "errors");
}

void print_row(const Result& result) {
    std::printf("%-10s %8zu %12.1f %9.3f %9.3f %9.3f  %s", result.scenario.c_str(), result.clients,
                rate(result), ms(result.latency.percentile_ns(0.5)),
                ms(result.latency.percentile_ns(0.99)), ms(result.latency.max_ns()),
                errors_of(result).c_str());
    for (const auto& [name, value] : result.extras) std::printf("  %s=%.1f", name.c_str(), value);
    std::printf("\n");
    std::fflush(stdout);
}

void print_json(const std::vector<Result>& results) {
    auto rows = nlohmann::ordered_json::array();
    for (const auto& result : results) {
        nlohmann::ordered_json row{{"scenario", result.scenario},
                                   {"clients", result.clients},
                                   {"operations", result.operations},
                                   {"seconds", result.seconds},
                                   {"ops_per_s", rate(result)},
                                   {"p50_ms", ms(result.latency.percentile_ns(0.5))},
                                   {"p99_ms", ms(result.latency.percentile_ns(0.99))},
                                   {"max_ms", ms(result.latency.max_ns())}};
        row["errors"] = nlohmann::ordered_json::object();
        for (const auto& [status, count] : result.errors) row["errors"][name_of(status)] = count;
        for (const auto& [name, value] : result.extras) row[name] = value;
        rows.push_back(std::move(row));
    }
    std::printf("%s\n", rows.dump(2).c_str());
}

}  // namespace gavel::bench
