// Writes that rest on a lock, keys that end with a session, transactions: with real processes.

#include <gmock/gmock.h>
#include <signal.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "tests/cluster/cluster.h"

namespace gavel::test {
namespace {

const std::vector<std::pair<std::string, std::string>> json_body{
    {"Content-Type", "application/json"}};

// `gavel lock NAME --ttl 2s -- sh -c SCRIPT`, which finds `gavel` on its PATH.
Process lock_and_run(const Cluster& cluster, const std::string& lock, const std::string& script) {
    const auto path = std::filesystem::path(GAVEL_BINARY).parent_path().string();
    std::string endpoints;
    for (std::size_t member = 0; member < cluster.size(); ++member) {
        endpoints += (endpoints.empty() ? "http://127.0.0.1:" : ",http://127.0.0.1:") +
                     std::to_string(cluster.port(member));
    }
    return Process({"/usr/bin/env", "-C", cluster.folder().string(),
                    "PATH=" + path + ":/usr/bin:/bin", "GAVEL_ENDPOINTS=" + endpoints, GAVEL_BINARY,
                    "lock", lock, "--ttl", "2s", "--", "/bin/sh", "-c", script},
                   cluster.folder() / "holder");
}

TEST(ClusterWrites, OfAHolderThatWasFrozenAreRefusedOnceItHasLostTheLock) {
    Cluster cluster;
    cluster.start_all();
    auto client = cluster.client(cluster.leader());
    Process holder = lock_and_run(cluster, "deploy",
                                  "gavel put --guard app/version first && touch ready\n"
                                  "while [ ! -e go ]; do sleep 0.05; done\n"
                                  "gavel put --guard app/version late 2>why; echo $? >code");
    const auto folder = cluster.folder();
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(folder / "ready"); }));

    // Nothing keeps its session alive, and nothing ends its command.
    holder.freeze();
    const std::string other = open_session(client);
    const Answer got =
        client.call("PUT", "/v1/locks/deploy?wait=30s", acquire_body(other), json_body, 60s);
    ASSERT_EQ(got.status, 201) << got.body;
    std::ofstream(folder / "go") << '\n';

    ASSERT_TRUE(eventually([&] { return !contents(folder / "code").empty(); }));
    EXPECT_EQ(contents(folder / "code"), "125\n");
    EXPECT_THAT(contents(folder / "why"), testing::HasSubstr("stale-token"));
    EXPECT_EQ(client.call("GET", "/v1/config/app/version").body, "first");
    holder.signal(SIGCONT);
    EXPECT_EQ(holder.wait(20s), 122) << "it finds that it lost the lock";
}

TEST(ClusterWrites, OfASessionGoWithItWhenItsClientIsKilled) {
    Cluster cluster;
    cluster.start_all();
    auto client = cluster.client(cluster.follower());
    Process holder =
        lock_and_run(cluster, "nodes/web-1",
                     "gavel put nodes/web-1 10.0.0.4 --session \"$GAVEL_SESSION\"; exec sleep 60");
    ASSERT_TRUE(eventually([&] { return client.call("GET", "/v1/config/nodes/web-1").ok(); }));
    const Answer there = client.call("GET", "/v1/config/nodes/web-1");
    const std::string since = there.headers.at("gavel-revision");

    holder.kill();

    std::map<std::string, std::uint64_t> revisions;  // By event.
    ASSERT_TRUE(eventually(
        [&] {
            const auto seen =
                client
                    .call("GET", "/v1/watch?prefix=nodes/&locks=nodes/&wait=5s&since=" + since, "",
                          {}, 20s)
                    .json();
            for (const auto& event : seen.value("events", nlohmann::json::array())) {
                revisions[event["event"]] = event["revision"];
            }
            return revisions.size() == 2;
        },
        30s));
    EXPECT_EQ(revisions.at("delete"), revisions.at("lock")) << "one command ends all of it";
    EXPECT_EQ(client.call("GET", "/v1/config/nodes/web-1").status, 404);
}

TEST(ClusterWrites, AreDoneOnceWhenTheLeaderDiesUnderTransactions) {
    Cluster cluster;
    cluster.start_all();
    const std::size_t leader = cluster.leader();
    constexpr int each = 60;
    std::atomic<int> done{0};
    std::atomic<int> repeats{0};

    std::vector<std::thread> threads;
    for (std::size_t number = 0; number < 4; ++number) {
        threads.emplace_back([&, number] {
            std::vector<Client> clients;
            for (std::size_t i = 0; i < cluster.size(); ++i) clients.push_back(cluster.client(i));
            std::size_t at = number;
            for (int i = 0; i < each; ++i) {
                const std::string name = std::to_string(number) + "-" + std::to_string(i);
                const std::string body = R"({"then":[{"put":{"key":"count","value":")" + name +
                                         R"("}},{"put":{"key":"twin","value":")" + name +
                                         R"("}}]})";
                auto headers = json_body;
                headers.emplace_back("Idempotency-Key", name);
                // Until it is answered, whatever became of it before.
                for (;;) {
                    const Answer answer = clients[at % clients.size()].call(
                        "POST", "/v1/transactions", body, headers, 3s);
                    if (answer.status == 200) break;
                    ASSERT_TRUE(answer.status == 0 || answer.status >= 500) << answer.body;
                    ++repeats;
                    ++at;
                    std::this_thread::sleep_for(20ms);
                }
                ++done;
            }
        });
    }
    EXPECT_TRUE(eventually([&] { return done > 2 * each; }, 60s));
    cluster.kill(leader);
    for (auto& thread : threads) thread.join();

    auto client = cluster.client((leader + 1) % 3);
    const Answer count = client.call("GET", "/v1/config/count");
    const Answer twin = client.call("GET", "/v1/config/twin");
    EXPECT_EQ(count.headers.at("gavel-version"), std::to_string(4 * each));
    EXPECT_EQ(twin.headers.at("etag"), count.headers.at("etag"));
    EXPECT_EQ(twin.body, count.body);
    EXPECT_GT(repeats, 0) << "nothing was asked for twice";
}

}  // namespace
}  // namespace gavel::test
