#include "daemon/core.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "tests/unit/daemon/core_cluster.h"

namespace gavel::daemon {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Gt;
using testing::Le;
using testing::Optional;

using Cluster = CoreCluster;

TEST(Core, ExecutesACommandOfAnyMembersClientOnEveryMember) {
    Cluster cluster(3);
    const auto follower = cluster.follower();

    const auto result = cluster.submit(follower, put("a", "1"));

    EXPECT_TRUE(cluster.outcome<statemachine::KeyPut>(result));
    cluster.run_for(200);
    for (std::uint16_t id = 1; id <= 3; ++id) {
        ASSERT_NE(cluster.core(id).machine().key("a"), nullptr);
        EXPECT_EQ(cluster.core(id).machine().hash(), cluster.core(1).machine().hash());
    }
}

TEST(Core, ServesAClusterOfOneAtOnce) {
    Cluster cluster(1);
    EXPECT_EQ(cluster.leader(), 1);
    EXPECT_TRUE(cluster.outcome<statemachine::KeyPut>(cluster.submit(1, put("a", "1"))));
}

TEST(Core, HandsACommandToTheNextLeaderWhenTheLeaderIsGone) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    const auto follower = cluster.follower();
    cluster.kill(leader);

    cluster.core(follower).submit(7'000, {.command = put("a", "1"), .timeout = 10s});
    cluster.run_for(5'000);

    ASSERT_TRUE(cluster.submitted.contains(7'000));
    EXPECT_TRUE(cluster.outcome<statemachine::KeyPut>(cluster.submitted.at(7'000)));
    EXPECT_EQ(cluster.core(follower).machine().key("a")->version, 1U) << "executed once";
}

TEST(Core, SaysThatNothingWasDoneWhenNoLeaderWasEverFound) {
    Cluster cluster(3);
    const auto follower = cluster.follower();
    for (std::uint16_t id = 1; id <= 3; ++id) {
        if (id != follower) cluster.kill(id);
    }
    cluster.run_for(3'000);

    cluster.core(follower).submit(7'000, {.command = put("a", "1"), .timeout = 1s});
    cluster.run_for(4'000);

    ASSERT_TRUE(cluster.submitted.contains(7'000));
    const auto* failure = std::get_if<api::Failure>(&cluster.submitted.at(7'000));
    ASSERT_NE(failure, nullptr);
    EXPECT_TRUE(failure->kind == api::Failure::Kind::no_leader ||
                failure->kind == api::Failure::Kind::outcome_unknown);
}

TEST(Core, AnswersAWaitingAcquireWhenTheLockComesToIt) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    const auto follower = cluster.follower();
    const auto first = cluster.open_session(leader, 60'000);
    const auto second = cluster.open_session(follower, 60'000);
    cluster.submit(leader, statemachine::AcquireLock{.name = "deploy", .session = first});

    cluster.core(follower).submit(
        7'000,
        {.command = statemachine::AcquireLock{.name = "deploy", .session = second, .wait = 30'000},
         .timeout = 1s});
    cluster.run_for(500);
    EXPECT_FALSE(cluster.submitted.contains(7'000)) << "queued is no answer";
    cluster.submit(leader, statemachine::ReleaseLock{.name = "deploy", .session = first});
    cluster.run_for(100);

    ASSERT_TRUE(cluster.submitted.contains(7'000));
    EXPECT_TRUE(cluster.outcome<statemachine::LockGranted>(cluster.submitted.at(7'000)));
}

TEST(Core, TakesAWaiterOutOfTheQueueWhenItsTimeIsUp) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    const auto first = cluster.open_session(leader, 60'000);
    const auto second = cluster.open_session(leader, 60'000);
    cluster.submit(leader, statemachine::AcquireLock{.name = "deploy", .session = first});

    const auto result =
        cluster.submit(cluster.follower(),
                       statemachine::AcquireLock{.name = "deploy", .session = second, .wait = 500});

    const auto held = cluster.outcome<statemachine::LockHeld>(result);
    ASSERT_TRUE(held);
    EXPECT_EQ(held->holder, first);
    EXPECT_EQ(cluster.core(leader).machine().queue_length("deploy"), 0U);
}

TEST(Core, LetsASessionLapseThatNobodyKeepsAlive) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    const auto session = cluster.open_session(leader, 1'000);

    cluster.run_for(1'500);

    EXPECT_EQ(cluster.core(leader).machine().session(session), nullptr);
}

TEST(Core, LetsManySessionsLapseByFewCommands) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    for (int i = 0; i < 300; ++i) {
        cluster.core(leader).submit(
            1'000'000U + static_cast<unsigned>(i),
            {.command = statemachine::OpenSession{.ttl = 1'000}, .timeout = 1s});
    }
    cluster.settle();
    ASSERT_EQ(cluster.core(leader).machine().sessions().size(), 300U);
    const auto before = cluster.core(leader).status().proposals;

    cluster.run_for(1'500);

    EXPECT_TRUE(cluster.core(cluster.follower()).machine().sessions().empty());
    EXPECT_LE(cluster.core(leader).status().proposals - before, 5U);
}

TEST(Core, FreesWhatASessionHeldThoughNobodyAsksAgain) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    const auto session = cluster.open_session(leader, 60'000);
    for (int i = 0; i < 600; ++i) {
        const statemachine::AcquireLock acquire{.name = std::to_string(i), .session = session};
        cluster.core(leader).submit(1'000'000U + static_cast<unsigned>(i),
                                    {.command = acquire, .timeout = 1s});
    }
    cluster.settle();
    ASSERT_EQ(cluster.core(leader).machine().held_by(session).size(), 600U);

    const auto ending = cluster.outcome<statemachine::SessionEnding>(
        cluster.submit(cluster.follower(), statemachine::EndSession{session}));
    cluster.run_for(200);

    ASSERT_TRUE(ending);
    EXPECT_EQ(ending->left, 344U);
    EXPECT_TRUE(cluster.core(leader).machine().held_by(session).empty());
    EXPECT_TRUE(cluster.core(leader).machine().ending_sessions().empty());
}

TEST(Core, GivesTheLockOfALapsedSessionToTheNextAfterTheDelay) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    const auto opened = cluster.outcome<statemachine::SessionOpened>(
        cluster.submit(leader, statemachine::OpenSession{.ttl = 1'000, .lock_delay = 2'000}));
    ASSERT_TRUE(opened);
    cluster.submit(leader, statemachine::AcquireLock{.name = "deploy", .session = opened->session});
    const auto next = cluster.open_session(leader, 60'000);
    cluster.core(leader).submit(
        7'000,
        {.command = statemachine::AcquireLock{.name = "deploy", .session = next, .wait = 30'000},
         .timeout = 1s});

    cluster.run_for(2'000);
    EXPECT_EQ(cluster.core(leader).machine().session(opened->session), nullptr);
    EXPECT_FALSE(cluster.submitted.contains(7'000)) << "the delay protects what the lapsed one did";
    cluster.run_for(2'000);

    ASSERT_TRUE(cluster.submitted.contains(7'000));
    EXPECT_TRUE(cluster.outcome<statemachine::LockGranted>(cluster.submitted.at(7'000)));
}

TEST(Core, KeepsASessionAliveThroughAnyMember) {
    Cluster cluster(3);
    const auto follower = cluster.follower();
    const auto session = cluster.open_session(follower, 1'000);

    for (std::uint64_t ticket = 8'000; ticket < 8'010; ++ticket) {
        cluster.core(follower).keep_alive(ticket, session, 1'000);
        cluster.run_for(500);
        ASSERT_TRUE(cluster.kept.contains(ticket));
        const auto* kept = std::get_if<api::KeptAlive>(&cluster.kept.at(ticket));
        ASSERT_NE(kept, nullptr);
        EXPECT_TRUE(kept->found);
        EXPECT_EQ(kept->expires_in, 1s);
        EXPECT_EQ(kept->leader_start, cluster.globals(follower).leader_start);
    }

    EXPECT_NE(cluster.core(follower).machine().session(session), nullptr);
}

// A leader that was deposed without knowing must not renew what its successor lets lapse.
TEST(Core, KeepsNoSessionAliveWithoutAMajority) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    const auto session = cluster.open_session(leader, 60'000);
    for (std::uint16_t id = 1; id <= 3; ++id) {
        if (id != leader) cluster.kill(id);
    }

    cluster.core(leader).keep_alive(8'000, session, 1'000);
    cluster.run_for(3'000);

    ASSERT_TRUE(cluster.kept.contains(8'000));
    EXPECT_TRUE(std::holds_alternative<api::Failure>(cluster.kept.at(8'000)));
}

TEST(Core, SaysThatASessionIsGone) {
    Cluster cluster(3);
    const auto follower = cluster.follower();

    cluster.core(follower).keep_alive(8'000, 12'345, 1'000);
    cluster.run_for(200);

    ASSERT_TRUE(cluster.kept.contains(8'000));
    EXPECT_FALSE(std::get<api::KeptAlive>(cluster.kept.at(8'000)).found);
}

TEST(Core, TellsAtAnyMemberHowMuchTimeTheLeaderGivesSessions) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    cluster.run_for(200);
    const auto session = cluster.open_session(leader, 60'000);
    cluster.run_for(5'000);

    for (std::uint16_t id = 1; id <= 3; ++id) {
        cluster.core(id).leases(id, {session, 12'345}, 1'000);
        cluster.run_for(100);

        ASSERT_TRUE(cluster.leases.contains(id));
        const auto& leases = cluster.leases.at(id);
        EXPECT_EQ(leases.size(), 1U) << "of an unknown session nothing is said";
        ASSERT_TRUE(leases.contains(session));
        EXPECT_THAT(leases.at(session), AllOf(Gt(54s), Le(55s)));
    }
}

// A leader that was deposed without knowing must not tell what its successor may have changed.
TEST(Core, TellsNothingOfLeasesWithoutAMajority) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    const auto session = cluster.open_session(leader, 60'000);
    for (std::uint16_t id = 1; id <= 3; ++id) {
        if (id != leader) cluster.kill(id);
    }

    cluster.core(leader).leases(8'000, {session}, 1'000);
    cluster.run_for(1'100);

    ASSERT_TRUE(cluster.leases.contains(8'000));
    EXPECT_TRUE(cluster.leases.at(8'000).empty());
    cluster.core(leader).check_invariants();
}

TEST(Core, WaitsNoLongerThanItMayForALeaderThatIsGone) {
    Cluster cluster(3);
    const auto follower = cluster.follower();
    const auto session = cluster.open_session(follower, 60'000);
    cluster.kill(cluster.leader());

    cluster.core(follower).leases(8'000, {session}, 200);
    EXPECT_FALSE(cluster.leases.contains(8'000));
    cluster.run_for(300);

    ASSERT_TRUE(cluster.leases.contains(8'000));
    EXPECT_TRUE(cluster.leases.at(8'000).empty());
}

TEST(Core, ServesALinearizableReadAtAFollowerAfterTheWriteItFollows) {
    Cluster cluster(3);
    cluster.submit(cluster.leader(), put("a", "1"));
    const auto follower = cluster.follower();

    cluster.core(follower).read(9'000, {.timeout = 1s});
    cluster.run_for(100);

    ASSERT_TRUE(cluster.reads.contains(9'000));
    EXPECT_FALSE(cluster.reads.at(9'000));
    EXPECT_NE(cluster.core(follower).machine().key("a"), nullptr);
}

// Where votes go to everyone a read waits for what is under way, which never ends.
TEST(Core, ServesAReadThoughTheWindowIsAlwaysFull) {
    CoreCluster cluster(3, {.kind = paxos::LearnerMode::Kind::broadcast});
    Core& leader = cluster.core(cluster.leader());
    std::size_t executed_when_served = 0;
    for (std::uint64_t ticket = 1'000; ticket < 1'400; ++ticket) {
        leader.submit(ticket, {.command = put("k", "v"), .timeout = std::chrono::seconds(9)});
    }
    leader.read(1, {.timeout = std::chrono::seconds(9)});

    while (!cluster.reads.contains(1) && executed_when_served < 400) {
        cluster.settle_once();
        executed_when_served = cluster.submitted.size();
    }

    EXPECT_LT(executed_when_served, 100U);
}

TEST(Core, AnswersNoLinearizableReadWithoutAMajority) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    for (std::uint16_t id = 1; id <= 3; ++id) {
        if (id != leader) cluster.kill(id);
    }

    cluster.core(leader).read(9'000, {.timeout = 1s});
    cluster.run_for(3'000);

    ASSERT_TRUE(cluster.reads.contains(9'000));
    EXPECT_TRUE(cluster.reads.at(9'000));
}

TEST(Core, AnswersAStaleReadAtOnceFromLocalState) {
    Cluster cluster(3);
    cluster.core(2).read(9'000, {.stale = true, .timeout = 1s});
    cluster.settle();

    EXPECT_TRUE(cluster.reads.contains(9'000));
}

TEST(Core, HoldsAReadUntilTheRevisionItAsksForIsApplied) {
    Cluster cluster(1);
    cluster.leader();
    const auto next = cluster.core(1).machine().applied() + 1;
    cluster.core(1).read(9'000, {.stale = true, .min_revision = next, .timeout = 10s});
    cluster.run_for(100);
    EXPECT_FALSE(cluster.reads.contains(9'000));

    cluster.submit(1, put("a", "1"));

    EXPECT_TRUE(cluster.reads.contains(9'000));
}

TEST(Core, RefusesWhatDoesNotFit) {
    Cluster cluster(3);
    const auto follower = cluster.follower();
    for (std::uint64_t ticket = 10'000; ticket < 20'000; ++ticket) {
        cluster.core(follower).submit(ticket, {.command = put("a", "1"), .timeout = 1s});
    }
    cluster.settle();

    const auto refused =
        std::count_if(cluster.submitted.begin(), cluster.submitted.end(), [](const auto& answered) {
            const auto* failure = std::get_if<api::Failure>(&answered.second);
            return failure != nullptr && failure->kind == api::Failure::Kind::overloaded;
        });
    EXPECT_GT(refused, 0);
    cluster.core(follower).check_invariants();
}

TEST(Core, HandsLeadershipOverWhenItShutsDown) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    cluster.run_for(500);

    cluster.core(leader).begin_shutdown();
    EXPECT_FALSE(cluster.core(leader).status().ready);
    EXPECT_EQ(cluster.core(leader).status().not_ready_reason, "shutting down");
    cluster.settle();
    cluster.run_for(50);

    EXPECT_NE(cluster.core(leader).status().role, "leader");
    EXPECT_NE(cluster.leader(), leader);
}

TEST(Core, HandsLeadershipOverAndGoesOnServing) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    cluster.run_for(500);

    cluster.core(leader).hand_over(1, {}, 1'000);
    cluster.settle();
    cluster.run_for(50);

    EXPECT_NE(cluster.leader(), leader);
    EXPECT_TRUE(cluster.core(leader).status().ready);
}

TEST(Core, ProposesNothingWhileItIsHeldBack) {
    CoreCluster cluster(1);
    const std::uint16_t leader = cluster.leader();
    cluster.core(leader).hold_back(true);
    EXPECT_FALSE(cluster.submit(leader, put("a", "b"), 100));
    const auto proposals = cluster.core(leader).status().proposals;

    cluster.core(leader).hold_back(false);
    cluster.run_for(50);

    EXPECT_EQ(cluster.submitted.size(), 1U);
    EXPECT_EQ(cluster.core(leader).status().proposals, proposals + 1);
}

TEST(Core, LeavesLeadingToOthersOnceItWasHeldBackForTooLong) {
    CoreCluster cluster(3);
    const std::uint16_t leader = cluster.leader();

    cluster.core(leader).hold_back(true);
    cluster.run_for(Core::held_back_ms_max);
    cluster.core(leader).hold_back(true);
    cluster.settle();
    EXPECT_EQ(cluster.leader(), leader) << "it may be over soon";
    cluster.run_for(20);
    cluster.core(leader).hold_back(true);
    cluster.run_for(50);

    EXPECT_NE(cluster.leader(), leader);
}

TEST(Core, HandsLeadershipOverToWhomAFollowersClientNames) {
    CoreCluster cluster(3);
    const std::uint16_t leader = cluster.leader();
    const std::uint16_t follower = cluster.follower();
    const auto third = static_cast<std::uint16_t>(6 - leader - follower);

    cluster.core(follower).hand_over(1, {third}, 5'000);
    cluster.run_for(400);

    ASSERT_TRUE(cluster.handed_over.contains(1));
    EXPECT_EQ(std::get<api::Led>(cluster.handed_over.at(1)).leader_id, third);
    EXPECT_EQ(cluster.leader(), third);
    // What is so already needs nobody's doing.
    cluster.core(third).hand_over(2, {third}, 5'000);
    cluster.settle();
    ASSERT_TRUE(cluster.handed_over.contains(2));
}

TEST(Core, HandsLeadershipOverToAnyoneElse) {
    CoreCluster cluster(3);
    const std::uint16_t leader = cluster.leader();

    cluster.core(leader).hand_over(1, {}, 5'000);
    cluster.run_for(400);

    ASSERT_TRUE(cluster.handed_over.contains(1));
    EXPECT_NE(std::get<api::Led>(cluster.handed_over.at(1)).leader_id, leader);
    EXPECT_NE(cluster.leader(), leader);
}

// Sent again because its answer was lost, it must not depose the one that took over.
TEST(Core, HandsLeadershipOverOnceThoughItIsAskedTwice) {
    CoreCluster cluster(3);
    const std::uint16_t leader = cluster.leader();
    cluster.core(leader).hand_over(1, {.instead_of = leader}, 5'000);
    cluster.run_for(400);
    const std::uint16_t next = cluster.leader();
    ASSERT_NE(next, leader);

    cluster.core(leader).hand_over(2, {.instead_of = leader}, 5'000);
    cluster.run_for(1'000);

    EXPECT_EQ(std::get<api::Led>(cluster.handed_over.at(2)).leader_id, next);
    EXPECT_EQ(cluster.leader(), next);
}

TEST(Core, SaysWhenLeadershipDoesNotMoveInTime) {
    CoreCluster cluster(3);
    const std::uint16_t leader = cluster.leader();
    const std::uint16_t follower = cluster.follower();
    cluster.kill(follower);

    cluster.core(leader).hand_over(1, {follower}, 1'000);
    cluster.run_for(1'100);

    ASSERT_TRUE(cluster.handed_over.contains(1));
    EXPECT_EQ(std::get<api::Failure>(cluster.handed_over.at(1)).kind,
              api::Failure::Kind::timed_out);
    EXPECT_EQ(cluster.leader(), leader) << "who is not there cannot disturb it";
    for (std::uint64_t ticket = 100; ticket < 165; ++ticket) {
        cluster.core(leader).hand_over(ticket, {follower}, 1'000);
    }
    cluster.settle();
    EXPECT_EQ(std::get<api::Failure>(cluster.handed_over.at(164)).kind,
              api::Failure::Kind::overloaded);
}

// A member that starts from what is on the disk finds the state as it was after one slot.
TEST(Core, HandsOverTheWholeStateOfASlotWithEachBatch) {
    Cluster cluster(1);
    cluster.leader();
    std::map<statemachine::RowKey, statemachine::RowValue> disk;
    const auto session = cluster.open_session(1, 60'000);
    for (int round = 0; round < 3; ++round) {
        for (const char* key : {"a", "b", "c", "d"}) cluster.submit(1, put(key, "v"));
        cluster.submit(1, statemachine::AcquireLock{"l" + std::to_string(round), session, "", 0});
        cluster.submit(1, statemachine::DeleteKey{.key = "c"});

        const StateBatch batch = cluster.core(1).take_state_batch();

        for (const auto& row : batch.rows) disk[row.key] = row.value;
        statemachine::Machine restored({}, 8, {});
        for (const auto& [key, value] : disk) {
            if (!std::holds_alternative<std::monostate>(value)) restored.load({key, value});
        }
        ASSERT_TRUE(restored.finish_load(batch.globals)) << "round " << round;
        EXPECT_EQ(restored.hash(), cluster.core(1).machine().hash());
    }
}

TEST(Core, SaysThatItMustEndWhenAMajorityAgreesOnAnotherState) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    while (cluster.core(1).machine().applied() < HashBook::every_slots) {
        cluster.submit(leader, put("a", "b"));
    }
    cluster.run_for(2'500);
    EXPECT_THAT(cluster.core(1).status().alarms, testing::IsEmpty()) << "all agree";
    EXPECT_THAT(cluster.diverged, testing::IsEmpty());

    const proto::MemberReport another{.hashes = {{HashBook::every_slots, 1}}};
    cluster.core(1).receive({2}, another);
    cluster.settle();
    EXPECT_THAT(cluster.core(1).status().alarms, testing::SizeIs(1));
    EXPECT_THAT(cluster.diverged, testing::IsEmpty()) << "one of two: either may be wrong";
    cluster.core(1).receive({3}, another);
    cluster.settle();

    EXPECT_THAT(cluster.diverged, testing::ElementsAre(testing::Pair(
                                      MemberId{1}, paxos::Slot{HashBook::every_slots})));
}

TEST(Core, TellsWatchersEachChangeOnceAndInOrder) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    for (int i = 0; i < 20; ++i) cluster.submit(leader, put("a", std::to_string(i)));
    cluster.run_for(500);

    for (std::uint16_t id = 1; id <= 3; ++id) {
        const auto& seen = cluster.changes[{id}];
        ASSERT_EQ(seen.size(), 20U);
        EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end(), [](const auto& a, const auto& b) {
            return a->revision < b->revision;
        }));
    }
}

// The logs of all members fill alike: when nobody has room, nobody gains by another leader.
TEST(Core, DoesNotPassLeadershipAroundWhileNobodyHasRoom) {
    CoreCluster cluster(3);
    cluster.leader();
    cluster.run_for(500);
    const auto elections = [&] {
        std::uint64_t sum = 0;
        for (std::uint16_t id = 1; id <= 3; ++id) sum += cluster.core(id).replica().ballots_tried();
        return sum;
    };
    const auto before = elections();

    for (int passed = 0; passed < 4'000; passed += 10) {
        for (std::uint16_t id = 1; id <= 3; ++id) cluster.core(id).hold_back(true);
        cluster.run_for(10);
    }

    EXPECT_LE(elections() - before, 2U);
}

TEST(Core, HandsLeadershipOverToOneThatIsThere) {
    CoreCluster cluster(3);
    const std::uint16_t leader = cluster.leader();
    cluster.run_for(500);
    const auto gone = static_cast<std::uint16_t>(leader == 1 ? 2 : 1);
    const auto there = static_cast<std::uint16_t>(6 - leader - gone);
    cluster.kill(gone);
    cluster.run_for(5'000);

    cluster.core(leader).hand_over(1, {}, 1'000);
    cluster.settle();
    cluster.run_for(50);

    EXPECT_EQ(cluster.core(leader).replica().leader(), MemberId{there});
}

// It would depose the leader first and learn what it lacks then, and it may be the one that asks.
TEST(Core, HandsLeadershipToNobodyWhoIsFarBehindUnlessByForce) {
    CoreCluster cluster(3);
    const std::uint16_t leader = cluster.leader();
    const std::uint16_t behind = cluster.follower();
    cluster.run_for(500);
    cluster.kill(behind);
    for (std::uint64_t ticket = 1'000; ticket < 5'200; ++ticket) {
        cluster.core(leader).submit(
            ticket, {.command = put("k", "v"), .timeout = std::chrono::seconds(60)});
        if (ticket % 500 == 0) cluster.settle();
    }
    cluster.settle();
    const auto asked_to_stand = [&](bool force) {
        cluster.core(leader).receive({behind}, proto::HandOverAsk{behind, force});
        const Turn turn = cluster.core(leader).end_turn();
        return std::ranges::count_if(turn.at_once, [&](const Outgoing& each) {
            const auto* message = std::get_if<paxos::Message>(&each.message);
            return each.to == MemberId{behind} && message != nullptr &&
                   std::holds_alternative<paxos::HandOver>(*message);
        });
    };

    EXPECT_EQ(asked_to_stand(false), 0);
    EXPECT_EQ(asked_to_stand(true), 1);
}

// The only one with room may be the one that has just come back.
TEST(Core, LeavesLeadingToNobodyWhoIsFarBehind) {
    CoreCluster cluster(3);
    const std::uint16_t leader = cluster.leader();
    const std::uint16_t behind = cluster.follower();
    const auto full = static_cast<std::uint16_t>(6 - leader - behind);
    cluster.run_for(500);
    cluster.cut_off(behind);
    for (std::uint64_t ticket = 1'000; ticket < 5'200; ++ticket) {
        cluster.core(leader).submit(
            ticket, {.command = put("k", "v"), .timeout = std::chrono::seconds(60)});
        if (ticket % 500 == 0) cluster.settle();
    }
    cluster.run_for(100);
    const auto asked = [&](std::function<void(Core&)> what) {
        // It is there again, and has not caught up.
        cluster.core(leader).receive({behind}, proto::MemberReport{});
        cluster.core(leader).receive(
            {full}, proto::MemberReport{.applied = cluster.core(full).machine().applied(),
                                        .lacks_room = true});
        what(cluster.core(leader));
        std::set<MemberId> stand;
        for (const Outgoing& each : cluster.core(leader).end_turn().at_once) {
            const auto* message = std::get_if<paxos::Message>(&each.message);
            if (message != nullptr && std::holds_alternative<paxos::HandOver>(*message)) {
                stand.insert(each.to);
            }
        }
        return stand;
    };

    EXPECT_THAT(asked([](Core& core) { core.on_overload(true); }), testing::IsEmpty());
    EXPECT_THAT(asked([&](Core& core) { core.receive({behind}, proto::HandOverAsk{}); }),
                testing::ElementsAre(MemberId{full}));
}

// All disks take the same: leadership would go around with each turn.
TEST(Core, LeavesLeadingForItsDiskOnceInAWhile) {
    CoreCluster cluster(3);
    cluster.leader();
    cluster.run_for(500);
    const auto elections = [&] {
        std::uint64_t sum = 0;
        for (std::uint16_t id = 1; id <= 3; ++id) sum += cluster.core(id).replica().ballots_tried();
        return sum;
    };
    const auto before = elections();

    for (int passed = 0; passed < 4'000; passed += 10) {
        for (std::uint16_t id = 1; id <= 3; ++id) cluster.core(id).on_overload(true);
        cluster.run_for(10);
    }

    EXPECT_LE(elections() - before, 2U);
}

// Cut off, it goes on believing in the leader that it followed last.
TEST(Core, SaysOfNobodyThatItLeadsWhomItDoesNotHear) {
    CoreCluster cluster(3);
    const std::uint16_t leader = cluster.leader();
    const std::uint16_t cut_off = cluster.follower();
    const auto third = static_cast<std::uint16_t>(6 - leader - cut_off);
    cluster.run_for(500);
    cluster.cut_off(cut_off);
    cluster.run_for(3'000);

    cluster.core(cut_off).hand_over(1, {.instead_of = third}, 500);
    cluster.core(cut_off).hand_over(2, {leader}, 500);
    cluster.run_for(600);

    for (const std::uint64_t ticket : {1U, 2U}) {
        ASSERT_TRUE(cluster.handed_over.contains(ticket));
        EXPECT_TRUE(std::holds_alternative<api::Failure>(cluster.handed_over.at(ticket)));
    }
}

}  // namespace
}  // namespace gavel::daemon
