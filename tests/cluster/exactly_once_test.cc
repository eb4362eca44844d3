#include <gmock/gmock.h>
#include <signal.h>

#include <future>

#include "tests/cluster/bulk.h"
#include "tests/cluster/cluster.h"

namespace gavel::test {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

const Headers once{{"Idempotency-Key", "\"once\""}};
const Headers once_more{{"Idempotency-Key", "\"once-more\""}};

// What the first write under the key was answered, and what a second one without it left behind.
class KeyedWrite {
public:
    explicit KeyedWrite(Client client) {
        const Answer first = client.call("PUT", "/v1/config/a", "1", once);
        EXPECT_EQ(first.status, 201) << first.body;
        answer_ = first.body;
        EXPECT_EQ(client.call("PUT", "/v1/config/a", "2").status, 200);
    }

    // Through that member it is answered alike, does nothing, and is told from another one.
    void expect_done_once(Client client) const {
        Answer again;
        EXPECT_TRUE(eventually([&] {
            again = client.call("PUT", "/v1/config/a", "1", once);
            return again.ok();
        })) << again.body;
        EXPECT_EQ(again.status, 201);
        EXPECT_EQ(again.body, answer_);
        EXPECT_EQ(client.call("GET", "/v1/config/a").body, "2");
        for (const auto& [target, body] :
             {std::pair("/v1/config/a", "3"), std::pair("/v1/config/b", "1")}) {
            const Answer other = client.call("PUT", target, body, once);
            EXPECT_EQ(other.status, 422) << target << body;
            EXPECT_EQ(other.json().value("code", ""), "idempotency-key-reused");
        }
        EXPECT_EQ(client.call("GET", "/v1/config/b").status, 404);
    }

private:
    std::string answer_{};
};

TEST(ExactlyOnce, HoldsWhenTheMemberThatAnsweredIsKilled) {
    Cluster cluster;
    cluster.start_all();
    const std::size_t leader = cluster.leader();
    for (const std::size_t dying : {(leader + 1) % 3, leader}) {
        SCOPED_TRACE(dying == leader ? "the leader" : "a follower");
        if (dying == leader) cluster.client(leader).call("DELETE", "/v1/config/a");
        const Headers key{{"Idempotency-Key", std::to_string(dying)}};
        const Answer first = cluster.client(dying).call("PUT", "/v1/config/a", "1", key);
        ASSERT_EQ(first.status, 201) << first.body;
        cluster.kill(dying);

        for (std::size_t member = 0; member < cluster.size(); ++member) {
            if (member == dying) continue;
            auto other = cluster.client(member);
            Answer second;
            EXPECT_TRUE(eventually([&] {
                second = other.call("PUT", "/v1/config/a", "1", key);
                return second.ok();
            })) << second.body;
            EXPECT_EQ(second.body, first.body);
        }
        cluster.start(dying);
        cluster.leader();
    }
}

TEST(ExactlyOnce, HoldsOverARestartOfAllMembers) {
    Cluster cluster;
    cluster.start_all();
    const KeyedWrite write(cluster.client(cluster.leader()));

    for (std::size_t member = 0; member < 3; ++member) cluster.kill(member);
    cluster.start_all();
    cluster.leader();

    for (std::size_t member = 0; member < 3; ++member) {
        write.expect_done_once(cluster.client(member));
    }
}

TEST(ExactlyOnce, HoldsThroughALeaderThatWasFrozenMeanwhile) {
    Cluster cluster;
    cluster.start_all();
    const std::size_t leader = cluster.leader();
    const std::size_t other = (leader + 1) % 3;
    cluster.freeze(leader);
    cluster.leader({leader});

    const KeyedWrite write(cluster.client(other));
    cluster.signal(leader, SIGCONT);

    write.expect_done_once(cluster.client(leader));
}

// It never executed the first write: its answer is of the state that it fetched.
TEST(ExactlyOnce, HoldsThroughAMemberThatJoinedWithASnapshot) {
    Cluster cluster(3, {"--log-retention=1000"});
    cluster.start_all();
    const std::size_t leader = cluster.leader();
    const KeyedWrite write(cluster.client(leader));
    const auto slot =
        static_cast<std::uint64_t>(metric(cluster.client(leader), "gavel_applied_slot"));
    write_beyond_the_log(cluster, leader, cluster.size(), slot);

    const std::size_t fresh = cluster.join(leader, "learner");

    auto client = cluster.client(fresh);
    ASSERT_TRUE(eventually([&] { return client.call("GET", "/readyz").ok(); }, 30s));
    EXPECT_TRUE(eventually(
        [&] { return metric(cluster.client(fresh), "gavel_snapshots_installed_total") == 1; }));
    write.expect_done_once(cluster.client(fresh));
}

TEST(ExactlyOnce, TellsOfAWaitHowItEndedThoughItsMemberDied) {
    Cluster cluster;
    cluster.start_all();
    const std::size_t leader = cluster.leader();
    const std::size_t dying = (leader + 1) % 3;
    auto steady = cluster.client(leader);
    const std::string holder = open_session(steady), waiter = open_session(steady);
    const auto acquire = [&cluster](std::size_t member, const std::string& session,
                                    const std::string& wait, Headers key) {
        key.emplace_back("Content-Type", "application/json");
        return cluster.client(member).call("PUT", "/v1/locks/deploy?wait=" + wait,
                                           acquire_body(session), key, 30s);
    };
    ASSERT_EQ(acquire(leader, holder, "0s", {}).status, 201);
    const auto queue_length = [&] {
        return steady.call("GET", "/v1/locks/deploy").json().value("queue_length", 0);
    };

    auto lost = std::async(std::launch::async, [&] { return acquire(dying, waiter, "60s", once); });
    ASSERT_TRUE(eventually([&] { return queue_length() == 1; }));
    cluster.kill(dying);
    EXPECT_EQ(lost.get().status, 0) << "its member is dead";
    const Answer released = steady.call("DELETE", "/v1/locks/deploy?session=" + holder);
    ASSERT_EQ(released.status, 200);

    const Answer told = acquire((leader + 2) % 3, waiter, "60s", once);
    EXPECT_EQ(told.status, 201) << told.body;
    EXPECT_EQ(told.json()["token"], released.json()["revision"]) << "it was granted by the release";
    EXPECT_EQ(acquire(leader, waiter, "60s", once).body, told.body);

    // One that is not over yet goes on waiting through another member.
    auto waits = std::async(std::launch::async,
                            [&] { return acquire((leader + 2) % 3, holder, "60s", once_more); });
    ASSERT_TRUE(eventually([&] { return queue_length() == 1; }));
    auto waits_too =
        std::async(std::launch::async, [&] { return acquire(leader, holder, "60s", once_more); });
    ASSERT_TRUE(eventually([&] {
        return cluster.client(leader).call("GET", "/v1/status").json().value("waiting", 0) == 1;
    }));
    ASSERT_EQ(cluster.client(leader).call("DELETE", "/v1/locks/deploy?session=" + waiter).status,
              200);
    EXPECT_EQ(waits.get().body, waits_too.get().body);
}

}  // namespace
}  // namespace gavel::test
