// Core: what it does as members come and go.

#include <gmock/gmock.h>

#include <algorithm>

#include "proto/codec.h"
#include "tests/unit/daemon/core_cluster.h"

namespace gavel::daemon {
namespace {

using Cluster = CoreCluster;

TEST(CoreMembers, PinsTheDirectoriesThatItsLeaderMet) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    for (std::uint16_t id = 1; id <= 3; ++id) {
        if (id != leader) cluster.core(leader).met({id}, 100 + id);
    }

    cluster.run_for(1'000);

    for (const auto& member : cluster.globals(cluster.follower()).epochs.back().members) {
        EXPECT_EQ(member.incarnation, member.id == leader ? 0U : 100U + member.id);
    }
}

TEST(CoreMembers, MakesANewcomerAVoterOnceItHasCaughtUp) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    for (int i = 0; i < 20; ++i) {
        cluster.submit(leader, statemachine::PutKey{.key = "k" + std::to_string(i)});
    }
    const auto added = cluster.change(
        leader,
        {statemachine::AddMember{.name = "n4", .peer_address = "n4:1", .wants_vote = true}});
    ASSERT_TRUE(added);
    cluster.run_for(1'000);
    EXPECT_FALSE(cluster.is_voter(leader, 4)) << "nobody has heard of it yet";

    cluster.start(4);
    cluster.run_for(1'000);

    EXPECT_TRUE(cluster.is_voter(leader, 4));
    EXPECT_TRUE(cluster.is_voter(4, 4));
    EXPECT_EQ(cluster.core(4).machine().hash(), cluster.core(leader).machine().hash());
}

TEST(CoreMembers, LetsAMemberThatWasRemovedGoWhenTheOthersHaveWhatItHas) {
    for (const bool removes_leader : {true, false}) {
        Cluster cluster(3);
        const auto leader = cluster.leader();
        const auto gone = removes_leader ? leader : cluster.follower();
        const auto asked = static_cast<std::uint16_t>(gone % 3 + 1);

        ASSERT_TRUE(cluster.change(asked, {statemachine::RemoveMember{gone}}));
        cluster.run_for(3'000);

        EXPECT_EQ(cluster.retired, std::set<MemberId>{{gone}});
        EXPECT_TRUE(cluster.core(asked).is_dismissed(gone));
        EXPECT_FALSE(cluster.core(gone).is_dismissed(asked));
        cluster.kill(gone);
        EXPECT_TRUE(cluster.outcome<statemachine::KeyPut>(
            cluster.submit(asked, statemachine::PutKey{.key = "after"})));
    }
}

TEST(CoreMembers, AnswersTheReportsOfOneWhoIsNoMemberNowAndThenOnly) {
    Core core({.self = {1}, .boot = 1, .seed = 1},
              statemachine::Machine({}, 8, {{.id = 1, .name = "n1"}, {.id = 2, .name = "n2"}}),
              paxos::Durable{}, {1'000}, 1'700'000'000'000);
    core.end_turn();
    const auto answers = [&core](std::uint16_t from) {
        core.receive({from}, proto::MemberReport{.applied = 7});
        return std::ranges::count_if(core.end_turn().at_once, [&](const Outgoing& outgoing) {
            return outgoing.to.number == from &&
                   std::holds_alternative<proto::MemberReport>(outgoing.message);
        });
    };

    EXPECT_EQ(answers(9), 1) << "it waits to be let go";
    EXPECT_EQ(answers(9), 0) << "two of them would never end";
    EXPECT_EQ(answers(2), 0) << "a member is told by and by";
}

TEST(CoreMembers, ProposesWhatAMemberForwardsUnderItsOwnNumberOnly) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    const auto applied = cluster.core(leader).machine().applied();
    const auto forward = [&](std::uint16_t as, std::uint16_t from) {
        const statemachine::Entry entry{.request = {as, 1, 900},
                                        .command = statemachine::PutKey{.key = "k"}};
        cluster.core(leader).receive({from}, proto::Forward{Bytes(proto::encode(entry))});
        cluster.run_for(100);
        return cluster.core(leader).machine().applied() > applied;
    };
    const auto follower = cluster.follower();

    EXPECT_FALSE(forward(9, follower)) << "its window of requests would be kept for nobody";
    EXPECT_TRUE(forward(follower, follower));
}

TEST(CoreMembers, ServesOnWhenAllMembersAreReplacedAtOnce) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    const std::vector<std::uint16_t> old_set{1, 2, 3}, new_set{4, 5, 6};
    std::vector<statemachine::MemberChange> adds;
    for (const std::string name : {"a", "b", "c"}) {
        adds.emplace_back(statemachine::AddMember{.name = name, .peer_address = name + ":1"});
    }
    ASSERT_TRUE(cluster.change(leader, adds));
    for (const std::uint16_t id : new_set) cluster.start(id);
    cluster.run_for(1'000);

    std::vector<statemachine::MemberChange> swap;
    for (const std::uint16_t id : new_set) {
        swap.emplace_back(statemachine::SetRole{id, statemachine::Role::voter});
    }
    for (const std::uint16_t id : old_set) swap.emplace_back(statemachine::RemoveMember{id});
    ASSERT_TRUE(cluster.change(leader, swap));
    cluster.run_for(5'000);

    EXPECT_EQ(cluster.retired, (std::set<MemberId>{{1}, {2}, {3}}));
    for (const std::uint16_t id : old_set) cluster.kill(id);
    EXPECT_TRUE(cluster.outcome<statemachine::KeyPut>(
        cluster.submit(5, statemachine::PutKey{.key = "after"})));
}

// A report is a second old at most; what was executed since is no lag.
TEST(CoreMembers, LagByWhatTheyLackedWhenTheyReported) {
    CoreCluster cluster(3);
    const std::uint16_t leader = cluster.leader();
    const std::uint16_t follower = cluster.follower();
    cluster.run_for(1'100);
    const auto view = [&] { return cluster.core(leader).status().members.at(follower - 1U); };
    ASSERT_EQ(view().lag, 0U);

    for (int i = 0; i < 100; ++i) cluster.submit(leader, put("k", "v"), 0);

    EXPECT_LT(*view().applied + 50, cluster.core(leader).machine().applied());
    EXPECT_EQ(view().lag, 0U);
}

// Nobody waits for the next beat to be told who leads.
TEST(CoreMembers, AreToldWhoLeadsAsSoonAsTheyAreConnected) {
    CoreCluster cluster(3);
    Core& leader = cluster.core(cluster.leader());
    const std::uint16_t follower = cluster.follower();
    cluster.settle();

    leader.connected({follower});
    cluster.core(follower).connected({cluster.leader()});

    const auto told = leader.end_turn().at_once;
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].to, MemberId{follower});
    const auto* message = std::get_if<paxos::Message>(&told[0].message);
    ASSERT_NE(message, nullptr);
    EXPECT_TRUE(std::holds_alternative<paxos::Heartbeat>(*message));
    EXPECT_TRUE(cluster.core(follower).end_turn().at_once.empty());
}

TEST(CoreMembers, RaiseAnAlarmWhenTheyAreNotHeardFrom) {
    CoreCluster cluster(3);
    const std::uint16_t leader = cluster.leader();
    const std::uint16_t follower = cluster.follower();
    ASSERT_TRUE(
        cluster.change(leader, {statemachine::AddMember{.name = "n4", .peer_address = "n4:1"}}));
    cluster.run_for(2'000);
    EXPECT_THAT(cluster.core(leader).status().alarms, testing::IsEmpty()) << "it may come yet";

    cluster.kill(follower);
    cluster.run_for(11'000);
    EXPECT_THAT(cluster.core(leader).status().alarms,
                testing::UnorderedElementsAre(
                    "member 4 (n4) was never heard from",
                    testing::HasSubstr("member " + std::to_string(follower) + " (n" +
                                       std::to_string(follower) +
                                       ") was not heard from for 10 s or longer")));

    cluster.start(4);
    ASSERT_TRUE(cluster.change(leader, {statemachine::RemoveMember{follower}}));
    cluster.run_for(3'000);
    EXPECT_THAT(cluster.core(leader).status().alarms, testing::IsEmpty());
}

}  // namespace
}  // namespace gavel::daemon
