// The replicated state machine: the rows of docs/paxos.md on many slots.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "proto/codec.h"
#include "tests/conformance/chaos.h"
#include "tests/conformance/executors.h"
#include "tests/unit/statemachine/chance.h"

namespace gavel::paxos {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

Pick accept_of(Slot slot, MemberId receiver) {
    return [=](const Flying& flying) {
        const auto* accept = flying.as<Accept>();
        return accept != nullptr && accept->slot == slot && flying.to == receiver;
    };
}

std::string command(std::uint64_t slot) { return "c" + std::to_string(slot); }

void lead(Cluster& cluster, MemberId member) {
    cluster.stand(member);
    cluster.deliver_all();
    ASSERT_EQ(cluster.replica(member).role(), Role::leader);
}

// What a member asked to have accepted, by slot.
std::map<Slot, Value> proposed_by(const Cluster& cluster, MemberId member, std::size_t since) {
    std::map<Slot, Value> proposed;
    for (std::size_t at = since; at < cluster.sent().size(); ++at) {
        const Flying& flying = cluster.sent()[at];
        const auto* accept = flying.as<Accept>();
        if (accept != nullptr && flying.from == member) proposed[accept->slot] = accept->value;
    }
    return proposed;
}

// Sessions, locks with their queues, keys, idempotency keys, repeats and leader starts, with limits
// so small that commands reach them.
TEST(Log, S27_EqualCommandsLeaveEqualStatesOverCrashesAndReplay) {
    std::size_t slots = 0;
    std::size_t executed_again = 0;
    std::size_t loaded_rows = 0;
    std::set<std::size_t> commands;
    std::set<std::size_t> outcomes;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        Executors executors(statemachine::tight, 64);
        statemachine::Chance chance(seed);
        Cluster cluster({.seed = seed, .executor = &executors});

        ASSERT_TRUE(run_chaos(
            cluster, seed,
            {.steps = 8'000,
             .crashes = 2,
             .next_command = [&] { return proto::encode(chance.entry(executors.newest())); }}))
            << "seed " << seed;

        ASSERT_THAT(executors.differences(), IsEmpty()) << "seed " << seed;
        slots += cluster.observer().history().size();
        executed_again += executors.executed_again();
        loaded_rows += executors.loaded_rows();
        commands.insert(executors.commands().begin(), executors.commands().end());
        outcomes.insert(executors.outcomes().begin(), executors.outcomes().end());
    }
    EXPECT_GT(slots, 5'000U);
    EXPECT_GT(executed_again, 1'000U) << "slots executed once more after a crash";
    EXPECT_GT(loaded_rows, 1'000U) << "rows that such a state was made of";
    EXPECT_THAT(commands, SizeIs(std::variant_size_v<statemachine::Command>));
    EXPECT_THAT(outcomes, SizeIs(std::variant_size_v<statemachine::Outcome>));
}

TEST(Log, S28_EveryServerProposesVotesAndLearns) {
    Cluster cluster({.elections = false});

    for (const MemberId member : {m1, m2, m3}) {
        lead(cluster, member);
        cluster.propose(member, "of " + std::to_string(member.number));
        cluster.deliver_all();
    }

    for (const MemberId member : {m1, m2, m3}) {
        EXPECT_THAT(cluster.history(member), ElementsAre("of 1", "of 2", "of 3"));
        EXPECT_EQ(cluster.disk(member).log.size(), 3U);
    }
}

TEST(Log, S29_OnePhase1CoversAllSlotsAndACommandCostsOneRound) {
    Cluster cluster({.elections = false});
    lead(cluster, m1);

    const std::size_t since = cluster.sent().size();
    for (std::uint64_t slot = 1; slot <= 200; ++slot) {
        ASSERT_TRUE(cluster.propose(m1, command(slot)));
        cluster.deliver_all();
    }

    EXPECT_EQ(cluster.count<Prepare>(since), 0U);
    EXPECT_EQ(cluster.count<Accept>(since), 2U * 200U);
    EXPECT_EQ(cluster.count<Accepted>(since), 2U * 200U);
    EXPECT_EQ(cluster.executed(m1).size(), 200U);
}

// Paxos Made Simple, section 3, with its numbers: m2 knows 1-134, 138 and 139; 135 was accepted by
// m3 and 140 by m2; 136 and 137 by nobody who is left.
class Succession : public ::testing::Test {
protected:
    Succession() {
        lead(cluster_, m1);
        for (std::uint64_t slot = 1; slot <= 134; ++slot) {
            cluster_.propose(m1, command(slot));
            cluster_.deliver_all();
        }
        cluster_.hold_disk(m1);
        for (std::uint64_t slot = 135; slot <= 140; ++slot) cluster_.propose(m1, command(slot));
        cluster_.deliver_first(accept_of({135}, m3));
        for (const MemberId member : {m2, m3}) {
            cluster_.deliver_first(accept_of({138}, member));
            cluster_.deliver_first(accept_of({139}, member));
        }
        cluster_.deliver_first(accept_of({140}, m2));
        cluster_.lose_all();
        cluster_.crash(m1);
        // An answer to a question asked long ago.
        cluster_.input(
            m2,
            Received{{m1, LearnAnswer{.from = {138}, .values = {{command(138)}, {command(139)}}}}});
        since_ = cluster_.sent().size();
        cluster_.stand(m2);
    }

    Cluster cluster_{{.elections = false}};
    std::size_t since_ = 0;
};

TEST_F(Succession, S30_FillsGapsWithNoOpsAndProposesAgainWhatItFinds) {
    cluster_.deliver_all();

    EXPECT_EQ(cluster_.count<Prepare>(since_), 2U) << "one for each other member";
    EXPECT_EQ(cluster_.sent()[since_].as<Prepare>()->from, Slot{135});
    EXPECT_THAT(proposed_by(cluster_, m2, since_),
                ElementsAre(Pair(Slot{135}, Value{command(135)}), Pair(Slot{136}, Value{}),
                            Pair(Slot{137}, Value{}), Pair(Slot{140}, Value{command(140)})));
    EXPECT_EQ(cluster_.replica(m2).reached().gaps_filled, 2U);
}

TEST_F(Succession, S31_ExecutesWhatFollowsAGapOnceTheGapIsFilled) {
    cluster_.deliver_all([](const Flying& flying) {
        const auto* accept = flying.as<Accept>();
        return accept == nullptr || accept->slot != Slot{137};
    });
    EXPECT_EQ(cluster_.executed(m2).size(), 136U) << "138 and 139 are known, 137 is not";

    cluster_.deliver_all();

    const auto history = cluster_.history(m2);
    EXPECT_THAT(std::vector(history.begin() + 134, history.end()),
                ElementsAre(command(135), "-", "-", command(138), command(139), command(140)));
    EXPECT_EQ(cluster_.history(m3), history);
}

TEST(Log, S32_ProposesAlphaSlotsAheadAndNeverOneMore) {
    for (const std::uint64_t alpha : {1U, 2U, 3U, 8U}) {
        Cluster cluster({.alpha = alpha, .elections = false});
        lead(cluster, m1);

        std::uint64_t depth = 0;
        while (cluster.propose(m1, command(depth + 1))) ++depth;

        EXPECT_EQ(depth, alpha);
        EXPECT_EQ(cluster.replica(m1).open_slots(), alpha);
        // All but the first are chosen: the window still rests on what is executed.
        cluster.lose_all(accept_of({1}, m2));
        cluster.lose_all(accept_of({1}, m3));
        cluster.deliver_all();
        EXPECT_FALSE(cluster.replica(m1).can_propose());
        EXPECT_THAT(cluster.history(m1), IsEmpty());

        // Sent again, the first slot lets all of them execute.
        cluster.run(300);
        EXPECT_EQ(cluster.executed(m1).size(), alpha);
        EXPECT_TRUE(cluster.replica(m1).can_propose());
    }
}

TEST(Log, S33_ANewLeaderFillsTheGapsOfAFullWindow) {
    constexpr std::uint64_t alpha = 8;
    Cluster cluster({.alpha = alpha, .elections = false});
    lead(cluster, m1);
    cluster.hold_disk(m1);
    for (std::uint64_t slot = 1; slot <= alpha; ++slot) cluster.propose(m1, command(slot));
    cluster.deliver_first(accept_of({alpha}, m2));
    cluster.lose_all();
    cluster.crash(m1);

    lead(cluster, m2);
    cluster.propose(m2, "own");
    cluster.deliver_all();

    EXPECT_EQ(cluster.replica(m2).reached().gaps_filled, alpha - 1);
    EXPECT_THAT(cluster.history(m3),
                ElementsAre("-", "-", "-", "-", "-", "-", "-", command(alpha), "own"));
}

}  // namespace
}  // namespace gavel::paxos
