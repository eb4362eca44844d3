// Writes that rest on a lock, keys that end with a session, transactions: with real processes.

#include <gmock/gmock.h>
#include <signal.h>

#include <atomic>
#include <fstream>
#include <mutex>
#include <set>
#include <thread>

#include "base/prng.h"
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

// Workers that take a lock in turn, or have it taken away from whoever holds it, and put two keys
// at once under its token. Who lost the lock does not know that, and goes on.
class GuardedPairs {
public:
    explicit GuardedPairs(const Cluster& cluster) : cluster_(cluster) {
        for (std::size_t number = 0; number < 4; ++number) {
            threads_.emplace_back([this, number] { run(number); });
        }
    }
    ~GuardedPairs() { stop(); }
    GuardedPairs(const GuardedPairs&) = delete;
    GuardedPairs& operator=(const GuardedPairs&) = delete;

    void stop() {
        stopping_ = true;
        for (auto& thread : threads_) {
            if (thread.joinable()) thread.join();
        }
    }
    [[nodiscard]] bool goes_on(std::size_t writes = 40) const {
        const std::size_t before = count_;
        return eventually([&] { return count_ > before + writes; }, 30s);
    }
    const std::set<std::string>& done() const { return done_; }
    const std::set<std::string>& refused() const { return refused_; }

private:
    void run(std::size_t number) {
        Prng prng(number + 1);
        std::string session;
        std::size_t through = number;
        for (int round = 0; !stopping_; ++round) {
            auto client = cluster_.client(through % cluster_.size());
            const auto ask = [&](const std::string& method, const std::string& target,
                                 const nlohmann::json& body) {
                const Answer answer =
                    client.call(method, target, body.is_null() ? "" : body.dump(), json_body, 4s);
                if (answer.status == 0 || answer.status >= 500) ++through;
                return answer;
            };
            if (session.empty()) {
                const Answer opened = ask("POST", "/v1/sessions", {{"ttl", "120s"}});
                if (opened.status == 201) session = opened.json().at("id");
                continue;
            }
            if (prng.chance(40)) ask("DELETE", "/v1/locks/pair?force=true&reason=test", {});
            const Answer got = ask("PUT", "/v1/locks/pair?wait=300ms", {{"session", session}});
            if (!got.ok()) continue;
            const std::uint64_t token = got.json().at("token");
            for (int i = 0; i < 4; ++i) {
                const std::string name = std::to_string(token) + "/" + std::to_string(number) +
                                         "." + std::to_string(round) + "." + std::to_string(i);
                const auto put = [&name](const std::string& key) {
                    return nlohmann::json{{"put", {{"key", key}, {"value", name}}}};
                };
                note(name, ask("POST", "/v1/transactions",
                               {{"if", {{{"lock", "pair"}, {"token", token}}}},
                                {"then", {put("pair/a"), put("pair/b")}}}));
            }
            ask("DELETE", "/v1/locks/pair?session=" + session, {});
        }
    }

    void note(const std::string& name, const Answer& answer) {
        if (answer.status != 200) return;
        const std::lock_guard lock(mutex_);
        const bool succeeded = answer.json().at("succeeded");
        (succeeded ? done_ : refused_).insert(name);
        if (succeeded) ++count_;
    }

    const Cluster& cluster_;
    std::atomic<bool> stopping_{false};
    std::atomic<std::size_t> count_{0};
    std::mutex mutex_{};
    std::set<std::string> done_{};
    std::set<std::string> refused_{};
    std::vector<std::thread> threads_{};
};

// All changes of keys and locks with the prefix, oldest first.
std::vector<nlohmann::json> all_changes(Client client, const std::string& prefix) {
    std::vector<nlohmann::json> events;
    for (std::uint64_t since = 0;;) {
        const auto page = client
                              .call("GET", "/v1/watch?prefix=" + prefix + "/&locks=" + prefix +
                                               "&wait=1s&since=" + std::to_string(since))
                              .json();
        const auto found = page.value("events", nlohmann::json::array());
        if (found.empty()) return events;
        events.insert(events.end(), found.begin(), found.end());
        since = page.value("since", std::uint64_t{0});
    }
}

TEST(ClusterWrites, OfATransactionAreWholeAndOfTheHolderAloneWhileLeadersDieAndFreeze) {
    Cluster cluster;
    cluster.start_all();
    cluster.leader();
    GuardedPairs pairs(cluster);
    EXPECT_TRUE(pairs.goes_on());

    const std::size_t first = cluster.leader();
    cluster.kill(first);
    EXPECT_TRUE(pairs.goes_on());
    cluster.start(first);
    const std::size_t second = cluster.leader();
    cluster.freeze(second);
    EXPECT_TRUE(pairs.goes_on());
    cluster.signal(second, SIGCONT);
    EXPECT_TRUE(pairs.goes_on());
    pairs.stop();

    const auto changes = all_changes(cluster.client(cluster.leader()), "pair");
    std::uint64_t held = 0;
    std::map<std::uint64_t, std::map<std::string, std::string>> put;  // By revision.
    std::set<std::string> seen;
    for (const auto& change : changes) {
        const std::uint64_t revision = change.at("revision");
        if (change.at("event") == "lock") {
            held = change.at("change") == "acquired" ? change.at("token").get<std::uint64_t>() : 0;
            continue;
        }
        const std::string value = change.at("value");
        EXPECT_EQ(std::stoull(value), held) << "written by who does not hold the lock: " << change;
        put[revision][change.at("key")] = value;
        seen.insert(value);
    }
    for (const auto& [revision, values] : put) {
        ASSERT_EQ(values.size(), 2U) << "a half of what belongs together, at " << revision;
        EXPECT_EQ(values.at("pair/a"), values.at("pair/b")) << revision;
    }
    EXPECT_EQ(seen.size(), put.size()) << "nothing was done twice";
    for (const auto& name : pairs.done()) EXPECT_TRUE(seen.contains(name)) << name << " was lost";
    for (const auto& name : pairs.refused()) {
        EXPECT_FALSE(seen.contains(name)) << name << " was refused";
    }
    EXPECT_GT(pairs.refused().size(), 0U) << "nobody wrote without the lock";
}

}  // namespace
}  // namespace gavel::test
