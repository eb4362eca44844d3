#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bench/histogram.h"

namespace gavel::bench {

// What one run of one scenario measured.
struct Result {
    std::string scenario{};
    std::size_t clients{};
    std::uint64_t operations{};
    double seconds{};
    Histogram latency{};
    std::map<int, std::uint64_t> errors{};  // By status; 0: connection lost.
    std::vector<std::pair<std::string, double>> extras{};

    void add(const Result& other) {
        operations += other.operations;
        latency.add(other.latency);
        for (const auto& [status, count] : other.errors) errors[status] += count;
    }
};

}  // namespace gavel::bench
