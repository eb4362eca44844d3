#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "tests/cluster/cluster.h"
#include "tests/cluster/process.h"

namespace gavel::test {
namespace {

TEST(ClusterWatch, ResumesOverTheDeathOfItsMemberWithoutGapOrRepeat) {
    Cluster cluster;
    cluster.start_all();
    const std::size_t leader = cluster.leader();
    const std::size_t dying = (leader + 1) % 3;
    auto writer = cluster.client(leader);
    const Answer start = writer.call("PUT", "/v1/config/app/start", "0");
    ASSERT_EQ(start.status, 201);
    const std::string since = std::to_string(start.json().value("revision", 0UL));

    std::vector<std::string> seen;
    std::string last_id;
    std::atomic<std::size_t> count{0};
    std::atomic<bool> complete{false};
    std::thread watcher([&] {
        std::size_t member = dying;
        for (int tries = 0; tries < 200 && !complete; ++tries) {
            auto client = cluster.client(member);
            std::vector<std::pair<std::string, std::string>> headers;
            if (!last_id.empty()) headers.emplace_back("Last-Event-ID", last_id);
            client.watch("/v1/watch?prefix=app/&since=" + since, headers, [&](const auto& event) {
                if (event.contains("id")) last_id = event.at("id");
                if (!event.contains("event") || event.at("event") != "put") return true;
                const auto data = nlohmann::json::parse(event.at("data"));
                seen.push_back(data.value("value", ""));
                ++count;
                complete = seen.back() == "399";
                return !complete;
            });
            member = (member + 1) % 3;
        }
    });

    for (int i = 0; i < 400; ++i) {
        if (i == 150) {
            ASSERT_TRUE(eventually([&] { return count > 50; }));
            cluster.kill(dying);
        }
        ASSERT_TRUE(
            writer.call("PUT", "/v1/config/app/" + std::to_string(i % 7), std::to_string(i)).ok());
    }
    EXPECT_TRUE(eventually([&] { return complete.load(); }, 20s));
    complete = true;
    watcher.join();

    std::vector<std::string> expected;
    for (int i = 0; i < 400; ++i) expected.push_back(std::to_string(i));
    EXPECT_EQ(seen, expected);
}

TEST(ClusterWatch, ResumesAfterARestartOfAllMembers) {
    Cluster cluster;
    cluster.start_all();
    auto writer = cluster.client(cluster.leader());
    const auto first = writer.call("PUT", "/v1/config/app/a", "1").json();
    writer.call("PUT", "/v1/config/app/a", "2");
    for (std::size_t i = 0; i < 3; ++i) cluster.kill(i);
    cluster.start_all();
    cluster.leader();

    std::vector<std::string> seen;
    cluster.client(0).watch(
        "/v1/watch?prefix=app/", {{"Last-Event-ID", std::to_string(first.value("revision", 0UL))}},
        [&](const auto& event) {
            if (event.contains("event") && event.at("event") == "put") {
                seen.push_back(nlohmann::json::parse(event.at("data")).value("value", ""));
            }
            return seen.empty();
        });

    EXPECT_THAT(seen, testing::ElementsAre("2"));
}

// The same list of members gives the same cluster id; what was seen of the first one is no place in
// the second, be it further or not.
TEST(ClusterWatch, KnowsAClusterThatWasMadeAnewFromTheSameList) {
    Cluster cluster;
    cluster.start_all();
    auto writer = cluster.client(cluster.leader());
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(writer.call("PUT", "/v1/config/a", "old").ok());
    const std::string poll = "/v1/watch?prefix=&wait=1s&since=";
    const auto old = cluster.client(1).call("GET", poll + "0").json().value("position", "");
    const auto id = cluster.client(1).call("GET", "/v1/status").json().value("cluster_id", "");

    for (std::size_t i = 0; i < 3; ++i) cluster.kill(i);
    for (std::size_t i = 0; i < 3; ++i) {
        std::filesystem::remove_all(cluster.folder() / ("n" + std::to_string(i + 1)));
    }
    cluster.start_all();
    auto client = cluster.client(cluster.leader());
    ASSERT_TRUE(client.call("PUT", "/v1/config/a", "new").ok());

    EXPECT_EQ(client.call("GET", "/v1/status").json().value("cluster_id", ""), id);
    const Answer refused = client.call("GET", poll + old);
    EXPECT_EQ(refused.status, 410) << refused.body;
    EXPECT_EQ(refused.json().value("code", ""), "other-cluster");
    const auto fresh = client.call("GET", poll + "0").json().value("position", "");
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(cluster.client(i).call("GET", poll + fresh).status, 200) << "on any member";
    }
}

// Elsewhere it was told of older changes, or of progress before them (etcd #20221).
TEST(ClusterWatch, OnAFutureRevisionIsToldOfNothingOlder) {
    Cluster cluster;
    cluster.start_all();
    auto writer = cluster.client(cluster.leader());
    const auto put = [&](int value) {
        const auto answer = writer.call("PUT", "/v1/config/app/a", std::to_string(value));
        return answer.json().value("revision", 0UL);
    };
    for (std::size_t member = 0; member < 3; ++member) {
        const std::uint64_t future = put(0) + 20;
        std::atomic<bool> begun{false};
        std::vector<std::uint64_t> told;
        std::thread watching([&] {
            auto client = cluster.client(member);
            begun = true;
            client.watch("/v1/watch?prefix=app/&since=" + std::to_string(future), {},
                         [&](const auto& event) {
                             const auto data = nlohmann::json::parse(event.at("data"));
                             told.push_back(data.value("revision", 0UL));
                             return told.size() < 3;
                         });
        });
        EXPECT_TRUE(eventually([&] { return begun.load(); }));
        while (put(1) < future + 10) {
        }
        watching.join();
        ASSERT_EQ(told.size(), 3U);
        EXPECT_THAT(told, testing::Each(testing::Gt(future))) << "member " << member;
    }
}

TEST(ClusterWatch, TellsOfANewMember) {
    Cluster cluster;
    cluster.start_all();
    auto client = cluster.client(cluster.leader());
    const auto since = client.call("GET", "/v1/watch?members=true&wait=0s").json();
    cluster.join(0, "learner");

    const auto told =
        client.call("GET", "/v1/watch?members=true&wait=10s&since=" + since.value("position", ""));
    ASSERT_EQ(told.status, 200) << told.body;
    const auto event = told.json().at("events").at(0);
    EXPECT_EQ(event.at("change"), "added");
    EXPECT_EQ(event.at("member_id"), 4);
    EXPECT_EQ(event.at("role"), "learner");
}

TEST(ClusterWatch, RunsACommandThatReadsTheEventOrDoesNot) {
    Cluster cluster;
    cluster.start_all();
    auto client = cluster.client(cluster.leader());
    const auto start = client.call("PUT", "/v1/config/app/start", "0").json();
    const std::string output = (cluster.folder() / "watch").string();
    const auto watch = [&](const std::string& script) {
        return Process(
            {GAVEL_BINARY, "--endpoint=http://127.0.0.1:" + std::to_string(cluster.port(0)),
             "watch", "app/", "--locks", "", "--count=3",
             "--since=" + std::to_string(start.value("revision", 0UL)), "--exec", "/bin/sh", "-c",
             script},
            output);
    };
    Process reads =
        watch("echo $GAVEL_CHANGE,$GAVEL_LOCK,$GAVEL_TOKEN,$GAVEL_EVENT_SESSION; wc -c");
    Process does_not = watch("exit 0");

    const std::string value(1'000'000, 'v');
    ASSERT_TRUE(client.call("PUT", "/v1/config/app/large", value).ok());
    const auto grant = client.call("PUT", "/v1/locks/deploy?ttl=30s", "{}").json();
    ASSERT_TRUE(client.call("DELETE", "/v1/config/app/large").ok());

    EXPECT_EQ(does_not.wait(20s), 0) << contents(output + ".err");
    EXPECT_EQ(reads.wait(20s), 0) << contents(output + ".err");
    const std::string token = std::to_string(grant.value("token", 0UL));
    EXPECT_THAT(
        contents(output + ".out"),
        testing::MatchesRegex("put,,,\n1000[0-9]{3}\nacquired,deploy," + token + "," +
                              grant.value("session", "") + "\n[0-9]+\ndelete,,,\n[0-9]+\n"));
}

TEST(ClusterWatch, AnswersALongPollAtAFollowerWhenTheKeyChanges) {
    Cluster cluster;
    cluster.start_all();
    const std::size_t leader = cluster.leader();
    auto writer = cluster.client(leader);
    const Answer put = writer.call("PUT", "/v1/config/flag", "off");
    ASSERT_EQ(put.status, 201);
    const std::string etag = "\"" + std::to_string(put.json().value("revision", 0UL)) + "\"";

    Answer polled;
    std::thread waiting([&] {
        auto client = cluster.client((leader + 1) % 3);
        polled = client.call("GET", "/v1/config/flag?wait=30s", "", {{"If-None-Match", etag}}, 40s);
    });
    EXPECT_TRUE(writer.call("PUT", "/v1/config/flag", "on").ok());
    waiting.join();

    EXPECT_EQ(polled.status, 200);
    EXPECT_EQ(polled.body, "on");
}

}  // namespace
}  // namespace gavel::test
