// Schedules that once led astray: each is the smallest that shows what it guards against.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "persistence/recovery.h"
#include "tests/unit/paxos/driven.h"

namespace gavel::paxos {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

// An accept of an older ballot arrives after the slot's outcome was learned beyond a gap. Storing
// it would put the old value into a slot that the recorded prefix later calls chosen.
TEST(Replica, KeepsAChosenValueThatItLearnedBeyondAGapWhenAnOlderAcceptArrives) {
    Driven driven{{.self = m3}};
    const Ballot old{.round = 1, .member = m1};
    const Ballot newer{.round = 2, .member = m2};
    driven.hears(m2, LearnAnswer{.from = {2}, .values = {{"chosen"}}});

    const Effects effects = driven.hears(m1, Accept{old, {2}, {"older"}, {}});

    EXPECT_THAT(sent<Accepted>(effects), IsEmpty());
    driven.hears(m2, LearnAnswer{.from = {1}, .values = {{"first"}}});
    driven.hears(m2, Accept{newer, {3}, {"third"}, {2}});
    EXPECT_EQ(driven.disk().chosen_prefix, Slot{2});
    EXPECT_EQ(driven.disk().log.at({2}).proposal.value, Value{"chosen"});
}

// A late answer tells the leader of the slot it would propose in next, while the one before it is
// still open. Proposing there all the same would make its next commit notice a lie.
TEST(Replica, ProposesNothingInASlotWhoseOutcomeItHasLearned) {
    Driven driven;
    driven.stand();
    const Ballot ballot = driven.replica().promised();
    driven.hears(m2, promise(ballot, {1}));
    driven.propose("one");

    driven.hears(m3, LearnAnswer{.from = {2}, .values = {{"of a higher ballot"}}});
    const auto accepts = sent<Accept>(driven.propose("mine"));

    ASSERT_THAT(accepts, Not(IsEmpty()));
    EXPECT_EQ(accepts.front().second.slot, Slot{3});
}

// The same, told by a late promise at a ballot given up long ago.
TEST(Replica, ProposesNothingInASlotWhoseOutcomeALatePromiseTold) {
    Driven driven;
    driven.lead();
    driven.propose("one");

    driven.hears(m3, Promise{{0, m1}, 1, {1}, last_slot, {}, {{{2}, KnownChosen{{"theirs"}}}}});
    EXPECT_FALSE(driven.replica().can_propose());
    driven.pass(10);
    const auto accepts = sent<Accept>(driven.propose("mine"));

    ASSERT_THAT(accepts, Not(IsEmpty()));
    EXPECT_EQ(accepts.front().second.slot, Slot{3});
}

// A slot below the recorded prefix whose entry became unreadable: chosen, the value unknown. What
// an old ballot asks to store there must not pass for the chosen value after the next restart.
TEST(Replica, StoresNothingInAnUnreadableSlotThatIsKnownChosen) {
    Durable durable{.promised = {.round = 1, .member = m1}, .chosen_prefix = {1}};
    durable.faulty.insert({1});
    Driven driven{{.self = m3, .durable = durable}};
    driven.step(Start{});

    driven.hears(m1, Accept{{.round = 1, .member = m1}, {1}, {"older"}, {}});

    EXPECT_THAT(driven.disk().log, IsEmpty());
    EXPECT_THAT(driven.disk().faulty, SizeIs(1));
}

// A promise in parts: the first says that slot 1 is free, the second, still under way, what was
// accepted in slot 2.
TEST(Replica, ProposesNothingInASlotOnWhichAPartOfAPromiseIsMissing) {
    Driven driven;
    const Ballot ballot = driven.stand();
    driven.hears(m2, Promise{ballot, 1, {1}, {1}, {}, {}});
    driven.propose("one");
    EXPECT_FALSE(driven.replica().can_propose());

    const Effects effects = driven.hears(
        m2, Promise{ballot, 1, {2}, last_slot, {}, {{{2}, Proposal{{0, m2}, {"found"}}}}});

    const auto accepts = sent<Accept>(effects);
    ASSERT_THAT(accepts, Not(IsEmpty()));
    EXPECT_EQ(accepts.front().second.value, Value{"found"});
}

// The window reaches an epoch of other members. Until they have promised, another leader's value
// may be chosen there and executed elsewhere: no read may be served below it.
TEST(Replica, ServesNoReadAtTheEdgeOfAnEpochBeforeItsMembersHavePromised) {
    Driven driven{{.alpha = 1}};
    driven.execute_by_hand();
    const Ballot ballot = driven.lead();
    driven.propose("replace the others");
    driven.hears(m2, Accepted{ballot, {1}});
    driven.executes({1}, epoch_of_members(2, {m1, m4, m5, m6}));

    driven.step(ReadRequest{77});
    const auto before = sent<Heartbeat>(driven.step(Flush{}));
    driven.hears(m4,
                 promise(ballot, {2}, {{{2}, Proposal{{.round = 0, .member = m4}, {"found"}}}}));
    driven.hears(m5, promise(ballot, {2}));
    const auto found = sent<Heartbeat>(driven.step(Flush{}));

    for (const auto& [to, heartbeat] : before) EXPECT_EQ(heartbeat.round, 0U);
    for (const auto& [to, heartbeat] : found) EXPECT_EQ(heartbeat.round, 0U);
    driven.hears(m4, Accepted{ballot, {2}});
    driven.hears(m5, Accepted{ballot, {2}});
    driven.executes({2});
    const auto heartbeats = sent<Heartbeat>(driven.step(Flush{}));
    ASSERT_THAT(heartbeats, Not(IsEmpty()));
    const std::uint64_t round = heartbeats.front().second.round;
    driven.hears(m4, HeartbeatAck{ballot, round, {2}});
    const Effects served = driven.hears(m5, HeartbeatAck{ballot, round, {2}});
    EXPECT_THAT(served.reads, ElementsAre(ReadConfirmed{77, {2}}));
}

// A leader that does not govern the first open slot (it enters with a later epoch) has promised
// itself all the same: an older leader's heartbeat finds its acceptor ahead.
TEST(Replica, PromisesItselfItsBallotWhenAnotherEpochGovernsTheFirstSlot) {
    Driven driven{{.self = m4,
                   .alpha = 2,
                   .epochs = {{Slot{1}, epoch_of_members(1, {m1, m2, m3})},
                              {Slot{2}, epoch_of_members(2, {m2, m3, m4})}}}};
    const Ballot ballot = driven.stand({m2, m3});
    driven.hears(m2, promise(ballot, {1}));
    driven.hears(m3, promise(ballot, {1}));
    ASSERT_EQ(driven.replica().role(), Role::leader);
    const Ballot older{.round = ballot.round - 1, .member = m1};

    const Effects effects = driven.hears(m1, Heartbeat{older, 1, {}});

    EXPECT_THAT(effects.at_once, ElementsAre(Envelope{m1, Reject{older, ballot}}));
    EXPECT_EQ(driven.replica().role(), Role::leader);
}

// Nobody reads and nobody writes: heartbeats alone must keep the leader in touch.
TEST(Replica, LeadsOnInAnIdleCluster) {
    Driven driven;
    driven.lead();

    for (int beat = 0; beat < 100; ++beat) {
        for (const auto& [to, heartbeat] : sent<Heartbeat>(driven.pass(50))) {
            if (to == m2 && heartbeat.round > 0) {
                driven.hears(m2, HeartbeatAck{heartbeat.ballot, heartbeat.round, {}});
            }
        }
    }

    EXPECT_EQ(driven.replica().role(), Role::leader);
}

// While a new leader proposes again what it found, a better informed member tells it the outcome,
// which is the same. That is no reason to yield.
TEST(Replica, LeadsOnWhenItLearnsTheVeryValueItProposesAgain) {
    Driven driven;
    const Ballot ballot = driven.stand();
    const Ballot older{.round = 0, .member = m2};
    driven.hears(m2, promise(ballot, {1}, {{{1}, Proposal{older, {"found"}}}}));

    driven.hears(m3, LearnAnswer{.from = {1}, .chosen_prefix = {1}, .values = {{"found"}}});

    EXPECT_EQ(driven.replica().role(), Role::leader);
    EXPECT_EQ(driven.replica().chosen_prefix(), Slot{1});
}

TEST(Replica, YieldsWhenAnotherValueThanItsOwnWasChosen) {
    Driven driven;
    driven.lead();
    driven.propose("mine");

    driven.hears(m3, LearnAnswer{.from = {1}, .chosen_prefix = {1}, .values = {{"theirs"}}});

    EXPECT_EQ(driven.replica().role(), Role::follower);
}

// Votes that came too early make a candidate a leader in the very turn in which a decided epoch's
// window is to be filled. Whoever drives it proposes its LeaderStart when it hears of the role.
TEST(Replica, StandsAtAFreeSlotWhenVotesThatCameEarlyMakeItALeader) {
    Driven driven{{.alpha = 2, .durable = {.chosen_prefix = {8}}, .executed = {8}}};
    driven.execute_by_hand();
    const Ballot old{.round = 1, .member = m3};
    constexpr LearnerMode everyone{.kind = LearnerMode::Kind::broadcast};
    for (const std::uint64_t slot : {9U, 10U, 11U}) {
        driven.hears(m3, Accept{old, {slot}, {"v"}, {8}, everyone});
    }
    driven.hears(m2, Accepted{old, {11}});  // Beyond the window: nobody knows whose count there.
    const Ballot ballot = driven.stand();
    driven.hears(m2, promise(ballot, {9}, {}, {11}));
    driven.hears(m2, LearnAnswer{.from = {9}, .chosen_prefix = {11}, .values = {{"v"}, {"v"}}});
    driven.executes({9});
    driven.executes({10}, epoch_of_members(2, {m1, m2, m3}, {m4}));
    ASSERT_EQ(driven.replica().role(), Role::candidate);

    const Effects effects = driven.step(Flush{});

    ASSERT_TRUE(effects.role && effects.role->role == Role::leader);
    EXPECT_TRUE(driven.replica().can_propose()) << "Core::on_role() ends the process otherwise";
}

}  // namespace
}  // namespace gavel::paxos
