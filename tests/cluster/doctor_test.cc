#include <gmock/gmock.h>
#include <signal.h>

#include "tests/cluster/cluster.h"

namespace gavel::test {
namespace {

using nlohmann::json;

struct Told {
    int code = 0;
    json document{};
};

Told doctor(const Cluster& cluster, std::size_t through, int look) {
    const auto output = cluster.folder() / ("doctor" + std::to_string(look));
    Process process(
        {GAVEL_BINARY, "--endpoint", "http://127.0.0.1:" + std::to_string(cluster.port(through)),
         "doctor", "-o", "json"},
        output);
    const int code = process.wait(30s);
    return {code, json::parse(contents(output.string() + ".out"), nullptr, false)};
}

std::vector<std::string> codes(const json& document) {
    std::vector<std::string> found;
    for (const auto& finding : document.value("findings", json::array())) {
        found.push_back(finding.value("code", ""));
    }
    return found;
}

TEST(ClusterDoctor, FindsTheMemberThatIsStoppedAndIsContentOnceItIsBack) {
    Cluster cluster;
    cluster.start_all();
    const std::size_t gone = cluster.follower();
    const std::size_t through = (gone + 1) % 3;
    int look = 0;
    Told told;
    const auto finds = [&](int code, const std::vector<std::string>& expected) {
        return eventually([&] {
            told = doctor(cluster, through, ++look);
            return told.code == code && codes(told.document) == expected;
        });
    };

    EXPECT_TRUE(finds(0, {"endpoints-incomplete"})) << told.document.dump(2);
    EXPECT_EQ(told.document["tolerated"], 1);
    EXPECT_EQ(told.document["asked"].size(), 3U) << "it was told of one, and asks all";

    cluster.kill(gone);
    EXPECT_TRUE(finds(1, {"no-fault-tolerated", "member-unreachable", "endpoints-incomplete"}))
        << told.document.dump(2);
    EXPECT_EQ(told.document["tolerated"], 0);
    EXPECT_EQ(told.document["findings"][1]["who"], "n" + std::to_string(gone + 1));

    cluster.start(gone);
    EXPECT_TRUE(finds(0, {"endpoints-incomplete"})) << told.document.dump(2);
}

}  // namespace
}  // namespace gavel::test
