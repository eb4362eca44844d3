#include <gmock/gmock.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <map>
#include <set>
#include <thread>

#include "base/prng.h"
#include "tests/cluster/cluster.h"

namespace gavel::test {
namespace {

std::uintmax_t state_file(const Cluster& cluster, std::size_t member) {
    const auto arguments = cluster.arguments(member);
    const std::string option = "--data-dir=";
    const auto place = std::ranges::find_if(
        arguments, [&](const auto& argument) { return argument.starts_with(option); });
    return std::filesystem::file_size(std::filesystem::path(place->substr(option.size())) /
                                      "state/data.mdb");
}

// Many small ones, some large: those that are deleted leave holes of all sizes.
std::size_t mostly_small(Prng& prng) {
    return prng.chance(70) ? prng.below(3'000) : prng.below(200'000);
}

// Keys under fill/ with values of all sizes, as many as are taken.
class Filler {
public:
    using Sizes = std::size_t (*)(Prng&);

    Filler(const Cluster& cluster, std::uint64_t seed) : cluster_(cluster), prng_(seed) {}

    void take_sizes(Sizes sizes) { sizes_ = sizes; }

    // Puts until that is refused for good; the code of the problem. What keys were may have to be
    // forgotten first.
    std::string fill(std::chrono::milliseconds patience = 3s) {
        for (int i = 0; i < 20'000; ++i) {
            auto answer = put();
            if (answer.status == 507 && code_of(answer) == "storage-full") {
                eventually([&] { return (answer = put()).status != 507; }, patience);
            }
            if (answer.status == 507) return code_of(answer);
            EXPECT_TRUE(answer.ok()) << answer.status << answer.body;
            if (!answer.ok()) return "";
        }
        return "never full";
    }
    static std::string code_of(const Answer& answer) { return answer.json().value("code", ""); }
    Answer put() {
        const std::size_t size = sizes_(prng_);
        const std::string key = "fill/" + std::to_string(prng_.below(1'000'000));
        auto client = cluster_.client(prng_.below(cluster_.size()));
        auto answer = client.call("PUT", "/v1/config/" + key, std::string(size, 'v'));
        if (answer.ok()) keys_.insert(key);
        return answer;
    }
    // Deletes about so many of a hundred keys.
    void thin_out(std::uint64_t percent) {
        auto client = cluster_.client(prng_.below(cluster_.size()));
        for (auto key = keys_.begin(); key != keys_.end();) {
            if (!prng_.chance(percent)) {
                ++key;
                continue;
            }
            const auto answer = client.call("DELETE", "/v1/config/" + *key);
            EXPECT_TRUE(answer.ok()) << "deletes always go: " << answer.status << answer.body;
            key = keys_.erase(key);
        }
    }
    std::size_t size() const { return keys_.size(); }

private:
    const Cluster& cluster_;
    Prng prng_;
    Sizes sizes_ = mostly_small;
    std::set<std::string> keys_{};
};

// Room that was freed is used again, without anybody's help.
TEST(ClusterQuota, IsFilledEmptiedAndFilledAgain) {
    Cluster cluster(1, {"--state-map-size=64MiB"});
    cluster.start_all();
    cluster.leader();
    auto client = cluster.client(0);
    ASSERT_TRUE(client.call("PUT", "/v1/quotas/fill/", R"({"bytes":8388608})").ok());
    Filler filler(cluster, 1);
    std::uintmax_t after_two = 0;
    for (int round = 1; round <= 6; ++round) {
        SCOPED_TRACE("round " + std::to_string(round));
        ASSERT_EQ(filler.fill(), "quota-exceeded");
        const auto quotas = client.call("GET", "/v1/quotas").json().at("quotas");
        const std::uint64_t used = quotas.at(1).at("bytes").at("used");
        EXPECT_LE(used, 8'388'608U);
        EXPECT_GT(used, 8'000'000U);
        EXPECT_EQ(quotas.at(1).at("bytes"), (nlohmann::json{{"used", used}, {"limit", 8'388'608}}));
        // Now and then something stays, and stands in the way.
        filler.thin_out(round % 2 == 0 ? 100 : 95);
        if (round == 2) after_two = state_file(cluster, 0);
    }
    EXPECT_TRUE(cluster.running(0));
    ASSERT_GT(after_two, 0U);
    EXPECT_LE(state_file(cluster, 0), after_two + after_two / 2) << "the file grows without end";
    EXPECT_LE(state_file(cluster, 0), 64U << 20);

    cluster.signal(0, SIGTERM);
    EXPECT_EQ(cluster.wait(0, 20s), 0);
    cluster.start(0);
    cluster.leader();
    EXPECT_EQ(cluster.client(0).call("GET", "/v1/quotas").json().at("quotas").at(1).at("prefix"),
              "fill/");
}

// No quota, and maps that are too small: what would add to the state is refused everywhere before
// any member's map is full, deletes go on, and afterwards there is room.
TEST(ClusterQuota, OfTheDisksIsKeptBeforeAnyMemberEnds) {
    Cluster cluster(3, {"--state-map-size=64MiB"});
    cluster.start_all();
    cluster.leader();
    Filler filler(cluster, 2);
    for (int round = 1; round <= 3; ++round) {
        SCOPED_TRACE("round " + std::to_string(round));
        ASSERT_EQ(filler.fill(), "storage-full");
        EXPECT_GT(filler.size(), 100U);
        for (std::size_t member = 0; member < 3; ++member) {
            auto client = cluster.client(member);
            const auto refused =
                client.call("PUT", "/v1/config/fill/more", std::string(100'000, 'v'));
            EXPECT_EQ(refused.status, 507) << refused.body;
            EXPECT_EQ(client.call("POST", "/v1/sessions", "{}").status, 507);
            EXPECT_TRUE(client.call("GET", "/v1/config?keys_only=true").ok());
        }
        const auto alarms = cluster.client(cluster.leader()).call("GET", "/v1/status").json();
        EXPECT_THAT(alarms.at("alarms").dump(), testing::HasSubstr("room"));
        filler.thin_out(round == 2 ? 50 : 100);
        EXPECT_TRUE(eventually([&] { return filler.put().ok(); })) << "there is room again";
    }
    for (std::size_t member = 0; member < 3; ++member) EXPECT_TRUE(cluster.running(member));
}

// With long values whole in LMDB the room between small ones was of no use to large ones: the file
// grew until the map was full, and each start after that ended the same way.
TEST(ClusterQuota, OfTheDiskIsKeptHoweverTheSizesOfValuesChange) {
    Cluster cluster(1, {"--state-map-size=64MiB"});
    cluster.start_all();
    cluster.leader();
    Filler filler(cluster, 3);
    constexpr Filler::Sizes mixes[] = {
        [](Prng& prng) -> std::size_t { return prng.between(1'500, 4'000); },
        [](Prng& prng) -> std::size_t { return prng.between(900'000, 1 << 20); },
        [](Prng& prng) -> std::size_t {
            return prng.chance(60) ? 3'000 : prng.between(60'000, 1 << 20);
        }};
    for (int round = 0; round < 18; ++round) {
        SCOPED_TRACE("round " + std::to_string(round));
        filler.take_sizes(mixes[round / 2 % 3]);
        ASSERT_EQ(filler.fill(500ms), "storage-full");
        filler.thin_out(round % 3 == 0 ? 5 : 30);
        ASSERT_TRUE(cluster.running(0));
    }
    EXPECT_LE(state_file(cluster, 0), 52U << 20) << "half of the map, and what a commit takes";

    cluster.kill(0);
    cluster.start(0);
    cluster.leader();
    filler.thin_out(100);
    EXPECT_TRUE(eventually([&] { return filler.put().ok(); }));
}

// Writers that put, and delete less often, under a quota that is soon used up.
class Crowding {
public:
    static constexpr std::uint64_t bytes = 20'000, keys = 25;

    explicit Crowding(const Cluster& cluster) : cluster_(cluster) {
        for (std::size_t number = 0; number < 5; ++number) {
            threads_.emplace_back([this, number] { run(number); });
        }
    }
    ~Crowding() { stop(); }
    Crowding(const Crowding&) = delete;
    Crowding& operator=(const Crowding&) = delete;

    void stop() {
        stopping_ = true;
        for (auto& thread : threads_) {
            if (thread.joinable()) thread.join();
        }
    }
    // What is put is taken now and then, what is too much is refused, and deletes go on.
    [[nodiscard]] bool goes_on(int each = 40) const {
        const int put = put_, refused = refused_, deleted = deleted_;
        return eventually(
            [&] {
                return put_ > put + each && refused_ > refused + each && deleted_ > deleted + each;
            },
            30s);
    }

private:
    void run(std::size_t number) {
        Prng prng(number + 1);
        std::size_t through = number;
        while (!stopping_) {
            auto client = cluster_.client(through % cluster_.size());
            const std::string target = "/v1/config/q/" + std::to_string(prng.below(40));
            Answer answer;
            if (prng.chance(35)) {
                answer = client.call("DELETE", target, "", {}, 4s);
                if (answer.ok()) ++deleted_;
                EXPECT_NE(answer.status, 507) << "deletes always go: " << answer.body;
            } else {
                answer = client.call("PUT", target, std::string(prng.below(3'000), 'v'),
                                     {{"Content-Type", "text/plain"}}, 4s);
                if (answer.ok()) ++put_;
                if (answer.status == 507) note_refusal(answer.json());
            }
            if (answer.status == 0 || answer.status == 503 || answer.status == 504) ++through;
        }
    }

    void note_refusal(const nlohmann::json& told) {
        ASSERT_EQ(told.at("code"), "quota-exceeded");
        const auto& quota = told.at("quota");
        const std::uint64_t limit = quota.at("limit"), used = quota.at("used"),
                            asked = quota.at("asked");
        EXPECT_EQ(limit, quota.at("what") == "keys" ? keys : bytes) << told;
        EXPECT_LE(used, limit) << told;
        EXPECT_GT(used + asked, limit) << "there was room: " << told;
        ++refused_;
    }

    const Cluster& cluster_;
    std::atomic<bool> stopping_{false};
    std::atomic<int> put_{0};
    std::atomic<int> refused_{0};
    std::atomic<int> deleted_{0};
    std::vector<std::thread> threads_{};
};

// What was in use after each change, by the changes, as the most there ever was, and at the end.
struct Use {
    std::uint64_t bytes{};
    std::uint64_t keys{};
};
std::pair<Use, Use> use_by_changes(Client client) {
    std::map<std::string, std::uint64_t> sizes;
    Use most, now;
    for (std::uint64_t since = 0;;) {
        const auto page =
            client.call("GET", "/v1/watch?prefix=q/&wait=1s&since=" + std::to_string(since)).json();
        const auto events = page.value("events", nlohmann::json::array());
        if (events.empty()) return {most, now};
        for (const auto& event : events) {
            const std::string key = event.at("key");
            if (const auto old = sizes.extract(key)) now.bytes -= old.mapped();
            if (event.at("event") == "put") {
                const auto size = event.at("value").get<std::string>().size() + key.size();
                sizes[key] = size;
                now.bytes += size;
            }
            now.keys = sizes.size();
            most.bytes = std::max(most.bytes, now.bytes);
            most.keys = std::max(most.keys, now.keys);
        }
        since = page.value("since", std::uint64_t{0});
    }
}

TEST(ClusterQuota, IsNeverPassedAndStopsNoDeleteWhileLeadersDieAndFreeze) {
    Cluster cluster;
    cluster.start_all();
    auto client = cluster.client(cluster.leader());
    ASSERT_TRUE(client.call("PUT", "/v1/quotas/q/", R"({"bytes":20000,"keys":25})").ok());
    Crowding crowding(cluster);
    EXPECT_TRUE(crowding.goes_on());

    const std::size_t first = cluster.leader();
    cluster.kill(first);
    EXPECT_TRUE(crowding.goes_on());
    cluster.start(first);
    const std::size_t second = cluster.leader();
    cluster.freeze(second);
    EXPECT_TRUE(crowding.goes_on());
    cluster.signal(second, SIGCONT);
    EXPECT_TRUE(crowding.goes_on());
    crowding.stop();

    const auto [most, now] = use_by_changes(cluster.client(cluster.leader()));
    EXPECT_LE(most.bytes, Crowding::bytes);
    EXPECT_LE(most.keys, Crowding::keys);
    EXPECT_GT(most.bytes, Crowding::bytes * 9 / 10) << "it was hardly ever used up";
    // Those who were away count as those who were not.
    for (std::size_t member = 0; member < cluster.size(); ++member) {
        const auto shown = cluster.client(member).call("GET", "/v1/quotas").json();
        const auto& quota = shown.at("quotas").at(1);
        EXPECT_EQ(quota.at("bytes").at("used"), now.bytes) << "member " << member;
        EXPECT_EQ(quota.at("keys").at("used"), now.keys) << "member " << member;
    }
}

}  // namespace
}  // namespace gavel::test
