#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/cluster/cluster.h"
#include "tests/simulation/linearizability.h"

namespace gavel::test {

using linearizability::Register;

// Clients that read and write a few keys through several members, each operation recorded with when
// it was asked and answered; what may have been done and was not answered stays open.
class Load {
public:
    // Through all members that there are now.
    Load(const Cluster& cluster, std::size_t clients);
    ~Load() { stop(); }
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;

    // From now on through these members, by index.
    void use(const std::vector<std::size_t>& members);
    linearizability::History<Register> stop();
    std::size_t answered() const { return answered_; }
    // Waits until so many more are answered. False: it took too long.
    [[nodiscard]] bool goes_on(std::size_t answers = 300) const;
    std::int64_t longest_gap_us() const { return longest_gap_us_; }

private:
    void run(std::size_t number);
    int port_of(std::size_t turn) const;
    void note_answer(std::int64_t at);

    const Cluster& cluster_;
    std::atomic<bool> stopping_{false};
    std::atomic<std::size_t> answered_{0};
    mutable std::mutex mutex_;
    std::vector<int> ports_;
    linearizability::History<Register> history_;
    std::int64_t last_answer_us_ = 0;
    std::atomic<std::int64_t> longest_gap_us_{0};
    std::vector<std::thread> threads_;
};

void expect_linearizable(const linearizability::History<Register>& history);

}  // namespace gavel::test
