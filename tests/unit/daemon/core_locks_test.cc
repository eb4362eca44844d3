// Core: locks whose waits, sessions and hand-overs need more than one command.

#include <gmock/gmock.h>

#include "daemon/core.h"
#include "tests/unit/daemon/core_cluster.h"

namespace gavel::daemon {
namespace {

using namespace std::chrono_literals;
using Cluster = CoreCluster;

TEST(CoreLocks, AnswersAWaitForSeveralLocksWhenTheLastOfThemComes) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    const auto follower = cluster.follower();
    const auto first = cluster.open_session(leader, 60'000);
    const auto second = cluster.open_session(follower, 60'000);
    cluster.submit(leader, statemachine::AcquireLock{.name = "b", .session = first});
    const statemachine::AcquireLocks both{
        .session = second, .locks = {{"b"}, {"a"}}, .wait = 30'000};

    cluster.core(follower).submit(7'000, {.command = both, .timeout = 1s});
    cluster.run_for(500);
    EXPECT_FALSE(cluster.submitted.contains(7'000));
    cluster.submit(leader, statemachine::ReleaseLock{.name = "b", .session = first});
    cluster.run_for(100);

    ASSERT_TRUE(cluster.submitted.contains(7'000));
    const auto granted = cluster.outcome<statemachine::LockGranted>(cluster.submitted.at(7'000));
    ASSERT_TRUE(granted);
    EXPECT_TRUE(cluster.core(leader).machine().is_live("a", granted->token));
    EXPECT_TRUE(cluster.core(leader).machine().is_live("b", granted->token));
}

TEST(CoreLocks, TakesAnAcquireOfSeveralOutOfEveryQueueWhenItsTimeIsUp) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    const auto first = cluster.open_session(leader, 60'000);
    const auto second = cluster.open_session(leader, 60'000);
    cluster.submit(leader, statemachine::AcquireLock{.name = "a", .session = first});

    const auto result = cluster.submit(
        cluster.follower(),
        statemachine::AcquireLocks{.session = second, .locks = {{"b"}, {"a"}}, .wait = 500});

    ASSERT_TRUE(cluster.outcome<statemachine::LockHeld>(result));
    EXPECT_EQ(cluster.core(leader).machine().queue_length("a"), 0U);
    EXPECT_EQ(cluster.core(leader).machine().queue_length("b"), 0U);
}

TEST(CoreLocks, MakesASessionForAnAcquireThatWaitsAndTellsItWithTheGrant) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    const auto follower = cluster.follower();
    const auto first = cluster.open_session(leader, 60'000);
    cluster.submit(leader, statemachine::AcquireLock{.name = "l", .session = first});
    const statemachine::AcquireLock acquire{
        .name = "l", .session = 0, .wait = 30'000, .ttl = 1'000};

    cluster.core(follower).submit(7'000, {.command = acquire, .timeout = 1s});
    cluster.run_for(3'000);
    ASSERT_FALSE(cluster.submitted.contains(7'000)) << "it waits longer than its time to live";
    cluster.submit(leader, statemachine::ReleaseLock{.name = "l", .session = first});
    cluster.run_for(100);

    ASSERT_TRUE(cluster.submitted.contains(7'000));
    const auto granted = cluster.outcome<statemachine::LockGranted>(cluster.submitted.at(7'000));
    ASSERT_TRUE(granted);
    EXPECT_NE(cluster.core(leader).machine().session(granted->session), nullptr);
    cluster.run_for(1'500);
    EXPECT_EQ(cluster.core(leader).machine().session(granted->session), nullptr)
        << "from the grant on it has to be kept alive";
}

TEST(CoreLocks, LeavesNoSessionBehindWhenAnAcquireThatMadeOneTimesOut) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    const auto first = cluster.open_session(leader, 60'000);
    cluster.submit(leader, statemachine::AcquireLock{.name = "l", .session = first});

    const auto result = cluster.submit(
        cluster.follower(),
        statemachine::AcquireLock{.name = "l", .session = 0, .wait = 500, .ttl = 60'000});

    const auto held = cluster.outcome<statemachine::LockHeld>(result);
    ASSERT_TRUE(held);
    EXPECT_EQ(held->holder, first);
    EXPECT_EQ(held->position, 1U);
    EXPECT_EQ(cluster.core(leader).machine().sessions().size(), 1U);
}

// The earlier request is perhaps one whose client has gone: it must not wait for nobody.
TEST(CoreLocks, TellsWhoAskedBeforeThatTheSessionHasAskedAgain) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    const auto follower = cluster.follower();
    const auto first = cluster.open_session(leader, 60'000);
    const auto second = cluster.open_session(leader, 60'000);
    cluster.submit(leader, statemachine::AcquireLock{.name = "l", .session = first});
    statemachine::AcquireLock acquire{.name = "l", .session = second, .wait = 2'000};
    cluster.core(follower).submit(7'000, {.command = acquire, .timeout = 1s});
    cluster.run_for(500);
    EXPECT_EQ(cluster.core(follower).status().waiting, 1U);

    acquire.wait = 30'000;
    cluster.core(follower).submit(7'001, {.command = acquire, .timeout = 1s});
    cluster.run_for(200);
    cluster.core(leader).submit(7'002, {.command = acquire, .timeout = 1s});
    cluster.run_for(200);

    for (const std::uint64_t ticket : {7'000U, 7'001U}) {
        ASSERT_TRUE(cluster.submitted.contains(ticket)) << ticket;
        const auto held = cluster.outcome<statemachine::LockHeld>(cluster.submitted.at(ticket));
        ASSERT_TRUE(held);
        EXPECT_EQ(held->holder, first);
        EXPECT_EQ(held->position, 1U);
    }
    EXPECT_EQ(cluster.core(follower).status().waiting, 0U);
    EXPECT_EQ(cluster.core(leader).status().waiting, 1U);
    cluster.run_for(5'000);
    EXPECT_EQ(cluster.core(leader).machine().queue_length("l"), 1U) << "the place stays";

    cluster.submit(leader, statemachine::ReleaseLock{.name = "l", .session = first});
    cluster.run_for(100);
    ASSERT_TRUE(cluster.submitted.contains(7'002));
    EXPECT_TRUE(cluster.outcome<statemachine::LockGranted>(cluster.submitted.at(7'002)));
}

// Else a few clients whose connections break would shut the others out for as long as they asked.
TEST(CoreLocks, KeepsNoRoomForAWaitOfWhichNobodyIsToldAnyMore) {
    Cluster cluster(1);
    const auto leader = cluster.leader();
    const auto first = cluster.open_session(leader, 60'000);
    const auto second = cluster.open_session(leader, 60'000);
    cluster.submit(leader, statemachine::AcquireLock{.name = "l", .session = first});
    auto asker = std::make_shared<int>();
    cluster.core(leader).submit(
        7'001,
        {.command = statemachine::AcquireLock{.name = "l", .session = second, .wait = 50'000},
         .timeout = 1s,
         .asker = asker});
    cluster.run_for(200);
    EXPECT_EQ(cluster.core(leader).status().waiting, 1U);

    asker.reset();
    cluster.run_for(200);

    EXPECT_EQ(cluster.core(leader).status().waiting, 0U);
    EXPECT_TRUE(cluster.submitted.contains(7'001)) << "what it was asked with is let go of";
    EXPECT_EQ(cluster.core(leader).machine().queue_length("l"), 1U) << "the place stays";
}

TEST(CoreLocks, EndsAWaitInTimeHoweverManyWereOverBeforeIt) {
    Cluster cluster(1);
    const auto leader = cluster.leader();
    const auto first = cluster.open_session(leader, 60'000);
    const auto second = cluster.open_session(leader, 60'000);
    cluster.submit(leader, statemachine::AcquireLock{.name = "l", .session = first});
    for (int i = 0; i < 500; ++i) {
        cluster.core(leader).submit(
            8'000U + static_cast<unsigned>(i),
            {.command =
                 statemachine::AcquireLock{.name = "l", .session = second, .wait = 1'000 + i % 2},
             .timeout = 1s});
        cluster.core(leader).submit(
            9'000U + static_cast<unsigned>(i),
            {.command = statemachine::ReleaseLock{.name = "l", .session = second}, .timeout = 1s});
    }
    cluster.run_for(200);
    for (const std::uint64_t ticket : {8'000U, 8'499U}) {
        ASSERT_TRUE(cluster.submitted.contains(ticket)) << ticket;
        EXPECT_TRUE(cluster.outcome<statemachine::LockHeld>(cluster.submitted.at(ticket)));
    }
    const auto before = cluster.core(leader).status().proposals;

    cluster.run_for(2'000);

    EXPECT_EQ(cluster.core(leader).status().proposals, before) << "none of them is timed any more";
}

TEST(CoreLocks, GoesOnHandingOnWhatWasTooMuchForOneCommand) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    const auto writer = cluster.open_session(leader, 60'000);
    cluster.submit(leader, statemachine::AcquireLock{.name = "l", .session = writer});
    statemachine::AcquireLocks all{.session = 0, .locks = {}, .wait = 60'000};
    for (std::size_t i = 0; i < statemachine::locks_per_command_max; ++i) {
        const std::string name = i == 0 ? "l" : "l" + std::to_string(i);
        all.locks.push_back({name, statemachine::LockMode::shared, 0});
    }
    const auto readers = statemachine::Limits{}.grants_per_command / all.locks.size() + 1;
    for (std::uint64_t i = 0; i < readers; ++i) {
        all.session = cluster.open_session(leader, 60'000);
        cluster.core(leader).submit(7'000 + i, {.command = all, .timeout = 1s});
    }
    cluster.run_for(500);

    cluster.submit(leader, statemachine::ReleaseLock{.name = "l", .session = writer});
    cluster.run_for(100);

    for (std::uint64_t i = 0; i < readers; ++i) {
        ASSERT_TRUE(cluster.submitted.contains(7'000 + i)) << i;
        EXPECT_TRUE(cluster.outcome<statemachine::LockGranted>(cluster.submitted.at(7'000 + i)));
    }
    EXPECT_EQ(cluster.core(leader).machine().lock("l")->holder_count, readers);
}

}  // namespace
}  // namespace gavel::daemon
