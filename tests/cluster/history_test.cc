#include <gmock/gmock.h>

#include <map>

#include "tests/cluster/cluster.h"

namespace gavel::test {
namespace {

using nlohmann::json;

double metric(const Cluster& cluster, std::size_t member, const std::string& name) {
    const std::string body = cluster.client(member).call("GET", "/metrics").body;
    const auto at = body.find("\n" + name + " ");
    return at == std::string::npos ? -1 : std::stod(body.substr(at + name.size() + 2));
}

// Three members, some changes of keys, and what every member must say of them ever after.
class ClusterHistory : public testing::Test {
protected:
    void SetUp() override {
        cluster_.start_all();
        auto client = cluster_.client(cluster_.leader());
        const auto revision = [](const Answer& answer) {
            EXPECT_TRUE(answer.ok()) << answer.body;
            return answer.json().value("revision", std::uint64_t{0});
        };
        const auto put = [&](const std::string& key, const std::string& value) {
            return revision(client.call("PUT", "/v1/config/app/" + key, value,
                                        {{"Gavel-Author", "ann"}, {"Gavel-Reason", "why not"}}));
        };
        was_[put("a", "one")] = "one";
        const auto then = put("b", "gone");
        was_[then] = "one";
        was_[put("a", "two")] = "two";
        was_[revision(client.call("DELETE", "/v1/config/app/b"))] = "two";
        last_ = roll_back(client, then);
        was_[last_] = "one";
        history_ = client.call("GET", "/v1/history?key=app/a").json().at("changes");
        ASSERT_EQ(history_.size(), 3U);
        EXPECT_EQ(history_[2].at("author"), "ann");
        list_ = client.call("GET", list_target()).json();
        EXPECT_EQ(list_.at("items").size(), 2U) << "a and b, as they were";
    }

    std::string list_target() const {
        return "/v1/config?prefix=app/&revision=" + std::to_string(last_);
    }

    // Of everything, to what it was at that revision.
    std::uint64_t roll_back(Client& client, std::uint64_t to) const {
        const json body = {{"prefix", "app/"}, {"to_revision", to}, {"reason", "a test"}};
        const Answer answer = client.call("POST", "/v1/rollback", body.dump(),
                                          {{"Idempotency-Key", "to-" + std::to_string(to)}});
        EXPECT_EQ(answer.status, 200) << answer.body;
        return answer.json().value("revision", std::uint64_t{0});
    }

    void expect_the_same_past(std::size_t member) const {
        SCOPED_TRACE("member " + std::to_string(member));
        auto client = cluster_.client(member);
        ASSERT_TRUE(eventually([&] { return client.call("GET", "/readyz").ok(); }, 30s));
        ASSERT_TRUE(eventually([&] { return client.call("GET", list_target()).ok(); }, 30s));
        for (const auto& [revision, value] : was_) {
            const Answer read =
                client.call("GET", "/v1/config/app/a?revision=" + std::to_string(revision));
            EXPECT_EQ(read.body, value) << "at " << revision;
        }
        EXPECT_EQ(client.call("GET", "/v1/history?key=app/a").json().at("changes"), history_);
        EXPECT_EQ(client.call("GET", list_target()).json(), list_);
    }

    Cluster cluster_{3, {"--log-map-size=64MiB"}};
    std::map<std::uint64_t, std::string> was_{};  // What app/a was, by revision.
    std::uint64_t last_ = 0;
    json history_{};
    json list_{};
};

TEST_F(ClusterHistory, SurvivesTheLeaderAndARestartOfAll) {
    const std::size_t leader = cluster_.leader();
    cluster_.kill(leader);
    const std::size_t next = cluster_.leader({leader});
    for (std::size_t member = 0; member < 3; ++member) {
        if (member != leader) expect_the_same_past(member);
    }
    auto client = cluster_.client(next);
    ASSERT_TRUE(client.call("PUT", "/v1/config/app/c", "after").ok());

    for (std::size_t member = 0; member < 3; ++member) cluster_.kill(member);
    cluster_.start_all();
    cluster_.leader();

    for (std::size_t member = 0; member < 3; ++member) expect_the_same_past(member);
    auto again = cluster_.client(cluster_.leader());
    EXPECT_GT(roll_back(again, last_), last_);
    EXPECT_EQ(again.call("GET", "/v1/config/app/c").status, 404) << "it was created since";
    EXPECT_EQ(again.call("GET", "/v1/config/app/a").body, "one");
}

TEST_F(ClusterHistory, ComesWithASnapshot) {
    auto client = cluster_.client(cluster_.leader());
    const std::string large(1 << 20, '.');
    // Until half a map of the log is full, and more.
    for (int i = 0; i < 64; ++i) {
        ASSERT_TRUE(client.call("PUT", "/v1/config/large/" + std::to_string(i), large).ok());
    }
    ASSERT_TRUE(eventually(
        [&] {
            for (std::size_t member = 0; member < 3; ++member) {
                const auto oldest = metric(cluster_, member, "gavel_log_oldest_slot");
                if (oldest <= static_cast<double>(last_)) return false;
            }
            return true;
        },
        60s));

    const std::size_t newcomer = cluster_.join(0, "learner");

    expect_the_same_past(newcomer);
    EXPECT_GE(metric(cluster_, newcomer, "gavel_snapshots_installed_total"), 1);
    EXPECT_EQ(metric(cluster_, newcomer, "gavel_versions"), metric(cluster_, 0, "gavel_versions"));
}

}  // namespace
}  // namespace gavel::test
