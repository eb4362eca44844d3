// Whom acceptors tell of their votes, as real processes.

#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/cluster/cluster.h"

namespace gavel::test {
namespace {

constexpr int commands = 200;

std::uint64_t sent(Cluster& cluster, const std::string& kind) {
    const std::string sample = "gavel_paxos_messages_sent_total{kind=\"" + kind + "\"} ";
    std::uint64_t sum = 0;
    for (std::size_t member = 0; member < cluster.size(); ++member) {
        const std::string body = cluster.client(member).call("GET", "/metrics").body;
        const auto at = body.find(sample);
        if (at != std::string::npos) sum += std::strtoull(&body[at + sample.size()], nullptr, 10);
    }
    return sum;
}

// How many votes a command costs the network, when each is written by itself at the follower.
double votes_of_a_command(Cluster& cluster) {
    cluster.start_all();
    cluster.leader();
    auto client = cluster.client(cluster.follower());
    EXPECT_TRUE(client.call("PUT", "/v1/config/first", "x").ok());
    const auto before = sent(cluster, "accepted");
    for (int i = 0; i < commands; ++i) {
        const std::string value = std::to_string(i);
        EXPECT_TRUE(client.call("PUT", "/v1/config/k", value).ok());
        const auto at = static_cast<std::size_t>(i) % cluster.size();
        EXPECT_EQ(cluster.client(at).call("GET", "/v1/config/k").body, value) << at;
    }
    return static_cast<double>(sent(cluster, "accepted") - before) / commands;
}

TEST(ClusterLearners, AreToldByTheLeader) {
    Cluster cluster(3);
    EXPECT_NEAR(votes_of_a_command(cluster), 2.0, 0.1);
    EXPECT_EQ(sent(cluster, "notice"), 0U);
}

TEST(ClusterLearners, AreAllToldByEveryAcceptor) {
    Cluster cluster(3, {"--learner-mode", "broadcast"});
    EXPECT_NEAR(votes_of_a_command(cluster), 6.0, 0.3);
    EXPECT_EQ(sent(cluster, "notice"), 0U);
}

TEST(ClusterLearners, AreToldByASetOfThem) {
    Cluster cluster(3, {"--learner-mode", "set:2"});
    EXPECT_NEAR(votes_of_a_command(cluster), 4.0, 0.2);
    EXPECT_GT(sent(cluster, "notice"), 0U);
}

}  // namespace
}  // namespace gavel::test
