// How members find out what was chosen.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/conformance/cluster.h"

namespace gavel::paxos {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::vector<MemberId> five{m1, m2, m3, m4, m5};

TEST(Learning, S20_CostsAcceptorsPlusLearnersAndSurvivesTheLeader) {
    Cluster cluster({.members = five});
    const MemberId leader = cluster.elect();
    cluster.lose_all();

    const std::size_t since = cluster.sent().size();
    cluster.propose(leader, "first");
    cluster.deliver_all();

    // The leader's own vote and its own learning travel nowhere.
    EXPECT_EQ(cluster.count<Accepted>(since), 4U);
    EXPECT_EQ(cluster.count<Heartbeat>(since), 4U) << "the notices";
    EXPECT_EQ(cluster.count<Learn>(since), 0U);
    EXPECT_TRUE(cluster.all_executed(1)) << "without any time passing";

    cluster.crash(leader);
    const MemberId next = cluster.elect();
    cluster.propose(next, "second");
    cluster.deliver_all();
    EXPECT_NE(next, leader);
    EXPECT_TRUE(cluster.all_executed(2));
}

TEST(Learning, S22_AMemberThatMissedEverythingAsks) {
    Cluster cluster({.elections = false});
    cluster.stand(m1);
    cluster.deliver_all();
    cluster.losing([](const Flying& flying) {
        return flying.to == m3 && (is<Accept>(flying) || is<Heartbeat>(flying));
    });
    for (int number = 0; number < 10; ++number) {
        cluster.propose(m1, "c" + std::to_string(number));
        cluster.deliver_all();
    }
    ASSERT_THAT(cluster.history(m3), IsEmpty());

    cluster.losing(is<Accept>);
    cluster.run(300);

    EXPECT_EQ(cluster.history(m3), cluster.history(m1));
    EXPECT_EQ(cluster.executed(m3).size(), 10U);
    EXPECT_GT(cluster.count<Learn>(), 0U);
}

TEST(Learning, S23_ANewProposalSettlesWhatTheAcceptorsCannotTell) {
    Cluster cluster({.elections = false});
    cluster.stand(m1);
    cluster.deliver_all();
    cluster.propose(m1, "accepted by two");
    cluster.deliver_first([](const Flying& f) { return is<Accept>(f) && f.to == m2; });
    cluster.crash(m1);
    cluster.lose_all();
    // Of the two that are left, one has accepted it and one has not: no majority can be seen.
    cluster.input(m2, Received{{m3, Learn{{1}}}});
    cluster.deliver_all();
    ASSERT_THAT(cluster.history(m3), IsEmpty());

    cluster.stand(m3);
    cluster.deliver_all();

    EXPECT_THAT(cluster.history(m3), ElementsAre("accepted by two"));
    EXPECT_THAT(cluster.history(m2), ElementsAre("accepted by two"));
}

}  // namespace
}  // namespace gavel::paxos
