// The set of servers as a part of the state (Paxos Made Simple, section 3).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/conformance/cluster.h"

namespace gavel::paxos {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;

const std::vector<MemberId> five{m1, m2, m3, m4, m5};

void cut_off(Cluster& cluster, std::set<MemberId> members) {
    cluster.losing([members = std::move(members)](const Flying& flying) {
        return members.contains(flying.from) || members.contains(flying.to);
    });
}

// The command in slot i replaces m2 and m3 by m4 and m5. Of the slots up to i+alpha-1 it is m2 and
// m3 that decide, whoever else is there; from i+alpha on it is m4 and m5.
TEST(Members, S34_GovernFromAlphaSlotsAfterTheCommandThatLeftThem) {
    for (const std::uint64_t alpha : {1U, 2U, 3U, 64U}) {
        Cluster cluster(
            {.members = five, .voters = {m1, m2, m3}, .alpha = alpha, .elections = false});
        cluster.stand(m1);
        cluster.deliver_all();
        ASSERT_TRUE(cluster.propose(m1, "members 1,4,5"));
        // Slot 1 is chosen, and nothing that follows leaves.
        cluster.deliver_all([](const Flying& flying) {
            const auto* accept = flying.as<Accept>();
            const auto* accepted = flying.as<Accepted>();
            return (accept != nullptr && accept->slot == Slot{1}) ||
                   (accepted != nullptr && accepted->slot == Slot{1});
        });
        ASSERT_EQ(cluster.executed(m1).size(), 1U);

        // Shorter than an election timeout, each: m1 leads all the time.
        cut_off(cluster, {m2, m3});
        cluster.lose_all();
        cluster.run(300);
        const std::size_t old_set_gone = cluster.executed(m1).size();

        cut_off(cluster, {m4, m5});
        cluster.run(100);
        EXPECT_TRUE(cluster.propose(m1, "after the change")) << alpha;
        cluster.run(200);
        const std::size_t new_set_gone = cluster.executed(m1).size();

        cut_off(cluster, {m2, m3});
        cluster.run(300);

        // Slots 2 to alpha waited for m2 or m3. Slot 1+alpha, filled with a no-op where others come
        // before it, got its votes from m4 and m5 while they were there; what follows waits for
        // them.
        EXPECT_EQ(old_set_gone, 1U) << alpha;
        EXPECT_EQ(new_set_gone, alpha == 1 ? 1 : alpha + 1) << alpha;
        EXPECT_THAT(cluster.history(m1), Contains("after the change")) << alpha;
        EXPECT_THAT(cluster.observer().epoch_of({1 + alpha}).voters, ElementsAre(m1, m4, m5));
    }
}

// m1 proposes the change, and is gone before anybody else hears of it: another value takes its
// slot.
TEST(Members, S34_AreNotChangedByACommandThatWasOnlyProposed) {
    for (const std::uint64_t alpha : {1U, 2U, 3U}) {
        Cluster cluster(
            {.members = five, .voters = {m1, m2, m3}, .alpha = alpha, .elections = false});
        cluster.stand(m1);
        cluster.deliver_all();
        ASSERT_TRUE(cluster.propose(m1, "members 1,4,5"));
        cluster.crash(m1);
        cluster.lose_all();
        cut_off(cluster, {m4, m5});

        cluster.stand(m2);
        cluster.deliver_all();
        for (std::uint64_t slot = 0; slot < 2 * alpha + 1; ++slot) {
            ASSERT_TRUE(cluster.propose(m2, "command " + std::to_string(slot))) << alpha;
            cluster.deliver_all();
        }
        EXPECT_EQ(cluster.executed(m3).size(), 2 * alpha + 1) << "m2 and m3 decide";

        // m1 accepted its own command; it learns that another one was chosen.
        cluster.restart(m1);
        EXPECT_TRUE(cluster.run_until([&] { return cluster.history(m1) == cluster.history(m2); }));
        EXPECT_THAT(cluster.observer().epoch_of({2 * alpha + 1}).voters, ElementsAre(m1, m2, m3));
    }
}

// Under load, in one command; then everyone who was there before is gone for good.
TEST(Members, S35_AreAllReplacedByOneCommandAndLoseNothing) {
    for (const std::uint64_t alpha : {1U, 2U, 8U, 64U}) {
        Cluster cluster({.members = {m1, m2, m3, m4, m5, m6},
                         .voters = {m1, m2, m3},
                         .alpha = alpha,
                         .seed = alpha});
        std::uint64_t number = 0;
        const auto load = [&](int rounds) {
            for (int round = 0; round < rounds; ++round) {
                const auto leader = cluster.leader();
                if (leader) cluster.propose(*leader, "command " + std::to_string(++number));
                cluster.run(10);
            }
        };
        const MemberId first = cluster.elect();
        load(20);
        ASSERT_TRUE(cluster.run_until([&] { return cluster.propose(first, "members 4,5,6"); }));
        load(20);
        const std::set<MemberId> newcomers{m4, m5, m6};
        ASSERT_TRUE(cluster.run_until([&] {
            const auto leader = cluster.leader();
            return leader && newcomers.contains(*leader) && cluster.replica(*leader).can_propose();
        })) << alpha;
        const std::vector<std::string> before = cluster.history(first);

        for (const MemberId gone : {m1, m2, m3}) cluster.crash(gone);
        load(20);
        ASSERT_TRUE(cluster.run_until([&] {
            return cluster.executed(m5).size() > before.size() &&
                   cluster.history(m4) == cluster.history(m6);
        })) << alpha;

        const auto after = cluster.history(m4);
        ASSERT_GT(after.size(), before.size());
        EXPECT_TRUE(std::equal(before.begin(), before.end(), after.begin())) << "nothing is lost";
        EXPECT_THAT(after, Contains("command " + std::to_string(number)));
    }
}

}  // namespace
}  // namespace gavel::paxos
