#include <gmock/gmock.h>
#include <poll.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "tests/cluster/cluster.h"

namespace gavel::test {
namespace {

using Clock = std::chrono::steady_clock;

double metric(Client client, const std::string& name) {
    const std::string body = client.call("GET", "/metrics").body;
    const auto at = body.find("\n" + name + " ");
    return at == std::string::npos ? -1 : std::stod(body.substr(at + name.size() + 2));
}

// Watches through one member alone, come what may, and resumes where it was.
class Watcher {
public:
    Watcher(const Cluster& cluster, std::size_t member, std::string since)
        : thread_([this, &cluster, member, since = std::move(since)] {
              while (!stopping_) {
                  auto client = cluster.client(member);
                  std::vector<std::pair<std::string, std::string>> headers;
                  if (!last_id_.empty()) headers.emplace_back("Last-Event-ID", last_id_);
                  client.watch(
                      "/v1/watch?prefix=app/&since=" + since, headers,
                      [this](const auto& event) { return note(event); }, 2s);
                  ++streams_;
                  ::poll(nullptr, 0, 20);
              }
          }) {}
    ~Watcher() { stop(); }

    void stop() {
        stopping_ = true;
        if (thread_.joinable()) thread_.join();
    }
    std::vector<std::string> seen() const {
        const std::lock_guard lock(mutex_);
        return seen_;
    }

private:
    bool note(const std::map<std::string, std::string>& event) {
        const std::lock_guard lock(mutex_);
        if (event.contains("id")) last_id_ = event.at("id");
        if (event.contains("event") && event.at("event") == "put") {
            seen_.push_back(nlohmann::json::parse(event.at("data")).value("value", ""));
        }
        return !stopping_;
    }

    mutable std::mutex mutex_{};
    std::vector<std::string> seen_{};
    std::string last_id_{};
    std::atomic<int> streams_{0};
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

// Writes more than members keep of their logs, in memory and on the disk, for a member that is away
// longer than they wait for it; and less than they keep of the history.
void write_beyond_the_log(const Cluster& cluster, std::size_t leader) {
    const std::string value(500, 'v');
    std::atomic<int> written{0};
    std::vector<std::thread> writers;
    const auto until = Clock::now() + 13s;
    for (int writer = 0; writer < 8; ++writer) {
        writers.emplace_back([&, writer] {
            auto client = cluster.client(leader);
            while (Clock::now() < until || written < 9'000) {
                const std::string key = std::to_string(writer) + "." + std::to_string(written % 50);
                if (client.call("PUT", "/v1/config/bulk/" + key, value).ok()) ++written;
                if (Clock::now() > until + 20s || written > 12'000) ::poll(nullptr, 0, 50);
                if (Clock::now() > until + 30s) return;
            }
        });
    }
    for (auto& writer : writers) writer.join();
    EXPECT_GE(written, 9'000);
}

TEST(ClusterSnapshot, BringsBackAMemberWhoseMissingEntriesAreGone) {
    Cluster cluster(3, {"--log-retention=1000"});
    cluster.start_all();
    const std::size_t leader = cluster.leader();
    const std::size_t away = (leader + 1) % 3;
    auto writer = cluster.client(leader);
    const Answer start = writer.call("PUT", "/v1/config/app/start", "0");
    ASSERT_EQ(start.status, 201);
    Watcher watcher(cluster, away, std::to_string(start.json().value("revision", 0UL)));
    ASSERT_TRUE(writer.call("PUT", "/v1/config/app/a", "before").ok());
    ASSERT_TRUE(eventually([&] { return watcher.seen().size() == 1; }));
    const auto boot = cluster.client(away).call("GET", "/v1/status").json().value("boot", 0);

    cluster.kill(away);
    ASSERT_TRUE(writer.call("PUT", "/v1/config/app/a", "while it is away").ok());
    write_beyond_the_log(cluster, leader);
    // The state on the disk and the cut follow within some seconds.
    ::poll(nullptr, 0, 4'000);
    cluster.start(away);

    ASSERT_TRUE(eventually(
        [&] { return metric(cluster.client(away), "gavel_snapshots_installed_total") == 1; }, 30s));
    EXPECT_TRUE(eventually([&] { return cluster.client(away).call("GET", "/readyz").ok(); }));
    const Answer read = cluster.client(away).call("GET", "/v1/config/app/a");
    EXPECT_EQ(read.status, 200);
    EXPECT_EQ(read.body, "while it is away");
    EXPECT_TRUE(eventually([&] {
        const auto members = cluster.client(leader).call("GET", "/v1/members").json();
        return members.contains("members") && members.at("members").at(away).at("lag") == 0;
    })) << cluster.client(leader).call("GET", "/v1/members").body;
    const auto status = cluster.client(away).call("GET", "/v1/status").json();
    EXPECT_EQ(status.value("boot", 0), boot + 2) << "one start, and one within it";

    // It serves and is told like any other.
    EXPECT_TRUE(cluster.client(away).call("PUT", "/v1/config/app/a", "after").ok());
    const std::vector<std::string> expected{"before", "while it is away", "after"};
    EXPECT_TRUE(eventually([&] { return watcher.seen() == expected; }));
    EXPECT_EQ(watcher.seen(), expected);
    double sent = 0;
    for (std::size_t i = 0; i < 3; ++i) {
        if (i != away) sent += metric(cluster.client(i), "gavel_snapshots_sent_total");
    }
    EXPECT_EQ(sent, 1);

    // And it is still there after another start.
    cluster.kill(away);
    cluster.start(away);
    EXPECT_TRUE(eventually(
        [&] { return cluster.client(away).call("GET", "/v1/config/app/a").body == "after"; }));
    EXPECT_EQ(metric(cluster.client(away), "gavel_snapshots_installed_total"), 0);
}

}  // namespace
}  // namespace gavel::test
