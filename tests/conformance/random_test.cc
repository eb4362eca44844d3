// Rows shown by random runs: the observer checks after each step what no schedule may break.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string_view>

#include "tests/conformance/chaos.h"

namespace gavel::paxos {
namespace {

const std::vector<MemberId> five{m1, m2, m3, m4, m5};

// Runs `seeds` of them and says which seed failed first; adds up what they met.
void expect_all_heal(const ClusterOptions& options, const Chaos& chaos, std::uint64_t seeds,
                     Met* met = nullptr) {
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        ClusterOptions own = options;
        own.seed = seed;
        Cluster cluster(own);
        ASSERT_TRUE(run_chaos(cluster, seed, chaos)) << "seed " << seed;
        if (met != nullptr) *met += cluster.met();
    }
}

TEST(RandomRuns, S03_ChooseOnlyWhatWasProposed) {
    std::size_t proposed = 0;
    std::size_t noops = 0;
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        Cluster cluster({.members = five, .alpha = 8, .seed = seed});
        ASSERT_TRUE(run_chaos(cluster, seed, {.loss = 10, .crashes = 2})) << "seed " << seed;
        std::set<std::string_view> seen;
        for (const Value& value : cluster.observer().history()) {
            if (value.is_noop()) {
                ++noops;
                continue;
            }
            ++proposed;
            // Commands are proposed once here: a second appearance nobody asked for.
            EXPECT_TRUE(seen.insert(value.command.view()).second);
        }
    }
    EXPECT_GT(proposed, 1'000U);
    EXPECT_GT(noops, 0U);
}

TEST(RandomRuns, S04_ChooseOneValuePerSlot) { expect_all_heal({}, {}, 150); }

TEST(RandomRuns, S04_ChooseOneValuePerSlotAmongFive) {
    expect_all_heal({.members = five, .alpha = 8}, {.loss = 10, .crashes = 2}, 100);
}

// Messages of a few bytes: every promise comes in parts, every answer to Learn in chunks.
TEST(RandomRuns, S04_ChooseOneValuePerSlotWhenPromisesComeInParts) {
    expect_all_heal({.alpha = 16, .limits = {.message_bytes = 40, .recent_slots = 4}},
                    {.loss = 10, .duplication = 10, .crashes = 2, .stands = 3}, 150);
}

TEST(RandomRuns, S07_SurviveLossDuplicationReorderingPartitionsAndRestarts) {
    Met met;
    expect_all_heal({.alpha = 3},
                    {.loss = 20, .duplication = 25, .delay = 10, .crashes = 4, .partitions = 4},
                    150, &met);

    // The model allows all of this, so all of it has to have happened.
    EXPECT_GT(met.delayed, 1'000U);
    EXPECT_GT(met.lost, 5'000U);
    EXPECT_GT(met.cut_off, 2'000U);
    EXPECT_GT(met.repeated, 5'000U);
    EXPECT_GT(met.overtaken, 2'000U);
    EXPECT_GT(met.crashes, 2'000U);
    EXPECT_GT(met.restarts, 2'000U);
    EXPECT_GT(met.writes_lost, 100U);
}

// One member's disk loses entries: what it cannot read it never reports as "nothing accepted".
TEST(RandomRuns, S11_TakeAnUnreadableEntryForNothingButUnknown) {
    expect_all_heal({.alpha = 8}, {.crashes = 8, .stands = 3, .unreadable = 80}, 150);
}

TEST(RandomRuns, S15_SurviveProposalsThatAreAbandonedAtAnyTime) {
    expect_all_heal({.alpha = 8}, {.stands = 10}, 100);
}

TEST(RandomRuns, S26_NeedNoSingleLeaderToBeSafe) {
    expect_all_heal({.members = five, .alpha = 8}, {.loss = 10, .stands = 20}, 100);
}

TEST(RandomRuns, S28_CountTheQuorumOfEachSlotWhileTheMembersChange) {
    for (const std::uint64_t alpha : {1U, 2U, 3U, 8U}) {
        expect_all_heal({.members = five, .voters = {m1, m2, m3}, .alpha = alpha},
                        {.stands = 1, .member_changes = 3}, 75);
    }
}

}  // namespace
}  // namespace gavel::paxos
