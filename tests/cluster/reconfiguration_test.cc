// The member set changes under load, and members die while it does, as real processes.

#include <gmock/gmock.h>

#include <algorithm>
#include <thread>

#include "base/prng.h"
#include "tests/cluster/cluster.h"
#include "tests/cluster/load.h"

namespace gavel::test {
namespace {

using nlohmann::json;
using Indices = std::vector<std::size_t>;

class Reconfiguration : public testing::Test {
protected:
    void SetUp() override {
        cluster.start_all();
        cluster.leader();
    }

    // The ids of those who vote, as this member sees it.
    std::vector<int> voters(std::size_t at) {
        std::vector<int> ids;
        const json told = cluster.client(at).call("GET", "/v1/members", "", {}, 2s).json();
        if (!told.is_object() || !told["pending"].empty()) return ids;
        for (const auto& member : told["members"]) {
            if (member.value("role", "") == "voter") ids.push_back(member.value("member_id", 0));
        }
        return ids;
    }
    bool eventually_votes(const Indices& members) {
        std::vector<int> ids;
        for (const auto member : members) ids.push_back(static_cast<int>(member) + 1);
        std::ranges::sort(ids);
        return eventually(
            [&] {
                return std::ranges::all_of(members, [&](auto at) { return voters(at) == ids; });
            },
            30s);
    }
    Answer remove(std::size_t through, std::size_t member) {
        return cluster.client(through).call("DELETE", "/v1/members/" + std::to_string(member + 1));
    }
    // Once those who stay have heard of each other, so that the plan is safe.
    bool eventually_removed(std::size_t through, std::size_t member) {
        return eventually([&] { return remove(through, member).status == 200; });
    }

    Cluster cluster{3};
};

TEST_F(Reconfiguration, GrowsToFiveAndShrinksToThreeUnderLoad) {
    Load load(cluster, 6);
    ASSERT_TRUE(load.goes_on());

    const std::size_t fourth = cluster.join(0), fifth = cluster.join(1);
    ASSERT_TRUE(eventually_votes({0, 1, 2, 3, 4}));
    load.use({0, 1, 2, 3, 4});
    ASSERT_TRUE(load.goes_on());

    // The leader and another one of the first three go.
    const std::size_t leader = cluster.leader();
    const std::size_t other = leader == 0 ? 1 : 0;
    Indices rest;
    for (std::size_t i = 0; i < 5; ++i) {
        if (i != leader && i != other) rest.push_back(i);
    }
    load.use(rest);
    ASSERT_TRUE(eventually_removed(rest[0], leader));
    ASSERT_TRUE(eventually_removed(rest[0], other));
    EXPECT_EQ(cluster.wait(leader, 20s), 0);
    EXPECT_EQ(cluster.wait(other, 20s), 0);
    ASSERT_TRUE(eventually_votes(rest));
    ASSERT_TRUE(load.goes_on());

    expect_linearizable(load.stop());
    EXPECT_LT(load.longest_gap_us(), 5'000'000) << "somebody was answered all the time";
    EXPECT_EQ(std::ranges::count(rest, fourth) + std::ranges::count(rest, fifth), 2);
}

TEST_F(Reconfiguration, ReplacesAllMembersOneByOneUnderLoad) {
    Load load(cluster, 6);
    Indices present{0, 1, 2};
    for (int round = 0; round < 3; ++round) {
        ASSERT_TRUE(load.goes_on(100));
        const std::size_t leaves = present.front();
        const std::size_t stays = present.back();
        present.push_back(cluster.join(stays));
        ASSERT_TRUE(eventually_votes(present));
        present.erase(present.begin());
        load.use(present);
        ASSERT_TRUE(eventually_removed(stays, leaves));
        EXPECT_EQ(cluster.wait(leaves, 20s), 0);
        ASSERT_TRUE(eventually_votes(present));
    }
    EXPECT_EQ(present, (Indices{3, 4, 5}));
    ASSERT_TRUE(load.goes_on());

    expect_linearizable(load.stop());
}

// Whoever dies, and whenever: the change is done or not done, nothing else is lost, and the member
// that comes back finds its place.
TEST_F(Reconfiguration, SurvivesTheDeathOfAnyoneInTheMiddleOfAChange) {
    // The moments differ with --gtest_random_seed.
    const auto seed = static_cast<std::uint64_t>(7 + GTEST_FLAG_GET(random_seed));
    SCOPED_TRACE("seed " + std::to_string(seed));
    Prng prng(seed);
    Load load(cluster, 4);
    Indices present{0, 1, 2};

    enum class Victim : std::uint8_t { leader, joiner, leaver };
    for (const Victim victim : {Victim::joiner, Victim::leader, Victim::leaver, Victim::leader}) {
        SCOPED_TRACE(static_cast<int>(victim));
        ASSERT_TRUE(load.goes_on(50));
        const std::size_t leader = cluster.leader();
        const std::size_t leaver =
            *std::ranges::find_if(present, [&](auto member) { return member != leader; });
        const std::size_t stays = *std::ranges::find_if(
            present, [&](auto member) { return member != leader && member != leaver; });

        // One comes, one goes; the victim dies in the middle of it.
        const std::size_t joiner = cluster.join(stays);
        const auto dies = [&](Victim who, std::size_t member) {
            if (victim != who) return;
            std::this_thread::sleep_for(std::chrono::milliseconds(prng.below(250)));
            cluster.kill(member);
            std::this_thread::sleep_for(std::chrono::milliseconds(prng.below(250)));
            cluster.start(member);
        };
        dies(Victim::joiner, joiner);
        dies(Victim::leader, leader);
        present.push_back(joiner);
        ASSERT_TRUE(eventually_votes(present));

        std::thread death([&] { dies(Victim::leaver, leaver); });
        std::erase(present, leaver);
        load.use(present);
        EXPECT_TRUE(eventually_removed(stays, leaver));
        death.join();
        // It was told before it died or is told when it comes back: and ends either way.
        const int code = cluster.wait(leaver, 20s);
        EXPECT_TRUE(code == 0 || (victim == Victim::leaver && code == 1)) << code;
        ASSERT_TRUE(eventually_votes(present));
    }
    ASSERT_TRUE(load.goes_on());

    expect_linearizable(load.stop());
}

// Nothing else happens that would fill the slots up to where the new set governs.
TEST_F(Reconfiguration, GovernsWithinASecondInAnIdleCluster) {
    ASSERT_TRUE(eventually([&] {
        const auto plan = cluster.client(0).call("POST", "/v1/members/3/demote?dry_run=true");
        return plan.json().value("verdict", "") == "safe";
    }));
    for (const auto* what : {"demote", "promote"}) {
        const auto begin = std::chrono::steady_clock::now();
        const auto answer = cluster.client(0).call("POST", std::string("/v1/members/3/") + what);
        EXPECT_EQ(answer.status, 200) << answer.body;
        EXPECT_TRUE(answer.json().value("governs", false));
        EXPECT_LT(std::chrono::steady_clock::now() - begin, 1s) << what;
    }
}

}  // namespace
}  // namespace gavel::test
