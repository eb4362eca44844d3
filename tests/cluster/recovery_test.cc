// A majority is lost for good, and a new cluster is made from what is left.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cluster/cluster.h"

namespace gavel::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

// A gaveld that is not one of the founders.
struct Gaveld {
    int port = free_port();
    int peer_port = free_port();
    fs::path folder{};
    Process process{};

    std::string peer_address() const { return "127.0.0.1:" + std::to_string(peer_port); }
    Client client() const { return Client(port); }
    std::string log() const { return contents(folder.string() + ".log.err"); }
    void start(const std::vector<std::string>& further = {}) {
        std::vector<std::string> arguments{GAVELD_BINARY, "--data-dir=" + folder.string(),
                                           "--listen=127.0.0.1:" + std::to_string(port),
                                           "--peer-listen=" + peer_address()};
        arguments.insert(arguments.end(), further.begin(), further.end());
        process = Process(arguments, folder.string() + ".log");
    }
    bool becomes_ready() const {
        return eventually([&] { return client().call("GET", "/readyz").status == 200; });
    }
};

class ClusterRecovery : public testing::Test {
protected:
    void SetUp() override {
        cluster.start_all();
        cluster.leader();
    }

    fs::path folder(const std::string& name) const { return cluster.folder() / name; }
    // gaveld recover; what it says goes to `out` and `err`.
    int recover(std::vector<std::string> arguments) {
        for (const char* kind : {".out", ".err"}) fs::remove(folder("recover").string() + kind);
        arguments.insert(arguments.begin(), {GAVELD_BINARY, "recover"});
        const int code = Process(arguments, folder("recover").string()).wait(30s);
        out = contents(folder("recover").string() + ".out");
        err = contents(folder("recover").string() + ".err");
        return code;
    }
    bool put(Client client, const std::string& key, const std::string& value) {
        return client.call("PUT", "/v1/config/" + key, value, {{"Content-Type", "text/plain"}})
            .ok();
    }
    static Answer acquire(Client client, const std::string& lock, const std::string& session) {
        return client.call("PUT", "/v1/locks/" + lock, acquire_body(session),
                           {{"Content-Type", "application/json"}});
    }
    // The survivor answers for itself: what it has of a key.
    std::string held_by_survivor(const std::string& key) {
        return cluster.client(2).call("GET", "/v1/config/" + key + "?consistency=stale").body;
    }
    void lose_two() {
        for (const std::size_t lost : {0U, 1U}) {
            cluster.kill(lost);
            fs::remove_all(folder("n" + std::to_string(lost + 1)));
        }
        cluster.kill(2);
    }

    Cluster cluster{3};
    std::string out;
    std::string err;
};

TEST_F(ClusterRecovery, KeepsWhatTheSurvivorHeldAndGoesOnBeyondIt) {
    // Data, a lock that is held, and one that was given back.
    for (int i = 0; i < 50; ++i) {
        ASSERT_TRUE(put(cluster.client(0), "k" + std::to_string(i), "v" + std::to_string(i)));
    }
    Client client = cluster.client(1);
    const std::string session = open_session(client, "60s");
    const auto held = acquire(cluster.client(1), "deploy", session);
    ASSERT_EQ(held.status, 201) << held.body;
    const auto old_token = acquire(cluster.client(1), "other", session).json()["token"];
    ASSERT_TRUE(client.call("DELETE", "/v1/locks/other?session=" + session).ok());
    ASSERT_TRUE(put(cluster.client(0), "last", "before the loss"));
    const auto polled = cluster.client(0).call("GET", "/v1/watch?prefix=k&since=0&wait=1s").json();
    const std::string position = polled.value("position", "");
    ASSERT_TRUE(eventually([&] { return held_by_survivor("last") == "before the loss"; }));
    const std::string survivor = folder("n3").string();

    EXPECT_EQ(recover({"--data-dir", survivor}), 1) << "it runs";
    EXPECT_THAT(out, HasSubstr("in use by a gaveld"));
    lose_two();

    // What is known, then a new cluster: only when the loss is accepted.
    ASSERT_EQ(recover({"--data-dir", survivor, "-o", "json"}), 0) << err;
    const json known = json::parse(out)["recovery"];
    EXPECT_EQ(known["lost_members"], json({1, 2}));
    const std::string old_cluster = known["cluster_id"];
    Gaveld phoenix{.folder = folder("phoenix")};
    std::vector<std::string> making{"--data-dir",     survivor,
                                    "--make-cluster", phoenix.folder.string(),
                                    "--peer-address", phoenix.peer_address()};
    EXPECT_EQ(recover(making), 1);
    EXPECT_THAT(err, HasSubstr("--accept-loss " + old_cluster));
    making.insert(making.end(), {"--accept-loss", old_cluster});
    ASSERT_EQ(recover(making), 0) << err;

    phoenix.start();
    ASSERT_TRUE(phoenix.becomes_ready()) << phoenix.log();
    Client fresh = phoenix.client();
    for (int i = 0; i < 50; ++i) {
        ASSERT_EQ(fresh.call("GET", "/v1/config/k" + std::to_string(i)).body,
                  "v" + std::to_string(i));
    }
    EXPECT_EQ(fresh.call("GET", "/v1/config/last").body, "before the loss");
    EXPECT_NE(fresh.call("GET", "/v1/status").json()["cluster_id"], old_cluster);

    // The holder is none any more, nobody else is for as long as it may not know it; whoever comes
    // now gets a higher token.
    EXPECT_EQ(fresh.call("POST", "/v1/sessions/" + session + "/keepalive").status, 404);
    const auto token = held.json()["token"].dump();
    EXPECT_EQ(fresh.call("GET", "/v1/locks/deploy?token=" + token).status, 409);
    EXPECT_EQ(fresh.call("PUT", "/v1/config/fenced", "x", {{"Gavel-Lock", "deploy;token=" + token}})
                  .status,
              409);
    EXPECT_EQ(acquire(phoenix.client(), "deploy", open_session(fresh)).status, 409);
    const auto next = acquire(phoenix.client(), "other", open_session(fresh));
    ASSERT_EQ(next.status, 201) << next.body;
    EXPECT_GT(next.json()["token"], old_token);
    EXPECT_GT(next.json()["token"], known["first_revision"]);

    // Who watched the old cluster is told that there is a gap.
    const auto resumed = fresh.call(
        "GET", "/v1/watch?prefix=k&wait=1s&since=" + std::to_string(known["last"].get<int>()));
    EXPECT_EQ(resumed.status, 410) << resumed.body;
    EXPECT_EQ(resumed.json()["code"], "compacted");
    const auto known_by_id = fresh.call("GET", "/v1/watch?prefix=k&wait=1s&since=" + position);
    EXPECT_EQ(known_by_id.status, 410) << known_by_id.body;
    EXPECT_EQ(known_by_id.json()["code"], "other-cluster") << position;
    std::string reason;
    phoenix.client().watch("/v1/watch?prefix=k", {{"Last-Event-ID", position}},
                           [&](const auto& event) {
                               EXPECT_EQ(event.at("event"), "reset");
                               reason = json::parse(event.at("data")).value("reason", "");
                               return false;
                           });
    EXPECT_EQ(reason, "other-cluster");
}

TEST_F(ClusterRecovery, GrowsAgainAndTakesNoOldMemberBack) {
    ASSERT_TRUE(put(cluster.client(0), "k", "v"));
    ASSERT_TRUE(eventually([&] { return held_by_survivor("k") == "v"; }));
    lose_two();
    const std::string survivor = folder("n3").string();
    ASSERT_EQ(recover({"--data-dir", survivor, "-o", "json"}), 0) << err;
    const std::string old_cluster = json::parse(out)["recovery"]["cluster_id"];
    Gaveld phoenix{.folder = folder("phoenix")};
    ASSERT_EQ(recover({"--data-dir", survivor, "--make-cluster", phoenix.folder.string(),
                       "--peer-address", phoenix.peer_address(), "--accept-loss", old_cluster}),
              0)
        << err;
    phoenix.start();
    ASSERT_TRUE(phoenix.becomes_ready()) << phoenix.log();

    // Two newcomers, one of them where an old member was.
    std::vector<Gaveld> newcomers(2);
    newcomers[0].peer_port = cluster.peer_port(0);
    for (std::size_t i = 0; i < newcomers.size(); ++i) {
        newcomers[i].folder = folder("newcomer" + std::to_string(i));
        newcomers[i].start({"--name=newcomer" + std::to_string(i),
                            "--join=http://127.0.0.1:" + std::to_string(phoenix.port)});
    }
    EXPECT_TRUE(eventually([&] {
        const json told = phoenix.client().call("GET", "/v1/members").json();
        std::size_t voters = 0;
        for (const auto& member : told.value("members", json::array())) {
            if (member.value("role", "") == "voter") ++voters;
        }
        return voters == 3;
    })) << phoenix.log();
    for (const Gaveld& newcomer : newcomers) {
        EXPECT_TRUE(
            eventually([&] { return newcomer.client().call("GET", "/v1/config/k").body == "v"; }));
    }

    // They are a cluster without the one it began with.
    phoenix.process.kill();
    EXPECT_TRUE(eventually([&] { return put(newcomers[0].client(), "after", "v"); }));

    // The old member finds the newcomer at an old address, and is not one of them.
    cluster.start(2);
    EXPECT_TRUE(eventually([&] {
        return cluster.log(2).find("its cluster is " + old_cluster) != std::string::npos;
    })) << cluster.log(2);
    EXPECT_NE(cluster.client(2).call("GET", "/readyz").status, 200);
    EXPECT_EQ(newcomers[1].client().call("GET", "/v1/config/k").body, "v");
}

TEST_F(ClusterRecovery, IsRefusedWhileAnOldMemberAnswers) {
    ASSERT_TRUE(put(cluster.client(0), "k", "v"));
    cluster.kill(2);
    const std::string survivor = folder("n3").string();
    ASSERT_EQ(recover({"--data-dir", survivor, "-o", "json"}), 0) << err;
    const std::string old_cluster = json::parse(out)["recovery"]["cluster_id"];

    EXPECT_EQ(recover({"--data-dir", survivor, "--make-cluster", folder("phoenix").string(),
                       "--peer-address", "127.0.0.1:" + std::to_string(free_port()),
                       "--accept-loss", old_cluster}),
              1);

    EXPECT_THAT(err, HasSubstr("the old cluster may be alive"));
    EXPECT_FALSE(fs::exists(folder("phoenix")));
    EXPECT_TRUE(put(cluster.client(0), "k", "goes on"));
}

}  // namespace
}  // namespace gavel::test
