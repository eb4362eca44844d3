// Everything is lost but a backup.

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <thread>

#include "tests/cluster/cluster.h"

namespace gavel::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

class ClusterBackup : public testing::Test {
protected:
    void SetUp() override {
        cluster.start_all();
        cluster.leader();
        file = (cluster.folder() / "gavel.backup").string();
    }

    // What a program prints goes to `out` and `err`.
    int run(const std::vector<std::string>& arguments) {
        const std::string stem = cluster.folder() / ("run" + std::to_string(++runs));
        const int code = Process(arguments, stem).wait(60s);
        out = contents(stem + ".out");
        err = contents(stem + ".err");
        return code;
    }
    int backup(std::size_t through, const std::vector<std::string>& options = {}) {
        std::vector<std::string> arguments{
            GAVEL_BINARY, "--endpoint", "http://127.0.0.1:" + std::to_string(cluster.port(through)),
            "-o",         "json",       "backup",
            file};
        arguments.insert(arguments.end(), options.begin(), options.end());
        return run(arguments);
    }
    int recover(const std::vector<std::string>& options) {
        std::vector<std::string> arguments{GAVELD_BINARY, "recover", "--backup", file};
        arguments.insert(arguments.end(), options.begin(), options.end());
        return run(arguments);
    }
    std::vector<std::string> making(const std::string& folder, const std::string& id) {
        peer_port = free_port();
        return {"--make-cluster", (cluster.folder() / folder).string(),
                "--peer-address", "127.0.0.1:" + std::to_string(peer_port),
                "--accept-loss",  id};
    }
    static std::uint64_t put(Client&& client, const std::string& key, const std::string& value) {
        return put(client, key, value);
    }
    static std::uint64_t put(Client& client, const std::string& key, const std::string& value) {
        const auto answer =
            client.call("PUT", "/v1/config/" + key, value, {{"Content-Type", "text/plain"}});
        return answer.ok() ? answer.json().value("revision", std::uint64_t{0}) : 0;
    }
    static json acquire(Client& client, const std::string& lock, const std::string& session) {
        return client
            .call("PUT", "/v1/locks/" + lock, acquire_body(session),
                  {{"Content-Type", "application/json"}})
            .json();
    }

    Cluster cluster{3};
    std::string file;
    std::string out;
    std::string err;
    int runs = 0;
    int peer_port = 0;
};

TEST_F(ClusterBackup, MakesANewClusterWithTheKeysThatWereInItAndNoLiveToken) {
    auto client = cluster.client(0);
    const std::string value(100'000, 'v');  // More than one piece.
    for (int i = 0; i < 20; ++i) ASSERT_NE(put(client, "big/" + std::to_string(i), value), 0U);
    const auto session = open_session(client, "600s");
    const auto token = acquire(client, "deploy", session).value("token", std::uint64_t{0});
    ASSERT_NE(put(client, "app/motd", "last words"), 0U);

    ASSERT_EQ(backup(cluster.follower()), 0) << err;
    const auto told = json::parse(out);
    const auto id = told.at("cluster_id").get<std::string>();
    EXPECT_GE(std::stoull(told.at("revision").get<std::string>()), token);
    struct stat about {};
    ASSERT_EQ(::stat(file.c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777U, 0600U);
    EXPECT_GT(about.st_size, 2'000'000);
    const auto late = put(client, "app/late", "is lost");
    ASSERT_TRUE(client.call("DELETE", "/v1/locks/deploy?session=" + session).ok());
    const auto later_token =
        acquire(client, "deploy", open_session(client, "600s")).value("token", std::uint64_t{0});
    EXPECT_GT(later_token, token);
    const auto last_token =
        acquire(client, "other", open_session(client, "600s")).value("token", std::uint64_t{0});

    // As long as one of them answers nothing is made.
    EXPECT_EQ(recover(making("fresh", id)), 1);
    EXPECT_THAT(err, HasSubstr("somebody answers"));
    for (std::size_t member = 0; member < 3; ++member) {
        cluster.kill(member);
        fs::remove_all(cluster.folder() / ("n" + std::to_string(member + 1)));
    }

    EXPECT_EQ(recover({}), 0) << err;
    EXPECT_THAT(out, HasSubstr("--accept-loss " + id));
    EXPECT_THAT(out, HasSubstr("21 keys"));
    EXPECT_EQ(recover(making("fresh", "another")), 1);
    EXPECT_THAT(err, HasSubstr("this is not cluster another"));
    auto options = making("fresh", id);
    const std::vector<std::string> more{"--above", std::to_string(last_token), "--name", "r1"};
    options.insert(options.end(), more.begin(), more.end());
    ASSERT_EQ(recover(options), 0) << out << err;

    const int port = free_port();
    Process fresh({GAVELD_BINARY, "--data-dir", (cluster.folder() / "fresh").string(),
                   "--listen=127.0.0.1:" + std::to_string(port),
                   "--peer-listen=127.0.0.1:" + std::to_string(peer_port)},
                  cluster.folder() / "fresh.log");
    Client restored(port);
    ASSERT_TRUE(eventually([&] { return restored.call("GET", "/readyz").status == 200; }));
    EXPECT_EQ(restored.call("GET", "/v1/config/app/motd").body, "last words");
    EXPECT_EQ(restored.call("GET", "/v1/config/big/19").body, value);
    EXPECT_EQ(restored.call("GET", "/v1/config/app/late").status, 404);
    // Neither who held it in the backup nor who got it since: no token of before is live.
    EXPECT_EQ(restored.call("POST", "/v1/sessions/" + session + "/keepalive").status, 404);
    for (const auto old : {token, later_token}) {
        const auto text = std::to_string(old);
        EXPECT_EQ(restored.call("GET", "/v1/locks/deploy?token=" + text).status, 409) << text;
        EXPECT_EQ(
            restored.call("PUT", "/v1/config/fenced", "x", {{"Gavel-Lock", "deploy;token=" + text}})
                .status,
            409)
            << text;
    }
    EXPECT_GT(acquire(restored, "other", open_session(restored)).value("token", std::uint64_t{0}),
              last_token);
    EXPECT_GT(put(restored, "app/new", "x"), late);
    EXPECT_NE(restored.call("GET", "/v1/status").json().at("cluster_id"), id);
}

TEST_F(ClusterBackup, IsConsistentWhileTheClusterGoesOn) {
    std::atomic<bool> stop{false};
    std::atomic<int> written{0};
    std::thread load([&] {
        auto client = cluster.client(1);
        for (int i = 0; !stop; ++i) {
            if (put(client, "k" + std::to_string(i % 500), std::to_string(i)) != 0) ++written;
        }
    });
    EXPECT_TRUE(eventually([&] { return written > 300; }));

    for (std::size_t member = 0; member < 3; ++member) {
        const auto acknowledged = put(cluster.client(0), "mark", "x");
        EXPECT_EQ(backup(member), 0) << err;
        const auto told = json::parse(out, nullptr, false);
        EXPECT_GE(std::stoull(told.value("revision", std::string("0"))), acknowledged)
            << "what was acknowledged is in it";
        // Verified with the hash of the state.
        EXPECT_EQ(recover({"-o", "json"}), 0) << err;
    }
    stop = true;
    load.join();
}

TEST_F(ClusterBackup, IsHadFromOneMemberWithoutALeader) {
    ASSERT_NE(put(cluster.client(2), "a", "x"), 0U);
    ASSERT_EQ(backup(2), 0) << "now it is on its disk";
    cluster.kill(0);
    cluster.kill(1);

    EXPECT_EQ(backup(2, {"--stale"}), 0) << err;
    EXPECT_EQ(recover({}), 0) << err;
    EXPECT_THAT(out, HasSubstr("1 key"));
}

// Pages that a backup holds are not used again: who takes it slowly must not fill the state's map,
// which ends a member.
TEST(ClusterBackupTakenSlowly, DoesNotFillTheMapOfTheState) {
    constexpr int values = 16;
    Cluster cluster(1, {"--state-map-size=128MiB"});
    cluster.start_all();
    auto client = cluster.client(cluster.leader());
    const auto write_all = [&](char fill) {
        for (int i = 0; i < values; ++i) {
            const std::string target = "/v1/config/big/" + std::to_string(i);
            ASSERT_TRUE(client.call("PUT", target, std::string(1 << 20, fill)).ok());
        }
    };
    const auto durable = [&] {
        return client.call("GET", "/v1/status").json().at("durable_applied");
    };
    write_all('a');
    const auto written = client.call("GET", "/v1/status").json().at("applied");
    ASSERT_TRUE(eventually([&] { return durable() >= written; }));

    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int small = 64 * 1024;
    ::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    sockaddr_in there{.sin_family = AF_INET,
                      .sin_port = htons(static_cast<std::uint16_t>(cluster.port(0))),
                      .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
                      .sin_zero = {}};
    ASSERT_EQ(::connect(socket, reinterpret_cast<const sockaddr*>(&there), sizeof there), 0);
    const std::string request = "GET /v1/backup HTTP/1.1\r\nHost: localhost\r\n\r\n";
    ASSERT_EQ(::send(socket, request.data(), request.size(), 0), request.size());
    std::array<char, 1'000> begun{};
    ASSERT_GT(::recv(socket, begun.data(), begun.size(), 0), 0);

    // Each round is a state of its own on the disk, and they are more than the map has room for.
    // The disk follows the log within two seconds.
    for (int round = 0; round < 12; ++round) {
        write_all(static_cast<char>('b' + round % 20));
        const auto now = client.call("GET", "/v1/status").json().at("applied");
        ASSERT_TRUE(eventually([&] { return durable() >= now; })) << round;
    }

    EXPECT_EQ(client.call("GET", "/readyz").status, 200U);
    EXPECT_THAT(cluster.log(0), HasSubstr("backups are cut short"));
    ::close(socket);
}

}  // namespace
}  // namespace gavel::test
