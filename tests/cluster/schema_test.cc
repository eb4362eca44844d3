#include <gmock/gmock.h>

#include <atomic>
#include <csignal>
#include <map>
#include <thread>

#include "tests/cluster/cluster.h"

namespace gavel::test {
namespace {

const std::vector<std::pair<std::string, std::string>> as_json{
    {"Content-Type", "application/json"}};

TEST(ClusterSchema, IsKeptThroughEveryMemberAndOverARestart) {
    Cluster cluster(3);
    cluster.start_all();
    cluster.leader();
    auto first = cluster.client(0);
    const std::string schema =
        R"({"type":"object","properties":{"port":{"type":"integer"}},"required":["port"]})";
    ASSERT_EQ(first.call("PUT", "/v1/schemas/app/", schema).status, 200);

    const auto expect_kept = [&] {
        for (std::size_t member = 0; member < 3; ++member) {
            SCOPED_TRACE("member " + std::to_string(member));
            auto client = cluster.client(member);
            const auto refused = client.call("PUT", "/v1/config/app/a", R"({"port":"x"})", as_json);
            EXPECT_EQ(refused.status, 422) << refused.body;
            EXPECT_EQ(refused.json().at("violations").at(0).at("pointer"), "/port");
            const auto taken = client.call("PUT", "/v1/config/app/a", R"({"port":1})", as_json);
            EXPECT_TRUE(taken.ok()) << taken.body;
        }
    };
    expect_kept();
    const auto again = (cluster.leader() + 1) % 3;
    cluster.signal(again, SIGTERM);
    ASSERT_EQ(cluster.wait(again, 20s), 0);
    cluster.start(again);
    cluster.leader();
    expect_kept();
}

// The schema changes from one moment to the next, while everybody writes what fits one or the
// other: whatever is there in the end fits the one that governed at its revision.
TEST(ClusterSchema, ThatChangesWhileValuesAreWrittenLetsNoneSlipIn) {
    Cluster cluster(3);
    cluster.start_all();
    cluster.leader();
    std::atomic<bool> done{false};
    std::atomic<int> put{0}, refused{0};
    std::vector<std::thread> writers;
    for (std::size_t member = 0; member < 3; ++member) {
        writers.emplace_back([&, member] {
            auto client = cluster.client(member);
            for (int i = 0; !done; ++i) {
                const std::string value = i % 2 == 0 ? "1" : R"("x")";
                const std::string key = "app/" + std::to_string(member) + "." + std::to_string(i);
                const auto answer = client.call("PUT", "/v1/config/" + key, value, as_json);
                if (answer.ok()) ++put;
                if (answer.status == 422) ++refused;
            }
        });
    }
    auto operating = cluster.client(0);
    std::map<std::uint64_t, std::string> demanded;  // From that revision on.
    for (int i = 0; i < 2'000 && (i < 60 || put <= 50 || refused <= 50); ++i) {
        const std::string type = i % 2 == 0 ? "integer" : "string";
        const auto set =
            operating.call("PUT", "/v1/schemas/app/?force=true", R"({"type":")" + type + R"("})");
        ASSERT_EQ(set.status, 200) << set.body;
        demanded[set.json().at("revision")] = type;
    }
    done = true;
    for (auto& writer : writers) writer.join();
    EXPECT_GT(put, 50);
    EXPECT_GT(refused, 50);

    std::string cursor;
    int looked_at = 0;
    do {
        const auto page =
            operating.call("GET", "/v1/config?prefix=app/&limit=1000" + cursor).json();
        for (const auto& item : page.at("items")) {
            const auto next = demanded.upper_bound(item.at("revision"));
            if (next == demanded.begin()) continue;  // Before there was any.
            const bool integer = std::prev(next)->second == "integer";
            EXPECT_EQ(item.at("value").is_number_integer(), integer) << item.dump();
            ++looked_at;
        }
        cursor = page.contains("next_cursor")
                     ? "&cursor=" + page.at("next_cursor").get<std::string>()
                     : "";
    } while (!cursor.empty());
    EXPECT_GT(looked_at, 50);
}

}  // namespace
}  // namespace gavel::test
