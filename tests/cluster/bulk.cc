#include "tests/cluster/bulk.h"

#include <poll.h>

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace gavel::test {

double metric(Client client, const std::string& name) {
    const std::string body = client.call("GET", "/metrics").body;
    const auto at = body.find("\n" + name + " ");
    return at == std::string::npos ? -1 : std::stod(body.substr(at + name.size() + 2));
}

bool is_cut(const Cluster& cluster, std::size_t away, std::uint64_t slot) {
    for (std::size_t i = 0; i < cluster.size(); ++i) {
        if (i == away) continue;
        const double oldest = metric(cluster.client(i), "gavel_log_oldest_slot");
        if (oldest <= static_cast<double>(slot + 1)) return false;
    }
    return true;
}

void write_beyond_the_log(const Cluster& cluster, std::size_t leader, std::size_t away,
                          std::uint64_t slot) {
    const std::string value(500, 'v');
    std::atomic<int> written{0};
    std::atomic<bool> done{false};
    std::vector<std::thread> writers;
    for (int writer = 0; writer < 8; ++writer) {
        writers.emplace_back([&, writer] {
            auto client = cluster.client(leader);
            while (!done) {
                const std::string key = std::to_string(writer) + "." + std::to_string(written % 50);
                if (client.call("PUT", "/v1/config/bulk/" + key, value).ok()) ++written;
                if (written > 12'000) ::poll(nullptr, 0, 50);
            }
        });
    }
    EXPECT_TRUE(eventually([&] { return written > 9'000 && is_cut(cluster, away, slot); }, 60s))
        << written;
    done = true;
    for (auto& writer : writers) writer.join();
}

}  // namespace gavel::test
