#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/connection.h"

namespace gavel::bench {

struct Options {
    std::string backend{"gavel"};
    std::vector<Endpoint> endpoints{};  // Connections are spread over them in turn.
    std::vector<std::string> scenarios{};
    std::vector<std::size_t> clients{};  // Each scenario is run once with each; empty: its default.
    // Offered load in operations per second, over all clients; 0: each sends its next operation
    // when the last one is answered. What is late counts from when it was due.
    std::uint64_t rate{};
    std::size_t threads{1};
    std::chrono::milliseconds duration{5000};
    std::chrono::milliseconds warmup{1000};
    std::size_t value_size{256};
    std::uint64_t keys{100'000};
    std::uint64_t seed{1};
    bool prepare{true};  // Put every key once before put and get are measured.
    bool json{};
    std::uint64_t ahead{8};  // watch: puts that some watcher has not seen yet, before the next.
    std::uint64_t sessions{10'000};  // sessions: how many, and with how many locks each.
    std::uint64_t session_locks{};
    std::chrono::milliseconds session_ttl{15'000};
    bool abandon{};  // sessions: leave them to lapse.
    int kill_pid{};  // failover: who is killed (or stopped: a hung machine), when; 0: nobody.
    bool kill_stops{};
    std::chrono::milliseconds kill_after{1000};
};

}  // namespace gavel::bench
