#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "tests/conformance/cluster.h"

namespace gavel::paxos {

// What goes wrong in a random run, in percent of its steps.
struct Chaos {
    std::uint64_t steps = 3'000;
    std::uint64_t loss = 5;
    std::uint64_t duplication = 5;
    std::uint64_t delay = 0;  // Of messages: held up for as much as two election timeouts.
    std::uint64_t crashes = 1;
    std::uint64_t partitions = 1;
    std::uint64_t stands = 0;          // Somebody prepares, whoever leads.
    std::uint64_t member_changes = 0;  // To any other set.
    std::uint64_t unreadable = 0;  // Of the first member's crashes: an entry of its log is lost.
    std::function<std::string()> next_command{};  // None: "c1", "c2", …
};

// Random proposals, reads, messages, clocks and disks, by the cluster's seed. Then everything
// heals. True: a command proposed afterwards is executed by all within the bound (S06).
[[nodiscard]] bool run_chaos(Cluster& cluster, std::uint64_t seed, const Chaos& chaos);

}  // namespace gavel::paxos
