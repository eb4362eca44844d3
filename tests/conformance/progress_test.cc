// Progress needs one proposer; safety does not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/conformance/cluster.h"

namespace gavel::paxos {
namespace {

using ::testing::IsEmpty;

// The schedule of Paxos Made Simple, section 2.4: whatever is proposed travels so slowly that the
// next ballot, if there is one, overtakes it. Two members take turns.
void duel(Cluster& cluster, int rounds, const std::function<void(MemberId)>& take_turn) {
    for (int round = 0; round < rounds; ++round) {
        const MemberId member = round % 2 == 0 ? m1 : m2;
        take_turn(member);
        cluster.deliver_all([](const Flying& flying) { return !is<Accept>(flying); });
        cluster.deliver_all([&](const Flying& flying) { return flying.from != member; });
        cluster.propose(member, "round " + std::to_string(round));
    }
}

TEST(Progress, S24_TwoProposersOutbidOneAnotherForEver) {
    Cluster cluster({.elections = false});

    duel(cluster, 100, [&](MemberId member) { cluster.stand(member); });

    EXPECT_EQ(cluster.observer().chosen_count(), 0U);
    EXPECT_GE(cluster.observer().proposals({1}).size(), 99U);
}

TEST(Progress, S25_AnElectedLeaderMakesProgressUnderTheSameSchedule) {
    Cluster cluster;

    duel(cluster, 100, [&](MemberId) { cluster.pass(50); });

    EXPECT_GT(cluster.observer().chosen_count(), 20U);
}

TEST(Progress, S26_TwoLeadersAtOnceDoNoHarm) {
    Cluster cluster({.elections = false});
    cluster.stand(m1);
    cluster.deliver_all();
    // Nothing tells m1 that it has been superseded.
    cluster.losing([](const Flying& flying) { return flying.to == m1; });
    cluster.stand(m3);
    cluster.deliver_all();

    for (int number = 0; number < 20; ++number) {
        cluster.propose(m1, "old " + std::to_string(number));
        cluster.propose(m3, "new " + std::to_string(number));
        cluster.deliver_all();
        ASSERT_EQ(cluster.replica(m1).role(), Role::leader);
        ASSERT_EQ(cluster.replica(m3).role(), Role::leader);
    }

    EXPECT_THAT(cluster.history(m1), IsEmpty());
    EXPECT_EQ(cluster.executed(m3).size(), 20U);
    EXPECT_EQ(cluster.history(m2), cluster.history(m3));
    EXPECT_EQ(cluster.history(m2).front(), "new 0");
}

}  // namespace
}  // namespace gavel::paxos
