// Locks that several hold, with real processes that die.

#include <gmock/gmock.h>
#include <signal.h>

#include <filesystem>
#include <future>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "base/prng.h"
#include "tests/cluster/cluster.h"
#include "tests/simulation/linearizability.h"
#include "tests/simulation/shared_lock.h"

namespace gavel::test {
namespace {

using nlohmann::json;
using testing::SizeIs;

const std::vector<std::pair<std::string, std::string>> json_body{
    {"Content-Type", "application/json"}};

// Asks until somebody answers, through whichever member is there.
Answer persist(const Cluster& cluster, std::size_t first, const std::string& method,
               const std::string& target, const json& body = {}) {
    Answer answer;
    eventually(
        [&] {
            auto client = cluster.client(first++ % cluster.size());
            answer = client.call(method, target, body.is_null() ? "" : body.dump(), json_body, 30s);
            return answer.status != 0 && answer.status < 500;
        },
        60s);
    return answer;
}

// What happened to a lock, by the history of changes, oldest first.
std::vector<json> events_of(Client& client, const std::string& lock) {
    std::vector<json> events;
    const std::string target = "/v1/watch?locks=" + lock + "&wait=1s&since=";
    for (std::uint64_t since = 0;;) {
        const json page = client.call("GET", target + std::to_string(since)).json();
        const json found = page.value("events", json::array());
        if (found.empty()) return events;
        events.insert(events.end(), found.begin(), found.end());
        since = page.value("since", std::uint64_t{0});
    }
}

// The most that held it at once, by those events; each hold has the token that it began with.
std::size_t most_holders(const std::vector<json>& events) {
    std::map<std::string, std::uint64_t> holders;
    std::size_t most = 0;
    for (const json& event : events) {
        const std::string session = event.at("session");
        if (event.at("change") == "acquired") {
            EXPECT_TRUE(holders.emplace(session, event.at("token")).second) << event;
        } else {
            EXPECT_EQ(holders[session], event.at("token")) << event;
            holders.erase(session);
        }
        most = std::max(most, holders.size());
    }
    return most;
}

TEST(ClusterSharedLock, GoesFromItsReadersToTheWriterThoughTheLeaderDies) {
    Cluster cluster;
    cluster.start_all();
    const std::size_t leader = cluster.leader();
    const std::size_t steady = (leader + 1) % 3;
    auto client = cluster.client(steady);
    const auto ask = [&](const std::string& session, const std::string& mode,
                         const std::string& query = "") {
        return persist(cluster, steady, "PUT", "/v1/locks/data" + query,
                       {{"session", session}, {"mode", mode}});
    };
    const std::string one = open_session(client), two = open_session(client);
    const std::string writer = open_session(client), late = open_session(client);
    ASSERT_EQ(ask(one, "shared").status, 201);
    ASSERT_EQ(ask(two, "shared").status, 201);
    auto written =
        std::async(std::launch::async, [&] { return ask(writer, "exclusive", "?wait=60s"); });
    const auto explained = [&] { return persist(cluster, steady, "GET", "/v1/locks/data").json(); };
    ASSERT_TRUE(eventually([&] { return explained()["queue_length"] == 1; }));

    cluster.kill(leader);

    EXPECT_EQ(ask(late, "shared").json()["code"], "lock-held") << "behind the writer that waits";
    EXPECT_THAT(explained()["holders"], SizeIs(2));
    const auto release = [&](const std::string& session) {
        return persist(cluster, steady, "DELETE", "/v1/locks/data?session=" + session);
    };
    ASSERT_EQ(release(one).status, 200);
    EXPECT_EQ(written.wait_for(100ms), std::future_status::timeout) << "one still reads";
    ASSERT_EQ(release(two).status, 200);
    const Answer got = written.get();
    ASSERT_EQ(got.status, 201) << got.body;
    const json lock = explained();
    EXPECT_EQ(lock["holders"][0]["session"], writer) << lock;
    EXPECT_EQ(lock["holders"][0]["mode"], "exclusive") << lock;
    EXPECT_EQ(lock["holder_count"], 1) << lock;
}

TEST(ClusterSharedLock, HasNeverMoreHoldersThanItsLimitThoughLeadersDie) {
    Cluster cluster;
    cluster.start_all();
    cluster.leader();
    constexpr int limit = 3, clients = 8, rounds = 12;
    std::atomic<int> inside{0}, most{0}, done{0};
    std::vector<std::thread> threads;
    for (std::size_t number = 0; number < clients; ++number) {
        threads.emplace_back([&, number] {
            const std::string session =
                persist(cluster, number, "POST", "/v1/sessions", {{"ttl", "120s"}}).json()["id"];
            const std::string by_session = "/v1/locks/slots?session=" + session;
            for (int round = 0; round < rounds; ++round) {
                const Answer got =
                    persist(cluster, number + static_cast<std::size_t>(round), "PUT",
                            "/v1/locks/slots?wait=60s", {{"session", session}, {"limit", limit}});
                ASSERT_TRUE(got.ok()) << got.body;
                const int now = ++inside;
                for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
                }
                // Holds it until all places are taken, or for long enough that they could be.
                eventually([&] { return inside == limit; }, 50ms);
                --inside;
                const Answer released = persist(cluster, number, "DELETE", by_session);
                // 409: an earlier attempt, whose answer died with its member, had released it.
                ASSERT_TRUE(released.ok() || released.status == 409) << released.body;
                ++done;
            }
        });
    }
    for (int deaths = 1; deaths <= 2; ++deaths) {
        EXPECT_TRUE(eventually([&] { return done > deaths * clients * rounds / 4; }, 60s));
        const std::size_t leader = cluster.leader();
        cluster.kill(leader);
        cluster.start(leader);
    }
    for (auto& thread : threads) thread.join();

    EXPECT_EQ(most, limit) << "all places were taken at some time, and no more";
    auto client = cluster.client(cluster.leader());
    const auto events = events_of(client, "slots");
    EXPECT_GE(events.size(), 2U * clients * rounds);
    EXPECT_EQ(most_holders(events), static_cast<std::size_t>(limit));
    EXPECT_EQ(client.call("GET", "/v1/locks/slots").json()["held"], false);
}

using SharedLock = linearizability::SharedLock;

// Clients with a session each that take, look at and let go of a lock with readers and writers and
// of a semaphore, all of it recorded for the judge; what may have been done stays open.
class LockLoad {
public:
    static constexpr std::size_t clients = 6;

    explicit LockLoad(const Cluster& cluster) : cluster_(cluster) {
        for (std::size_t number = 0; number < clients; ++number) {
            const Answer opened =
                persist(cluster, number, "POST", "/v1/sessions", {{"ttl", "120s"}});
            sessions_.push_back(opened.json().value("id", ""));
        }
        for (std::size_t number = 0; number < clients; ++number) {
            threads_.emplace_back([this, number] { run(number); });
        }
    }
    ~LockLoad() { stop(); }
    LockLoad(const LockLoad&) = delete;
    LockLoad& operator=(const LockLoad&) = delete;

    linearizability::History<SharedLock> stop() {
        stopping_ = true;
        for (auto& thread : threads_) {
            if (thread.joinable()) thread.join();
        }
        return history_;
    }
    [[nodiscard]] bool goes_on(int grants = 60) const {
        const int before = granted_;
        return eventually([&] { return granted_ > before + grants; }, 30s);
    }
    int granted() const { return granted_; }
    int unknown() const { return unknown_; }

private:
    using Operation = linearizability::OperationOf<SharedLock>;

    static std::int64_t now_us() {
        return std::chrono::duration_cast<std::chrono::microseconds>(
                   std::chrono::steady_clock::now().time_since_epoch())
            .count();
    }
    static std::uint64_t number_of(const json& session) {
        return std::stoull(session.get<std::string>().substr(1));  // "s12"
    }

    void run(std::size_t number) {
        Prng prng(number + 1);
        std::map<std::string, bool> may_hold;
        std::size_t through = number;
        while (!stopping_) {
            const bool semaphore = prng.chance(50);
            const std::string lock = semaphore ? "slots" : "data";
            auto client = cluster_.client(through % cluster_.size());
            const std::uint64_t dice = prng.below(10);
            bool known = true;
            if (dice < 2) {
                known = inspect(client, number, lock);
            } else if (may_hold[lock]) {
                known = release(client, number, lock);
                may_hold[lock] = !known;
            } else {
                known = acquire(client, number, lock, semaphore, prng);
                may_hold[lock] = true;  // Or in the queue: a release tells.
            }
            if (known) continue;
            ++unknown_;
            ++through;
        }
    }

    bool acquire(Client& client, std::size_t number, const std::string& lock, bool semaphore,
                 Prng& prng) {
        const std::string& session = sessions_[number];
        const std::uint64_t id = number_of(session);
        const bool alone = !semaphore && prng.chance(35);
        json body{{"session", session}};
        if (semaphore) body["limit"] = 2;
        if (!semaphore && !alone) body["mode"] = "shared";
        Operation operation{.client = number, .invoked = now_us()};
        operation.input =
            (alone ? SharedLock::acquire_alone(id) : SharedLock::acquire(id, semaphore ? 2 : 0))
                .of(lock);
        const std::string wait = prng.chance(50) ? "?wait=300ms" : "";
        const Answer answer =
            client.call("PUT", "/v1/locks/" + lock + wait, body.dump(), json_body, 4s);
        const json told = answer.json();
        if (answer.ok()) {
            ++granted_;
            return note(operation, SharedLock::granted(told.at("token")));
        }
        if (answer.status != 409) return give_up(operation, answer);
        const json holders = told.value("holders", json::array());
        // Somebody else's turn, or refused for what the session has of it already: nothing was
        // done.
        if (told.value("code", "") != "lock-held" || holders.empty()) return true;
        return note(operation,
                    SharedLock::held(number_of(holders[0].at("session")), holders[0].at("token")));
    }

    bool release(Client& client, std::size_t number, const std::string& lock) {
        const std::string& session = sessions_[number];
        Operation operation{.client = number, .invoked = now_us()};
        operation.input = SharedLock::release(number_of(session)).of(lock);
        const Answer answer =
            client.call("DELETE", "/v1/locks/" + lock + "?session=" + session, "", {}, 4s);
        if (answer.status == 409) return note(operation, SharedLock::not_holder());
        if (!answer.ok()) return give_up(operation, answer);
        const bool left = answer.json().contains("left_queue");
        return note(operation, left ? SharedLock::left_queue() : SharedLock::released());
    }

    bool inspect(Client& client, std::size_t number, const std::string& lock) {
        Operation operation{.client = number, .invoked = now_us()};
        operation.input = SharedLock::inspect().of(lock);
        const Answer answer = client.call("GET", "/v1/locks/" + lock, "", {}, 4s);
        if (!answer.ok()) return false;
        SharedLock::Output::Holders holders;
        for (const json& holder : answer.json().value("holders", json::array())) {
            holders.emplace_back(number_of(holder.at("session")), holder.at("token"));
        }
        return note(operation, SharedLock::list(std::move(holders)));
    }

    bool note(Operation operation, SharedLock::Output output) {
        operation.returned = now_us();
        operation.output = std::move(output);
        const std::lock_guard guard(mutex_);
        history_.push_back(std::move(operation));
        return true;
    }
    // docs/http-api.md, Errors: what these refuse was not done.
    bool give_up(Operation operation, const Answer& answer) {
        const std::string code = answer.json().is_object() ? answer.json().value("code", "") : "";
        if (code == "no-leader" || code == "overloaded" || code == "shutting-down") return false;
        const std::lock_guard guard(mutex_);
        history_.push_back(std::move(operation));
        return false;
    }

    const Cluster& cluster_;
    std::vector<std::string> sessions_{};
    std::atomic<bool> stopping_{false};
    std::atomic<int> granted_{0};
    std::atomic<int> unknown_{0};
    std::mutex mutex_{};
    linearizability::History<SharedLock> history_{};
    std::vector<std::thread> threads_{};
};

TEST(ClusterSharedLock, IsLinearizableWhileLeadersDieAndFreeze) {
    Cluster cluster;
    cluster.start_all();
    cluster.leader();
    LockLoad load(cluster);
    EXPECT_TRUE(load.goes_on());

    const std::size_t first = cluster.leader();
    cluster.kill(first);
    EXPECT_TRUE(load.goes_on()) << "by the other two";
    cluster.start(first);
    const std::size_t second = cluster.leader();
    cluster.freeze(second);
    EXPECT_TRUE(load.goes_on()) << "while the leader is frozen";
    // It finds commands on its way and clients that wait, and was replaced.
    cluster.signal(second, SIGCONT);
    EXPECT_TRUE(load.goes_on());
    cluster.kill(cluster.leader());
    EXPECT_TRUE(load.goes_on());

    const auto history = load.stop();
    const auto report = linearizability::check_by_object(SharedLock{}, history, 5'000'000);
    EXPECT_EQ(report.verdict, linearizability::Verdict::linearizable)
        << "lock " << report.key.value_or("") << " in a history of " << history.size();
    EXPECT_GT(load.unknown(), 0) << "no fault met a request";
}

TEST(ClusterSharedLock, IsSharedByCommandsUnderGavelLockAndBrokenByAnOperator) {
    Cluster cluster;
    cluster.start_all();
    auto client = cluster.client(cluster.leader());
    const auto folder = cluster.folder();
    const auto gavel = [&](std::vector<std::string> arguments, const std::string& output) {
        std::vector<std::string> line{GAVEL_BINARY, "--endpoint",
                                      "http://127.0.0.1:" + std::to_string(cluster.port(0))};
        line.insert(line.end(), arguments.begin(), arguments.end());
        return Process(line, folder / output);
    };
    // Each waits for the other: alone neither would end.
    const auto meet = [&](const std::string& self, const std::string& other) {
        const std::string script = "touch " + (folder / self).string() + "; until [ -e " +
                                   (folder / other).string() + " ]; do sleep 0.05; done";
        return gavel({"lock", "data", "--shared", "--", "sh", "-c", script}, "meet-" + self);
    };
    Process one = meet("one", "two"), two = meet("two", "one");
    EXPECT_EQ(one.wait(20s), 0) << contents(folder / "meet-one.err");
    EXPECT_EQ(two.wait(20s), 0) << contents(folder / "meet-two.err");

    Process stuck = gavel({"lock", "data", "--limit", "2", "--", "sleep", "60"}, "stuck");
    ASSERT_TRUE(eventually(
        [&] { return client.call("GET", "/v1/locks/data").json().value("held", false); }));
    EXPECT_EQ(client.call("GET", "/v1/locks/data").json()["limit"], 2);
    Process broken = gavel({"locks", "break", "data", "--reason", "stuck"}, "break");
    EXPECT_EQ(broken.wait(10s), 0) << contents(folder / "break.err");

    EXPECT_EQ(stuck.wait(15s), 122) << contents(folder / "stuck.err");
    EXPECT_EQ(client.call("GET", "/v1/locks/data").json()["last_release"]["comment"], "stuck");
}

TEST(ClusterSharedLock, IsAcquiredTogetherWithOthersAndWithoutASessionOverAFailover) {
    Cluster cluster;
    cluster.start_all();
    const std::size_t leader = cluster.leader();
    const std::size_t steady = (leader + 1) % 3;
    auto client = cluster.client(steady);
    const std::string holder = open_session(client), several = open_session(client);
    ASSERT_EQ(client.call("PUT", "/v1/locks/b", acquire_body(holder), json_body).status, 201);
    const auto later = [&](const std::string& method, const std::string& target, const json& body) {
        return std::async(std::launch::async, [&cluster, steady, method, target, body] {
            auto waiting = cluster.client(steady);
            return waiting.call(method, target, body.is_null() ? "" : body.dump(), json_body, 90s);
        });
    };
    auto both = later(
        "POST", "/v1/locks",
        {{"session", several}, {"locks", {{{"name", "a"}}, {{"name", "b"}}}}, {"wait", "60s"}});
    const auto waiting = [&](const std::string& lock) {
        return persist(cluster, steady, "GET", "/v1/locks/" + lock).json().value("queue_length", 0);
    };
    ASSERT_TRUE(eventually([&] { return waiting("a") == 1 && waiting("b") == 1; }));
    auto alone = later("PUT", "/v1/locks/a?ttl=2s&wait=60s", {});
    ASSERT_TRUE(eventually([&] { return waiting("a") == 2; }));

    cluster.kill(leader);
    ASSERT_EQ(persist(cluster, steady, "DELETE", "/v1/locks/b?session=" + holder).status, 200);

    const Answer got = both.get();
    ASSERT_EQ(got.status, 201) << got.body;
    const std::string token = std::to_string(got.json().value("token", 0UL));
    for (const std::string lock : {"a", "b"}) {
        EXPECT_EQ(client.call("GET", "/v1/locks/" + lock + "?token=" + token).status, 200);
    }
    EXPECT_EQ(alone.wait_for(0s), std::future_status::timeout);
    ASSERT_EQ(persist(cluster, steady, "DELETE", "/v1/locks/a?session=" + several).status, 200);
    const Answer made = alone.get();
    ASSERT_EQ(made.status, 201) << made.body;
    const std::string session = made.json()["session"];
    EXPECT_EQ(client.call("GET", "/v1/sessions/" + session).status, 200)
        << "it outlived its time to live while it waited";
    EXPECT_TRUE(eventually([&] {
        return client.call("GET", "/v1/sessions/" + session).status == 404;
    })) << "nobody keeps it alive";
}

}  // namespace
}  // namespace gavel::test
