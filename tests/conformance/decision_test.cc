// One decision: the rows of docs/paxos.md on a single slot.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/conformance/chaos.h"

namespace gavel::paxos {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::vector<MemberId> five{m1, m2, m3, m4, m5};

template <class T>
Pick to(MemberId receiver) {
    return [receiver](const Flying& flying) { return is<T>(flying) && flying.to == receiver; };
}

// Leads with everybody's promise.
void lead(Cluster& cluster, MemberId member) {
    cluster.stand(member);
    cluster.deliver_all();
    ASSERT_EQ(cluster.replica(member).role(), Role::leader);
}

std::size_t sent_by(const Cluster& cluster, MemberId member, const Pick& kind) {
    const auto& sent = cluster.sent();
    return static_cast<std::size_t>(
        std::count_if(sent.begin(), sent.end(),
                      [&](const Flying& flying) { return flying.from == member && kind(flying); }));
}

TEST(Decision, S01_OneServerActsAsAcceptorLearnerAndProposer) {
    Cluster cluster({.elections = false});
    lead(cluster, m1);
    cluster.propose(m1, "first");
    cluster.deliver_all();
    ASSERT_THAT(cluster.history(m2), ElementsAre("first"));
    ASSERT_GT(sent_by(cluster, m2, is<Accepted>), 0U);

    // With m3 down, its own promise and vote are needed for a majority.
    cluster.crash(m3);
    lead(cluster, m2);
    cluster.propose(m2, "second");
    cluster.deliver_all();

    EXPECT_GT(sent_by(cluster, m2, is<Accept>), 0U);
    EXPECT_THAT(cluster.history(m2), ElementsAre("first", "second"));
    EXPECT_THAT(cluster.history(m1), ElementsAre("first", "second"));
}

TEST(Decision, S02_TakesTwoPhasesAndAMajorityInEach) {
    Cluster cluster({.members = five, .elections = false});

    cluster.stand(m1);
    EXPECT_EQ(cluster.count<Prepare>(), 4U);
    cluster.deliver_first(to<Prepare>(m2));
    cluster.deliver_first(to<Promise>(m1));
    EXPECT_EQ(cluster.replica(m1).role(), Role::candidate) << "two of five have promised";
    cluster.deliver_first(to<Prepare>(m3));
    cluster.deliver_first(to<Promise>(m1));
    ASSERT_EQ(cluster.replica(m1).role(), Role::leader);

    cluster.propose(m1, "value");
    EXPECT_EQ(cluster.count<Accept>(), 4U);
    cluster.deliver_first(to<Accept>(m4));
    cluster.deliver_first(to<Accepted>(m1));
    EXPECT_THAT(cluster.history(m1), IsEmpty()) << "two of five have accepted";
    cluster.deliver_first(to<Accept>(m5));
    cluster.deliver_first(to<Accepted>(m1));
    EXPECT_THAT(cluster.history(m1), ElementsAre("value"));
}

TEST(Decision, S05_ANoticeDoesNotMakeAnOlderValueChosen) {
    Cluster cluster({.elections = false});
    lead(cluster, m1);
    cluster.hold_disk(m1);
    cluster.propose(m1, "older");
    cluster.deliver_first(to<Accept>(m3));
    cluster.crash(m1);
    cluster.lose_all();
    cluster.restart(m1);
    cluster.release_disk(m1);

    cluster.stand(m2);
    cluster.deliver_first(to<Prepare>(m1));
    cluster.deliver_first(to<Promise>(m2));
    cluster.propose(m2, "chosen");
    cluster.lose_all(to<Accept>(m3));
    cluster.lose_all(to<Prepare>(m3));
    cluster.deliver_first(to<Accept>(m1));
    cluster.deliver_first(to<Accepted>(m2));
    ASSERT_TRUE(cluster.deliver_first([](const Flying& flying) {
        const auto* heartbeat = flying.as<Heartbeat>();
        return flying.to == m3 && heartbeat != nullptr && heartbeat->chosen_prefix == Slot{1};
    }));

    EXPECT_THAT(cluster.history(m3), IsEmpty());
    cluster.deliver_all();
    EXPECT_THAT(cluster.history(m3), ElementsAre("chosen"));
}

TEST(Decision, S06_NothingIsChosenWhenNothingIsProposed) {
    Cluster cluster;

    const MemberId leader = cluster.elect();
    cluster.run(10'000);

    EXPECT_EQ(cluster.observer().chosen_count(), 0U);
    EXPECT_EQ(cluster.leader(), leader) << "and nobody has a reason to depose it";
}

TEST(Decision, S06_WhatIsProposedIsChosenAndLearnedOnceTheNetworkHeals) {
    Cluster cluster;
    const MemberId leader = cluster.elect();
    cluster.losing([](const Flying&) { return true; });
    cluster.propose(leader, "patient");
    cluster.run(3'000);
    ASSERT_EQ(cluster.observer().chosen_count(), 0U);

    cluster.losing({});

    EXPECT_TRUE(cluster.run_until(
        [&] {
            const auto now = cluster.leader();
            if (now && cluster.executed(*now).empty()) cluster.propose(*now, "after");
            return now && cluster.all_executed(1);
        },
        5'000));
}

// One lost message is no reason for an election: the leader sends again what has no answer.
TEST(Decision, S06_WhatIsLostIsSentAgainByTheSameLeader) {
    Cluster cluster;
    const MemberId leader = cluster.elect();
    const Ballot ballot = cluster.replica(leader).ballot();
    cluster.losing(is<Accept>);
    cluster.propose(leader, "patient");
    cluster.run(1'000);
    ASSERT_EQ(cluster.observer().chosen_count(), 0U);

    cluster.losing({});

    EXPECT_TRUE(cluster.run_until([&] { return cluster.all_executed(1); }, 1'000));
    EXPECT_EQ(cluster.replica(leader).ballot(), ballot);
    EXPECT_THAT(cluster.history(leader), ElementsAre("patient"));
}

TEST(Decision, S08_AClusterOfOneServesAndLosesNothing) {
    Cluster cluster({.members = {m1}});
    cluster.elect();
    cluster.propose(m1, "kept");
    ASSERT_THAT(cluster.history(m1), ElementsAre("kept"));

    cluster.hold_disk(m1);
    cluster.propose(m1, "not yet durable");
    EXPECT_THAT(cluster.history(m1), ElementsAre("kept")) << "its own vote waits for the disk";
    cluster.crash(m1);
    EXPECT_FALSE(cluster.propose(m1, "nobody there"));
    cluster.restart(m1);
    cluster.release_disk(m1);
    cluster.elect();
    cluster.propose(m1, "next");

    EXPECT_THAT(cluster.history(m1), ElementsAre("kept", "next"));
}

void expect_a_minority_may_fail(const std::vector<MemberId>& members) {
    Cluster cluster({.members = members});
    const std::size_t minority = (members.size() - 1) / 2;
    const MemberId leader = cluster.elect();
    std::vector<MemberId> down;
    const auto take_down_one = [&] {
        for (const MemberId member : members) {
            if (member == leader || !cluster.is_up(member)) continue;
            cluster.crash(member);
            down.push_back(member);
            return;
        }
    };

    while (down.size() < minority) take_down_one();
    cluster.propose(leader, "with a minority down");
    cluster.run(100);
    EXPECT_EQ(cluster.executed(leader).size(), 1U);

    take_down_one();
    cluster.propose(leader, "with a majority down");
    cluster.run(3'000);
    EXPECT_EQ(cluster.executed(leader).size(), 1U);
    EXPECT_EQ(cluster.observer().chosen_count(), 1U);

    cluster.restart(down.back());
    const MemberId next = cluster.elect();
    cluster.propose(next, "resumed");
    EXPECT_TRUE(cluster.run_until([&] { return cluster.all_executed(2); }, 5'000));
}

TEST(Decision, S09_AMinorityOfThreeMayFail) { expect_a_minority_may_fail({m1, m2, m3}); }
TEST(Decision, S09_AMinorityOfFiveMayFail) { expect_a_minority_may_fail(five); }

TEST(Decision, S12_EveryLaterBallotProposesTheChosenValue) {
    // Chosen by each majority in turn, then recovered by each member through each majority.
    for (const MemberId voter : {m2, m3}) {
        for (const MemberId next : {m2, m3}) {
            Cluster cluster({.elections = false});
            lead(cluster, m1);
            cluster.propose(m1, "chosen");
            cluster.deliver_first(to<Accept>(voter));
            cluster.crash(m1);
            cluster.lose_all();
            ASSERT_NE(cluster.observer().chosen({1}), nullptr);

            cluster.stand(next);
            cluster.deliver_all();
            cluster.propose(next, "later");
            cluster.deliver_all();

            EXPECT_THAT(cluster.history(next), ElementsAre("chosen", "later"));
            EXPECT_EQ(cluster.observer().proposals({1}).size(), 2U);
        }
    }
}

// m1 and m2 hold an older value that was never chosen. Whoever recovers through whichever majority
// tells the two apart by their ballots.
void expect_the_chosen_value(MemberId next, MemberId second, MemberId third) {
    Cluster cluster({.members = five, .elections = false});
    lead(cluster, m1);
    cluster.propose(m1, "older");
    cluster.deliver_first(to<Accept>(m2));
    cluster.lose_all();
    cluster.losing([](const Flying& flying) { return flying.to == m1 || flying.to == m2; });
    lead(cluster, m3);
    cluster.propose(m3, "chosen");
    cluster.deliver_first(to<Accept>(m4));
    cluster.deliver_first(to<Accept>(m5));
    cluster.deliver_all(is<Accepted>);
    cluster.lose_all();
    ASSERT_EQ(*cluster.observer().chosen({1}), Value{"chosen"});

    const std::set<MemberId> majority{next, second, third};
    cluster.losing([&](const Flying& flying) {
        return !majority.contains(flying.from) || !majority.contains(flying.to);
    });
    // Its first ballot may be too low: m3's is not known everywhere.
    for (int tries = 0; tries < 2 && cluster.leader() != next; ++tries) {
        cluster.stand(next);
        cluster.deliver_all();
    }
    ASSERT_EQ(cluster.replica(next).role(), Role::leader);
    cluster.propose(next, "later");
    cluster.deliver_all();

    EXPECT_EQ(cluster.observer().proposals({1}).rbegin()->second, Value{"chosen"});
    EXPECT_THAT(cluster.history(next), ElementsAre("chosen", "later"));
}

TEST(Decision, S12_AnOlderValueDoesNotComeBackThroughAnyMajority) {
    for (const MemberId next : five) {
        for (const MemberId second : five) {
            for (const MemberId third : five) {
                if (next == second || next == third || !(second < third)) continue;
                SCOPED_TRACE(testing::Message() << "member " << next.number << " with "
                                                << second.number << " and " << third.number);
                expect_the_chosen_value(next, second, third);
            }
        }
    }
}

TEST(Decision, S14_ASupersededLeaderStopsWithinOneRoundTrip) {
    Cluster cluster({.elections = false});
    lead(cluster, m1);
    cluster.stand(m2);
    cluster.lose_all(to<Prepare>(m1));
    cluster.deliver_first(to<Prepare>(m3));
    cluster.deliver_first(to<Promise>(m2));
    cluster.lose_all();
    ASSERT_EQ(cluster.replica(m1).role(), Role::leader);

    cluster.propose(m1, "too late");
    cluster.deliver_first(to<Accept>(m3));
    ASSERT_TRUE(cluster.deliver_first(to<Reject>(m1)));

    EXPECT_EQ(cluster.replica(m1).role(), Role::follower);
    EXPECT_FALSE(cluster.propose(m1, "more"));
    cluster.stand(m1);
    EXPECT_GT(cluster.replica(m1).promised(), cluster.replica(m3).promised())
        << "it heard which ballot to exceed";
}

// m1 proposes, crashes before its own vote is durable, and proposes something else in the slot at
// its next ballot. The vote for what it abandoned comes in late.
TEST(Decision, S15_AVoteForAnAbandonedProposalDoesNotCountForTheNext) {
    Cluster cluster({.elections = false});
    lead(cluster, m1);
    cluster.hold_disk(m1);
    cluster.propose(m1, "abandoned");
    cluster.deliver_first(to<Accept>(m2));
    cluster.lose_all([](const Flying& flying) { return !is<Accepted>(flying); });
    cluster.crash(m1);
    cluster.restart(m1);
    cluster.stand(m1);
    cluster.make_durable(m1);
    cluster.deliver_first(to<Prepare>(m3));
    cluster.deliver_first(to<Promise>(m1));
    ASSERT_EQ(cluster.replica(m1).role(), Role::leader);

    cluster.propose(m1, "next");
    cluster.make_durable(m1);
    ASSERT_TRUE(cluster.deliver_first(
        [](const Flying& flying) { return is<Accepted>(flying) && flying.from == m2; }));
    EXPECT_THAT(cluster.history(m1), IsEmpty()) << "its own vote and one for something else";

    cluster.deliver_first(to<Accept>(m3));
    cluster.deliver_first(to<Accepted>(m1));
    EXPECT_THAT(cluster.history(m1), ElementsAre("next"));
}

}  // namespace
}  // namespace gavel::paxos
