#include <gmock/gmock.h>
#include <signal.h>

#include <future>
#include <thread>

#include "tests/cluster/cluster.h"

namespace gavel::test {
namespace {

const std::vector<std::pair<std::string, std::string>> json_body{
    {"Content-Type", "application/json"}};

Answer acquire(Client& client, const std::string& session, const std::string& query = "",
               std::chrono::milliseconds patience = 60s) {
    return client.call("PUT", "/v1/locks/deploy" + query, acquire_body(session), json_body,
                       patience);
}

// Keeps a session alive through any member, until it is destroyed.
class KeptAlive {
public:
    KeptAlive(const Cluster& cluster, std::string session)
        : thread_([this, &cluster, session = std::move(session)] {
              std::vector<Client> clients;
              for (std::size_t i = 0; i < cluster.size(); ++i) {
                  clients.push_back(cluster.client(i));
              }
              std::size_t at = 0;
              while (stop_.wait_for(300ms) == std::future_status::timeout) {
                  for (std::size_t tries = 0; tries < clients.size(); ++tries) {
                      const Answer answer = clients[at].call(
                          "POST", "/v1/sessions/" + session + "/keepalive", "", {}, 1s);
                      if (answer.ok()) break;
                      at = (at + 1) % clients.size();
                  }
              }
          }) {}
    ~KeptAlive() {
        stopping_.set_value();
        thread_.join();
    }

private:
    std::promise<void> stopping_;
    std::future<void> stop_{stopping_.get_future()};
    std::thread thread_;
};

TEST(ClusterLock, MovesOnWhenItsHolderFreezesWithTheLeaderAndRefusesTheOldToken) {
    Cluster cluster;
    cluster.start_all();
    const std::size_t leader = cluster.leader();
    const std::size_t other = (leader + 1) % 3;
    auto at_leader = cluster.client(leader);
    auto at_other = cluster.client(other);
    const std::string holder = open_session(at_leader, "2s");
    const auto first = acquire(at_leader, holder).json();
    const std::string waiter = open_session(at_other, "60s");

    cluster.signal(leader, SIGSTOP);
    const Answer moved = acquire(at_other, waiter, "?wait=30s");
    cluster.signal(leader, SIGCONT);

    ASSERT_EQ(moved.status, 201) << moved.body;
    EXPECT_GT(moved.json()["token"], first["token"]);
    // The old leader, awake again, must not honour the old token either.
    const std::string by_old_token =
        "/v1/locks/deploy?token=" + std::to_string(first.value("token", 0UL));
    EXPECT_EQ(at_leader.call("DELETE", by_old_token, "", {}, 30s).status, 409);
    const auto lock = at_leader.call("GET", "/v1/locks/deploy", "", {}, 30s).json();
    EXPECT_EQ(lock["holders"][0]["session"], waiter) << lock.dump();
    EXPECT_EQ(at_leader.call("POST", "/v1/sessions/" + holder + "/keepalive", "", {}, 30s).status,
              404);
}

TEST(ClusterLock, KeepsAWaitersPlaceWhenItsMemberDies) {
    Cluster cluster;
    cluster.start_all();
    const std::size_t leader = cluster.leader();
    const std::size_t dying = (leader + 1) % 3;
    const std::size_t refuge = (leader + 2) % 3;
    auto steady = cluster.client(leader);
    const std::string holder = open_session(steady);
    const std::string early = open_session(steady);
    const std::string late = open_session(steady);
    ASSERT_EQ(acquire(steady, holder).status, 201);
    const KeptAlive a(cluster, holder);
    const KeptAlive b(cluster, early);
    const KeptAlive c(cluster, late);
    const auto queue = [&] {
        std::vector<std::string> sessions;
        const auto lock = steady.call("GET", "/v1/locks/deploy").json();
        for (const auto& waiter : lock["queue"]) sessions.push_back(waiter["session"]);
        return sessions;
    };
    const auto wait_through = [&](std::size_t member, const std::string& session) {
        return std::async(std::launch::async, [&cluster, member, session] {
            auto client = cluster.client(member);
            return acquire(client, session, "?wait=60s");
        });
    };

    auto lost = wait_through(dying, early);
    ASSERT_TRUE(eventually([&] { return queue() == std::vector{early}; }));
    auto second = wait_through(leader, late);
    ASSERT_TRUE(eventually([&] { return queue() == std::vector{early, late}; }));
    cluster.kill(dying);
    EXPECT_EQ(lost.get().status, 0) << "no answer: its member is dead";
    auto first = wait_through(refuge, early);
    auto at_refuge = cluster.client(refuge);
    ASSERT_TRUE(eventually(
        [&] { return at_refuge.call("GET", "/v1/status").json().value("waiting", 0) == 1; }));
    EXPECT_EQ(queue(), (std::vector{early, late}));

    ASSERT_EQ(steady.call("DELETE", "/v1/locks/deploy?session=" + holder).status, 200);
    const Answer granted_first = first.get();
    ASSERT_EQ(granted_first.status, 201) << granted_first.body;
    EXPECT_EQ(queue(), std::vector{late});
    EXPECT_EQ(second.wait_for(0s), std::future_status::timeout) << "the late one still waits";
    ASSERT_EQ(steady.call("DELETE", "/v1/locks/deploy?session=" + early).status, 200);
    const Answer granted_second = second.get();

    ASSERT_EQ(granted_second.status, 201) << granted_second.body;
    EXPECT_GT(granted_second.json()["token"], granted_first.json()["token"]);
}

TEST(ClusterLock, TellsAtEveryMemberHowMuchTimeItsHolderHasLeft) {
    Cluster cluster;
    cluster.start_all();
    auto at_leader = cluster.client(cluster.leader());
    const std::string session = open_session(at_leader, "60s");
    ASSERT_EQ(acquire(at_leader, session).status, 201);

    const auto seconds = [](const nlohmann::json& with) {
        const std::string text = with.value("expires_in", "");
        return text.ends_with("ms") ? std::stod(text) / 1'000 : text.empty() ? -1 : std::stod(text);
    };
    double last = 60;
    for (std::size_t member = 0; member < cluster.size(); ++member) {
        auto client = cluster.client(member);
        for (const auto& shown :
             {client.call("GET", "/v1/locks/deploy").json()["holders"][0],
              client.call("GET", "/v1/locks?prefix=dep").json()["locks"][0]["holders"][0],
              client.call("GET", "/v1/sessions/" + session).json(),
              client.call("GET", "/v1/sessions").json()["sessions"][0]}) {
            EXPECT_GT(seconds(shown), 30) << shown;
            EXPECT_LE(seconds(shown), last) << "it is one clock, the leader's";
            last = seconds(shown);
        }
        const auto stale = client.call("GET", "/v1/sessions/" + session + "?consistency=stale");
        EXPECT_FALSE(stale.json().contains("expires_in")) << "asks nobody";
    }
}

TEST(ClusterLock, IsHeldByOneAtATimeUnderContentionThroughAllMembers) {
    Cluster cluster;
    cluster.start_all();
    cluster.leader();
    std::mutex mutex;
    std::vector<std::uint64_t> tokens;
    std::atomic<int> inside{0};
    std::atomic<bool> overlapped{false};

    std::vector<std::thread> threads;
    for (std::size_t number = 0; number < 6; ++number) {
        threads.emplace_back([&, number] {
            auto client = cluster.client(number % 3);
            const std::string session = open_session(client);
            for (int round = 0; round < 20; ++round) {
                const Answer got = acquire(client, session, "?wait=60s");
                ASSERT_EQ(got.status, 201) << got.body;
                if (++inside != 1) overlapped = true;
                {
                    const std::lock_guard lock(mutex);
                    tokens.push_back(got.json().value("token", 0UL));
                }
                --inside;
                ASSERT_EQ(client.call("DELETE", "/v1/locks/deploy?session=" + session).status, 200);
            }
        });
    }
    for (auto& thread : threads) thread.join();

    EXPECT_FALSE(overlapped);
    EXPECT_EQ(tokens.size(), 120U);
    EXPECT_TRUE(std::is_sorted(tokens.begin(), tokens.end()));
    EXPECT_EQ(std::adjacent_find(tokens.begin(), tokens.end()), tokens.end());
}

}  // namespace
}  // namespace gavel::test
