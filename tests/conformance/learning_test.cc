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

// Lets everything that is under way now arrive, and nothing that is sent meanwhile.
void one_message_delay(Cluster& cluster) {
    const auto under_way = cluster.bag().size();
    for (std::size_t at = 0; at < under_way; ++at) cluster.deliver(0);
}

TEST(Learning, S19_EveryAcceptorTellsEveryLearner) {
    Cluster cluster({.members = five, .learner_mode = {.kind = LearnerMode::Kind::broadcast}});
    const MemberId leader = cluster.elect();
    cluster.lose_all();

    const std::size_t since = cluster.sent().size();
    cluster.propose(leader, "first");
    one_message_delay(cluster);  // The Accepts.
    EXPECT_FALSE(cluster.all_executed(1));
    one_message_delay(cluster);  // The votes.
    EXPECT_TRUE(cluster.all_executed(1)) << "in two message delays";
    cluster.deliver_all();

    // What a member tells itself travels nowhere: each of five tells four.
    EXPECT_EQ(cluster.count<Accepted>(since), 5U * 4U);
    EXPECT_EQ(cluster.count<Heartbeat>(since), 0U) << "no notices";
    EXPECT_EQ(cluster.count<Notice>(since), 0U);
    EXPECT_EQ(cluster.count<Learn>(since), 0U);
}

TEST(Learning, S19_ALearnerBelievesOnlyAQuorumOfOneBallot) {
    Cluster cluster({.members = five,
                     .elections = false,
                     .learner_mode = {.kind = LearnerMode::Kind::broadcast}});
    cluster.stand(m1);
    cluster.deliver_all();
    cluster.propose(m1, "first");
    cluster.deliver_first([](const Flying& f) { return is<Accept>(f) && f.to == m5; });
    cluster.lose_all();
    const Slot slot{cluster.executed(m1).size() + 1};
    const Ballot ballot = cluster.replica(m1).ballot();
    const Ballot later{ballot.round + 1, m2};

    // Two votes for what m5 has, its own among them; the same one again; one at another ballot.
    for (const auto& [voter, at] : {std::pair{m2, ballot}, {m2, ballot}, {m3, later}}) {
        cluster.input(m5, Received{{voter, Accepted{at, slot}}});
    }
    cluster.deliver_all();

    EXPECT_THAT(cluster.history(m5), IsEmpty());
}

TEST(Learning, S19_VotesDoNotMakeAnOlderValueChosen) {
    Cluster cluster({.members = five,
                     .elections = false,
                     .learner_mode = {.kind = LearnerMode::Kind::broadcast}});
    cluster.stand(m1);
    cluster.deliver_all();
    cluster.propose(m1, "old");
    cluster.deliver_first([](const Flying& f) { return is<Accept>(f) && f.to == m3; });
    cluster.lose_all();
    cluster.crash(m1);
    // The others, who do not hear of it, choose something else there; m3 is told of their votes.
    cluster.losing([](const Flying& f) { return f.from == m3 || f.to == m3; });
    cluster.stand(m2);
    cluster.deliver_all();
    cluster.losing([](const Flying& f) { return is<Accept>(f) && f.to == m3; });
    const std::size_t since = cluster.sent().size();
    cluster.propose(m2, "new");
    cluster.deliver_all();

    ASSERT_THAT(cluster.history(m4), ElementsAre("new"));
    EXPECT_EQ(cluster.count<Accepted>(since), 3U * 4U) << "m3 among those who are told";
    EXPECT_THAT(cluster.history(m3), IsEmpty()) << "what it accepted is of an older ballot";

    cluster.losing({});
    cluster.run(500);
    EXPECT_THAT(cluster.history(m3), ElementsAre("new"));
}

// The command in slot 1 leaves {1, 4, 5} of {1, 2, 3, 5}, from slot 3 on. While slot 2 is open both
// sets are known.
TEST(Learning, S19_ALearnerCountsTheVotesOfThoseWhoGovernTheSlot) {
    Cluster cluster({.members = five,
                     .voters = {m1, m2, m3, m5},
                     .alpha = 2,
                     .elections = false,
                     .learner_mode = {.kind = LearnerMode::Kind::broadcast}});
    cluster.stand(m1);
    cluster.deliver_all();
    ASSERT_TRUE(cluster.propose(m1, "members 1,4,5"));
    cluster.deliver_all([](const Flying& flying) {
        const auto* accept = flying.as<Accept>();
        const auto* accepted = flying.as<Accepted>();
        return (accept != nullptr && accept->slot == Slot{1}) ||
               (accepted != nullptr && accepted->slot == Slot{1});
    });
    ASSERT_TRUE(cluster.deliver_first([](const Flying& flying) {
        const auto* accept = flying.as<Accept>();
        return accept != nullptr && accept->slot == Slot{3} && flying.to == m5;
    }));
    cluster.lose_all();
    ASSERT_EQ(cluster.executed(m5).size(), 1U);
    const Accepted vote{cluster.replica(m1).ballot(), Slot{3}};

    // With its own three of all five: a majority of both sets together, but not of the new one.
    cluster.input(m5, Received{{m2, vote}});
    cluster.input(m5, Received{{m3, vote}});
    EXPECT_EQ(cluster.replica(m5).known_chosen(), Slot{1});

    cluster.input(m5, Received{{m4, vote}});
    EXPECT_EQ(cluster.replica(m5).known_chosen(), Slot{3});
}

TEST(Learning, S19_AVoteThatOvertakesItsValueIsNotLost) {
    Cluster cluster({.elections = false, .learner_mode = {.kind = LearnerMode::Kind::broadcast}});
    cluster.stand(m1);
    cluster.deliver_all();
    cluster.propose(m1, "first");
    cluster.deliver_all([](const Flying& f) { return is<Accept>(f) && f.to == m2; });
    cluster.deliver_all(is<Accepted>);
    ASSERT_THAT(cluster.history(m3), IsEmpty());
    ASSERT_THAT(cluster.history(m2), ElementsAre("first"));

    cluster.deliver_all(is<Accept>);
    EXPECT_THAT(cluster.history(m3), ElementsAre("first")) << "the votes were there already";

    // And when the value never comes, it is asked for, though nobody leads any more.
    cluster.losing([](const Flying& f) { return is<Accept>(f) && f.to == m3; });
    cluster.propose(m1, "second");
    cluster.deliver_all();
    cluster.crash(m1);
    cluster.run(1'500);
    EXPECT_THAT(cluster.history(m3), ElementsAre("first", "second"));
}

// The leader may be the last to know what is chosen: its reads have to count with that.
TEST(Learning, S19_AReadSeesWhatAnyoneMayHaveLearnedBeforeTheLeader) {
    Cluster cluster({.elections = false, .learner_mode = {.kind = LearnerMode::Kind::broadcast}});
    cluster.stand(m1);
    cluster.deliver_all();
    cluster.propose(m1, "first");
    const auto before_the_leader = [](const Flying& f) {
        return is<Accept>(f) || (is<Accepted>(f) && f.to != m1);
    };
    cluster.hold_disk(m1);
    cluster.deliver_all(before_the_leader);
    ASSERT_THAT(cluster.history(m2), ElementsAre("first"));
    ASSERT_THAT(cluster.history(m1), IsEmpty());

    cluster.read(m1, 1);
    cluster.deliver_all([](const Flying& f) { return !is<Accepted>(f); });
    ASSERT_EQ(cluster.reads(m1).size(), 1U);
    EXPECT_EQ(cluster.reads(m1)[0].index, Slot{cluster.executed(m2).size()});
    cluster.release_disk(m1);
}

TEST(Learning, S21_ASetOfLearnersTellsTheOthers) {
    Cluster cluster({.members = five, .learner_mode = {.kind = LearnerMode::Kind::set, .size = 2}});
    const MemberId leader = cluster.elect();
    cluster.lose_all();

    const std::size_t since = cluster.sent().size();
    cluster.propose(leader, "first");
    cluster.deliver_all();

    EXPECT_TRUE(cluster.all_executed(1)) << "without any time passing";
    // Acceptors times the two of the set, less what these would tell themselves; then each of the
    // two tells the four others.
    EXPECT_EQ(cluster.count<Accepted>(since), 5U * 2U - 2U);
    EXPECT_EQ(cluster.count<Heartbeat>(since) + cluster.count<Notice>(since), 2U * 4U);
}

TEST(Learning, S21_OneOfTheSetFailsAndLearningGoesOnWithoutAnElection) {
    Cluster cluster({.members = five,
                     .elections = false,
                     .learner_mode = {.kind = LearnerMode::Kind::set, .size = 2}});
    cluster.stand(m1);
    cluster.deliver_all();
    const std::size_t since = cluster.sent().size();

    // The one that leads fails once it has proposed.
    cluster.propose(m1, "first");
    cluster.deliver_all(is<Accept>);
    cluster.crash(m1);
    cluster.deliver_all();
    for (const MemberId member : {m2, m3, m4, m5}) {
        EXPECT_THAT(cluster.history(member), ElementsAre("first")) << member.number;
    }
    EXPECT_EQ(cluster.count<Prepare>(since), 0U);

    // The other one fails.
    cluster.restart(m1);
    cluster.stand(m1);
    cluster.run(100);
    cluster.crash(m2);
    ASSERT_TRUE(cluster.propose(m1, "second"));
    cluster.deliver_all();
    for (const MemberId member : {m1, m3, m4, m5}) {
        EXPECT_THAT(cluster.history(member), ElementsAre("first", "second")) << member.number;
    }
}

TEST(Learning, S21_ANoticeIsBelievedOnlyOfTheBallotThatItNames) {
    Cluster cluster({.members = five,
                     .elections = false,
                     .learner_mode = {.kind = LearnerMode::Kind::set, .size = 2}});
    cluster.stand(m1);
    cluster.deliver_all();
    cluster.propose(m1, "old");
    cluster.deliver_first([](const Flying& f) { return is<Accept>(f) && f.to == m3; });
    cluster.lose_all();
    cluster.crash(m1);
    // The others, who do not hear of it, choose something else there.
    cluster.losing([](const Flying& f) { return f.from == m3 || f.to == m3; });
    cluster.stand(m2);
    cluster.deliver_all();
    cluster.propose(m2, "new");
    cluster.deliver_all();
    ASSERT_THAT(cluster.history(m4), ElementsAre("new"));

    const Slot slot{cluster.executed(m4).size()};
    cluster.input(m3, Received{{m2, Notice{cluster.replica(m2).ballot(), slot, slot}}});
    ASSERT_THAT(cluster.history(m3), IsEmpty()) << "what it accepted is of an older ballot";

    cluster.losing({});
    cluster.run(500);
    EXPECT_THAT(cluster.history(m3), ElementsAre("new"));
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
