#include <gmock/gmock.h>
#include <signal.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "tests/cluster/cluster.h"
#include "tests/cluster/load.h"
#include "tests/unit/api/raw_client.h"

namespace gavel::test {
namespace {

TEST(Failover, LosesNothingWhenTheLeaderIsKilledUnderLoad) {
    Cluster cluster;
    cluster.start_all();
    const std::size_t leader = cluster.leader();
    Load load(cluster, 6);
    ASSERT_TRUE(eventually([&] { return load.answered() > 300; }));

    cluster.kill(leader);
    const std::size_t before = load.answered();
    ASSERT_TRUE(eventually([&] { return load.answered() > before + 300; }));
    cluster.start(leader);
    const std::size_t after = load.answered();
    ASSERT_TRUE(eventually([&] { return load.answered() > after + 300; }));

    expect_linearizable(load.stop());
    EXPECT_NE(cluster.leader(), leader) << "the others went on without it";
}

TEST(Failover, DoesNotNoticeTheLossOfAFollower) {
    Cluster cluster;
    cluster.start_all();
    const std::size_t leader = cluster.leader();
    Load load(cluster, 6);
    ASSERT_TRUE(eventually([&] { return load.answered() > 300; }));

    cluster.kill((leader + 1) % 3);
    const std::size_t before = load.answered();
    ASSERT_TRUE(eventually([&] { return load.answered() > before + 300; }));

    expect_linearizable(load.stop());
    EXPECT_EQ(cluster.leader(), leader) << "no election was needed";
}

TEST(Failover, ServesNothingWithoutAMajorityAndGoesOnWithOne) {
    Cluster cluster;
    cluster.start_all();
    const std::size_t leader = cluster.leader();
    auto client = cluster.client(leader);
    ASSERT_EQ(client.call("PUT", "/v1/config/a", "1").status, 201);
    cluster.kill((leader + 1) % 3);
    cluster.kill((leader + 2) % 3);

    const Answer refused = client.call("PUT", "/v1/config/a", "2", {}, 30s);
    EXPECT_TRUE(refused.status == 503 || refused.status == 504) << refused.status;
    EXPECT_EQ(client.call("GET", "/v1/config/a?consistency=stale").body, "1");

    cluster.start((leader + 1) % 3);
    EXPECT_TRUE(eventually([&] { return client.call("PUT", "/v1/config/a", "3").ok(); }));
}

TEST(Failover, KeepsEverythingOverARestartOfAllMembers) {
    Cluster cluster;
    cluster.start_all();
    auto client = cluster.client(cluster.leader());
    for (int i = 0; i < 50; ++i) {
        const std::string number = std::to_string(i);
        ASSERT_EQ(client.call("PUT", "/v1/config/keep/" + number, "value " + number).status, 201);
    }
    const std::string session = open_session(client);
    const Answer held = client.call("PUT", "/v1/locks/keep", acquire_body(session),
                                    {{"Content-Type", "application/json"}});
    ASSERT_EQ(held.status, 201) << held.body;

    for (std::size_t i = 0; i < 3; ++i) cluster.kill(i);
    cluster.start_all();

    auto again = cluster.client(cluster.follower());
    for (int i = 0; i < 50; ++i) {
        const std::string number = std::to_string(i);
        EXPECT_EQ(again.call("GET", "/v1/config/keep/" + number).body, "value " + number);
    }
    const auto lock = again.call("GET", "/v1/locks/keep").json();
    ASSERT_TRUE(lock.value("held", false)) << lock.dump();
    EXPECT_EQ(lock["holders"][0]["token"], held.json()["token"]);
    EXPECT_EQ(lock["holders"][0]["session"], session);
}

// Values of a megabyte leave the leader's memory at once, and nothing else is written that would
// make its log tell sooner what of it is chosen.
TEST(Failover, CatchesUpOnAQuietCluster) {
    Cluster cluster;
    cluster.start_all();
    const std::size_t leader = cluster.leader();
    const std::size_t late = (leader + 1) % 3;
    cluster.kill(late);
    std::atomic<int> written = 0;
    {
        std::vector<std::jthread> writers;
        for (int i = 0; i < 8; ++i) {
            writers.emplace_back([&, i] {
                const std::string key = "/v1/config/large/" + std::to_string(i);
                const Answer answer =
                    cluster.client(leader).call("PUT", key, std::string(1'000'000, 'v'));
                written += answer.status == 201 ? 1 : 0;
            });
        }
    }
    ASSERT_EQ(written, 8);

    cluster.start(late);

    Answer read;
    EXPECT_TRUE(eventually(
        [&] {
            read = cluster.client(late).call("GET", "/v1/config/large/7", "", {}, 1s);
            return read.status == 200;
        },
        10s))
        << read.body;
}

TEST(Failover, AnswersARepeatedWriteByItsFirstOutcomeWhenTheMemberDiedInBetween) {
    Cluster cluster;
    cluster.start_all();
    const std::size_t leader = cluster.leader();
    const std::vector<std::pair<std::string, std::string>> headers{{"Idempotency-Key", "\"once\""}};
    const Answer first = cluster.client(leader).call("PUT", "/v1/config/a", "1", headers);
    ASSERT_EQ(first.status, 201) << first.body;
    cluster.kill(leader);

    auto other = cluster.client((leader + 1) % 3);
    Answer second;
    ASSERT_TRUE(eventually([&] {
        second = other.call("PUT", "/v1/config/a", "1", headers);
        return second.ok();
    }));

    EXPECT_EQ(second.json()["revision"], first.json()["revision"]);
    EXPECT_EQ(second.json()["version"], 1);
}

TEST(Failover, EndsCleanlyUnderLoadAndLosesNothing) {
    Cluster cluster;
    cluster.start_all();
    const std::size_t leader = cluster.leader();
    Load load(cluster, 12);
    for (const std::size_t member : {(leader + 1) % 3, leader}) {
        const std::size_t before = load.answered();
        ASSERT_TRUE(eventually([&] { return load.answered() > before + 300; }));

        cluster.signal(member, SIGTERM);

        ASSERT_EQ(cluster.wait(member, 10s), 0) << cluster.log(member);
        cluster.start(member);
    }
    const std::size_t after = load.answered();
    ASSERT_TRUE(eventually([&] { return load.answered() > after + 300; }));

    expect_linearizable(load.stop());
}

TEST(Failover, EndsCleanlyWhenItIsAskedTo) {
    Cluster cluster;
    cluster.start_all();
    const std::size_t leader = cluster.leader();

    cluster.signal(leader, SIGTERM);

    EXPECT_EQ(cluster.wait(leader, 10s), 0) << cluster.log(leader);
    auto other = cluster.client((leader + 1) % 3);
    EXPECT_TRUE(eventually([&] { return other.call("PUT", "/v1/config/a", "1").ok(); }, 3s));
}

TEST(Failover, TellsProbesThatAMemberEndsWhileItFinishesWhatIsUnderWay) {
    Cluster cluster;
    cluster.start_all();
    for (const std::size_t member : {cluster.follower(), cluster.leader()}) {
        api::testing::RawClient under_way(static_cast<std::uint16_t>(cluster.port(member)));
        under_way.send(
            "PUT /v1/config/b HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
            "Content-Length: 1\r\n\r\n");
        ASSERT_EQ(under_way.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
        auto probe = cluster.client(member);
        ASSERT_TRUE(eventually([&] { return probe.call("GET", "/readyz").status == 200; }));

        cluster.signal(member, SIGTERM);

        Answer ready;
        EXPECT_TRUE(eventually([&] {
            ready = probe.call("GET", "/readyz");
            return ready.status == 503;
        })) << ready.status;
        EXPECT_EQ(ready.json().value("detail", ""), "shutting down") << ready.body;
        // Its connection may be closed as an idle one, so it may have to ask twice.
        EXPECT_TRUE(eventually([&] { return probe.call("GET", "/livez").status == 200; }, 2s));
        Answer write;
        EXPECT_TRUE(eventually(
            [&] {
                write = probe.call("PUT", "/v1/config/a", "1");
                return write.status != 0;
            },
            2s));
        EXPECT_EQ(write.json().value("code", ""), "shutting-down") << write.body;
        EXPECT_NE(under_way.ask("x"), "") << "was under way, and is answered";
        EXPECT_EQ(cluster.wait(member, 10s), 0) << cluster.log(member);
        cluster.start(member);
    }
}

}  // namespace
}  // namespace gavel::test
