#include <gmock/gmock.h>
#include <poll.h>

#include <atomic>
#include <csignal>
#include <mutex>
#include <thread>

#include "tests/cluster/bulk.h"
#include "tests/cluster/cluster.h"

namespace gavel::test {
namespace {

// Watches through one member alone, come what may, and resumes where it was.
class Watcher {
public:
    Watcher(const Cluster& cluster, std::size_t member, std::string since,
            std::chrono::milliseconds quiet_limit = 2s)
        : thread_([this, &cluster, member, since = std::move(since), quiet_limit] {
              while (!stopping_) {
                  auto client = cluster.client(member);
                  std::vector<std::pair<std::string, std::string>> headers;
                  if (!last_id_.empty()) headers.emplace_back("Last-Event-ID", last_id_);
                  client.watch(
                      "/v1/watch?prefix=app/&since=" + since, headers,
                      [this](const auto& event) { return note(event); }, quiet_limit);
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
        if (event.contains("event") && event.at("event") == "reset") seen_.push_back("(reset)");
        return !stopping_;
    }

    mutable std::mutex mutex_{};
    std::vector<std::string> seen_{};
    std::string last_id_{};
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

// As large as values may be, each another one.
std::string large_value(int number) {
    std::string text = "value " + std::to_string(number);
    text.resize(1 << 20, '.');
    return text;
}

void write_large_values(const Cluster& cluster, std::size_t member, int values, int writers) {
    std::atomic<int> next{0};
    std::vector<std::thread> threads;
    for (int writer = 0; writer < writers; ++writer) {
        threads.emplace_back([&] {
            auto client = cluster.client(member);
            for (int number = next++; number < values; number = next++) {
                const std::string target = "/v1/config/v" + std::to_string(number);
                EXPECT_TRUE(client.call("PUT", target, large_value(number)).ok()) << number;
            }
        });
    }
    for (auto& thread : threads) thread.join();
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
    const Answer put = writer.call("PUT", "/v1/config/app/a", "while it is away");
    ASSERT_TRUE(put.ok());
    write_beyond_the_log(cluster, leader, away, put.json().value("revision", 0UL));
    cluster.start(away);

    const auto installed = [&] {
        return metric(cluster.client(away), "gavel_snapshots_installed_total");
    };
    ASSERT_TRUE(eventually([&] { return installed() >= 1; }, 30s));
    EXPECT_TRUE(eventually([&] { return cluster.client(away).call("GET", "/readyz").ok(); }));
    const Answer read = cluster.client(away).call("GET", "/v1/config/app/a");
    EXPECT_EQ(read.status, 200);
    EXPECT_EQ(read.body, "while it is away");
    EXPECT_TRUE(eventually([&] {
        const auto members = cluster.client(leader).call("GET", "/v1/members").json();
        return members.contains("members") && members.at("members").at(away).at("lag") == 0;
    })) << cluster.client(leader).call("GET", "/v1/members").body;
    const auto status = cluster.client(away).call("GET", "/v1/status").json();
    EXPECT_EQ(status.value("boot", 0), boot + 1 + installed()) << "one start, and those within it";

    // It serves and is told like any other.
    EXPECT_TRUE(cluster.client(away).call("PUT", "/v1/config/app/a", "after").ok());
    const std::vector<std::string> expected{"before", "while it is away", "after"};
    EXPECT_TRUE(eventually([&] { return watcher.seen() == expected; }));
    EXPECT_EQ(watcher.seen(), expected);
    double sent = 0;
    for (std::size_t i = 0; i < 3; ++i) {
        if (i != away) sent += metric(cluster.client(i), "gavel_snapshots_sent_total");
    }
    EXPECT_GE(sent, 1);

    // And it is still there after another start.
    cluster.kill(away);
    cluster.start(away);
    EXPECT_TRUE(eventually(
        [&] { return cluster.client(away).call("GET", "/v1/config/app/a").body == "after"; }));
    EXPECT_EQ(metric(cluster.client(away), "gavel_snapshots_installed_total"), 0);
}

// Elsewhere who watched through a member that fell behind and came by a snapshot was told nothing
// any more, on a stream that stayed open (etcd #8411). Nothing but an event or an end is waited for
// here.
TEST(ClusterSnapshot, IsNoSilenceOnAStreamThatIsOpen) {
    Cluster cluster(3, {"--log-retention=1000", "--peer-queue=8MiB"});
    cluster.start_all();
    const std::size_t leader = cluster.leader();
    const std::size_t away = (leader + 1) % 3;
    auto writer = cluster.client(leader);
    const Answer start = writer.call("PUT", "/v1/config/app/start", "0");
    ASSERT_EQ(start.status, 201);
    Watcher watcher(cluster, away, std::to_string(start.json().value("revision", 0UL)), 40s);
    ASSERT_TRUE(writer.call("PUT", "/v1/config/app/a", "before").ok());
    ASSERT_TRUE(eventually([&] { return watcher.seen().size() == 1; }));

    cluster.freeze(away);
    const Answer put = writer.call("PUT", "/v1/config/app/a", "while it is frozen");
    ASSERT_TRUE(put.ok());
    write_large_values(cluster, leader, 32, 4);  // More than waits for it in the queue.
    write_beyond_the_log(cluster, leader, away, put.json().value("revision", 0UL));
    cluster.signal(away, SIGCONT);
    ASSERT_TRUE(eventually(
        [&] { return metric(cluster.client(away), "gavel_snapshots_installed_total") >= 1; }, 30s));
    // The large values have pushed what is behind it out of the history: it is told so, and what
    // comes next.
    std::vector<std::string> expected{"before", "while it is frozen", "(reset)"};
    EXPECT_TRUE(eventually([&] { return watcher.seen() == expected; }, 30s));
    ASSERT_TRUE(writer.call("PUT", "/v1/config/app/a", "after").ok());
    expected.push_back("after");
    EXPECT_TRUE(eventually([&] { return watcher.seen() == expected; }, 30s));
    EXPECT_EQ(watcher.seen(), expected);
    cluster.kill(away);  // Or the watcher would wait for another event before it stops.
}

// Elsewhere it told them of the past again (etcd #15271).
TEST(ClusterSnapshot, IsNoGapAndNoWayBackForAWatchThatResumesAtAJoiner) {
    Cluster cluster(3, {"--log-retention=1000"});
    cluster.start_all();
    const std::size_t leader = cluster.leader();
    auto writer = cluster.client(leader);
    const auto put = [&](const std::string& value) {
        return writer.call("PUT", "/v1/config/app/a", value).json().value("revision", 0UL);
    };
    ASSERT_NE(put("1"), 0U);
    const std::string poll = "/v1/watch?prefix=app/&wait=20s&since=";
    std::string position = writer.call("GET", poll + "0").json().value("position", "");
    const auto second = put("2");
    write_beyond_the_log(cluster, leader, cluster.size(), second);
    ASSERT_NE(put("3"), 0U);

    const std::size_t joiner = cluster.join(leader, "learner");
    auto client = cluster.client(joiner);
    ASSERT_TRUE(eventually([&] { return client.call("GET", "/readyz").ok(); }, 30s));
    ASSERT_TRUE(eventually(
        [&] { return metric(cluster.client(joiner), "gavel_snapshots_installed_total") >= 1; },
        30s));

    std::vector<std::string> told;
    for (int i = 0; i < 10 && told.size() < 3; ++i) {
        const auto answer = client.call("GET", poll + position, "", {}, 30s).json();
        for (const auto& event : answer.value("events", nlohmann::json::array())) {
            told.push_back(event.value("value", ""));
        }
        position = answer.value("position", "");
        if (told.size() == 2) {
            ASSERT_NE(put("4"), 0U);
        }
    }
    EXPECT_EQ(told, (std::vector<std::string>{"2", "3", "4"}));
}

// The log cannot be cut before the state is on the disk, and that is written more slowly.
TEST(ClusterLog, DoesNotOutrunTheStateUntilItsMapIsFull) {
    Cluster cluster(1, {"--log-map-size=64MiB"});
    cluster.start_all();

    write_large_values(cluster, cluster.leader(), 300, 6);

    const double most = metric(cluster.client(0), "gavel_log_bytes_max");
    EXPECT_EQ(most, 64 << 20);
    EXPECT_TRUE(
        eventually([&] { return metric(cluster.client(0), "gavel_log_bytes") <= most / 2; }));
    EXPECT_GT(metric(cluster.client(0), "gavel_log_oldest_slot"), 200);
}

// A member that has fetched a state so large that installing it takes a while.
class ClusterInstallation : public testing::Test {
protected:
    static constexpr int values = 128;

    void SetUp() override {
        cluster_.start_all();
        leader_ = cluster_.leader();
        away_ = (leader_ + 1) % cluster_.size();
        auto client = cluster_.client(leader_);
        const Answer start = client.call("PUT", "/v1/config/start", "0");
        ASSERT_EQ(start.status, 201);
        cluster_.kill(away_);
        write_large_values(cluster_, leader_, values, 4);
        // Half a map of the log is filled long before: nobody is waited for.
        ASSERT_TRUE(eventually(
            [&] { return is_cut(cluster_, away_, start.json().value("revision", 0UL)); }, 30s));
        cluster_.start(away_);
        ASSERT_TRUE(eventually([&] { return has_said("installing a snapshot"); }, 60s));
    }

    std::size_t place_of(const std::string& event) const { return cluster_.log(away_).find(event); }
    bool has_said(const std::string& event) const { return place_of(event) != std::string::npos; }

    void expect_whole_after_a_start() {
        const double applied = metric(cluster_.client(leader_), "gavel_applied_slot");
        cluster_.start(away_);
        auto client = cluster_.client(away_);
        // It may be ready sooner: until it finds out how far it is behind.
        ASSERT_TRUE(eventually(
            [&] {
                return metric(cluster_.client(away_), "gavel_applied_slot") >= applied &&
                       client.call("GET", "/readyz").ok();
            },
            60s));
        for (int number = 0; number < values; ++number) {
            const Answer read = client.call("GET", "/v1/config/v" + std::to_string(number));
            ASSERT_TRUE(read.body == large_value(number)) << number << ": " << read.status;
        }
        EXPECT_TRUE(client.call("PUT", "/v1/config/start", "1").ok());
    }

    Cluster cluster_{3, {"--log-map-size=64MiB"}};
    std::size_t leader_ = 0;
    std::size_t away_ = 0;
};

TEST_F(ClusterInstallation, ThatIsToEndIsFinishedFirst) {
    cluster_.signal(away_, SIGTERM);

    EXPECT_EQ(cluster_.wait(away_, 30s), 0);
    ASSERT_TRUE(has_said("stopping"));
    EXPECT_GT(place_of("installed a snapshot"), place_of("stopping")) << "it was too fast";
    expect_whole_after_a_start();
}

TEST_F(ClusterInstallation, ThatIsCutShortIsBegunAnew) {
    cluster_.kill(away_);

    ASSERT_FALSE(has_said("installed a snapshot")) << "it was too fast";
    expect_whole_after_a_start();
    EXPECT_GE(metric(cluster_.client(away_), "gavel_snapshots_installed_total"), 1);
}

}  // namespace
}  // namespace gavel::test
