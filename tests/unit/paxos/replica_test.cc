#include "paxos/replica.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/paxos/driven.h"

namespace gavel::paxos {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr Ballot theirs{.round = 50, .member = m2}, higher{.round = 60, .member = m3};

// ---- Election -----------------------------------------------------------------------------------

TEST(Replica, CanvassesBeforeItPrepares) {
    Driven driven;
    Effects effects;
    while (sent<Canvass>(effects).empty()) effects = driven.pass(100);

    EXPECT_THAT(sent<Prepare>(effects), IsEmpty());
    EXPECT_THAT(effects.records, IsEmpty());
    EXPECT_EQ(driven.replica().ballots_tried(), 0U);
}

TEST(Replica, PreparesWhenAMajorityWouldPromise) {
    Driven driven{{.voters = {m1, m2, m3, m4, m5}}};
    Effects effects;
    while (sent<Canvass>(effects).empty()) effects = driven.pass(100);
    const std::uint64_t number = sent<Canvass>(effects).front().second.number;

    EXPECT_THAT(sent<Prepare>(driven.hears(m2, CanvassAnswer{number, true, theirs, {}})),
                IsEmpty());
    EXPECT_THAT(sent<Prepare>(driven.hears(m2, CanvassAnswer{number, true, theirs, {}})),
                IsEmpty());
    EXPECT_THAT(sent<Prepare>(driven.hears(m3, CanvassAnswer{number, false, {}, {}})), IsEmpty());
    EXPECT_THAT(sent<Prepare>(driven.hears(m4, CanvassAnswer{number - 1, true, {}, {}})),
                IsEmpty());
    const auto prepares = sent<Prepare>(driven.hears(m4, CanvassAnswer{number, true, {}, {}}));

    ASSERT_THAT(prepares, SizeIs(4));
    EXPECT_GT(prepares.front().second.ballot, theirs) << "above what it heard of";
}

TEST(Replica, WouldNotPromiseWhileItHearsALeader) {
    Driven driven;
    driven.hears(m2, Heartbeat{theirs, 1, {}});

    const auto answers = sent<CanvassAnswer>(driven.hears(m3, Canvass{7, {}}));

    ASSERT_THAT(answers, SizeIs(1));
    EXPECT_FALSE(answers.front().second.would);
    driven.pass(500);
    EXPECT_TRUE(sent<CanvassAnswer>(driven.hears(m3, Canvass{7, {}})).front().second.would);
}

TEST(Replica, WouldPromiseAtOnceWhenTheLeaderIsKnownDead) {
    Driven driven;
    driven.hears(m2, Heartbeat{theirs, 1, {}});

    driven.step(PeerDied{m2});

    EXPECT_TRUE(sent<CanvassAnswer>(driven.hears(m3, Canvass{7, {}})).front().second.would);
    EXPECT_THAT(sent<Canvass>(driven.pass(51)), Not(IsEmpty()));
}

TEST(Replica, LearnsBeforeItStandsWhenAnotherIsAhead) {
    Driven driven;
    Effects effects;
    while (sent<Canvass>(effects).empty()) effects = driven.pass(100);
    const std::uint64_t number = sent<Canvass>(effects).front().second.number;

    effects = driven.hears(m2, CanvassAnswer{number, true, {}, {1}});
    EXPECT_THAT(sent<Prepare>(effects), IsEmpty());
    ASSERT_THAT(sent<Learn>(effects), SizeIs(1));
    driven.hears(m2, LearnAnswer{.from = {1}, .chosen_prefix = {1}, .values = {{"one"}}});

    const auto prepares = sent<Prepare>(driven.pass(10));
    ASSERT_THAT(prepares, Not(IsEmpty()));
    EXPECT_EQ(prepares.front().second.from, Slot{2});
}

TEST(Replica, StandsAtOnceWhenItsLeaderHandsOver) {
    Driven driven;
    driven.hears(m2, Heartbeat{theirs, 1, {}});

    EXPECT_THAT(sent<Prepare>(driven.hears(m3, HandOver{theirs})), IsEmpty()) << "not the leader";
    EXPECT_THAT(sent<Prepare>(driven.hears(m2, HandOver{higher})), IsEmpty()) << "another ballot";
    const auto prepares = sent<Prepare>(driven.hears(m2, HandOver{theirs}));

    ASSERT_THAT(prepares, SizeIs(2));
    EXPECT_GT(prepares.front().second.ballot, theirs);
}

TEST(Replica, HandsOverToAVoterOnly) {
    Driven driven;
    const Ballot ballot = driven.lead();

    EXPECT_THAT(driven.step(Transfer{m4}).at_once, IsEmpty());
    EXPECT_THAT(driven.step(Transfer{m3}).at_once, ElementsAre(Envelope{m3, HandOver{ballot}}));
}

TEST(Replica, YieldsToAHigherBallotAndTriesAboveItLater) {
    Driven driven;
    const Ballot ballot = driven.lead();

    driven.hears(m3, Reject{ballot, higher});

    EXPECT_EQ(driven.replica().role(), Role::follower);
    EXPECT_THAT(sent<Canvass>(driven.pass(100)), IsEmpty()) << "after a random while";
    EXPECT_GT(driven.stand(), higher);
}

TEST(Replica, IsNotMovedByARejectionOfAnOlderBallot) {
    Driven driven;
    const Ballot ballot = driven.lead();

    driven.hears(m3, Reject{{ballot.round - 1, m1}, ballot});

    EXPECT_EQ(driven.replica().role(), Role::leader);
}

TEST(Replica, RejectsAHeartbeatBelowItsPromiseAndFollowsNobody) {
    Driven driven;
    driven.hears(m3, Prepare{higher, {1}});

    const Effects effects = driven.hears(m2, Heartbeat{theirs, 1, {}});

    EXPECT_THAT(effects.at_once, ElementsAre(Envelope{m2, Reject{theirs, higher}}));
    EXPECT_EQ(driven.replica().leader(), MemberId{});
}

TEST(Replica, DoesNotRaiseItsPromiseForAHeartbeat) {
    Driven driven;

    const Effects effects = driven.hears(m2, Heartbeat{theirs, 4, {}});

    EXPECT_EQ(driven.replica().promised(), Ballot{});
    EXPECT_THAT(effects.records, IsEmpty());
    EXPECT_THAT(effects.at_once, ElementsAre(Envelope{m2, HeartbeatAck{theirs, 4, {}}}));
}

TEST(Replica, StepsDownWhenNoMajorityAnswers) {
    Driven driven;
    driven.lead();

    driven.pass(499);
    EXPECT_EQ(driven.replica().role(), Role::leader);
    driven.pass(1);

    EXPECT_EQ(driven.replica().role(), Role::follower);
    EXPECT_THAT(sent<Heartbeat>(driven.pass(100)), IsEmpty());
}

TEST(Replica, StepsDownWhenItsOwnDiskStalls) {
    Driven driven;
    const Ballot ballot = driven.lead();
    driven.hold_disk(true);
    driven.propose("stuck");

    for (int beat = 0; beat < 5; ++beat) {
        EXPECT_EQ(driven.replica().role(), Role::leader);
        driven.hears(m2, HeartbeatAck{ballot, 1, {}});
        driven.hears(m3, HeartbeatAck{ballot, 1, {}});
        driven.pass(100);
    }

    EXPECT_EQ(driven.replica().role(), Role::follower);
}

// It asks, for the answers tell it what it missed; but whatever they are it does not prepare.
TEST(Replica, NeverStandsWithoutAVoteInTheWindow) {
    Driven driven{{.self = m4}};
    int asked = 0;

    for (int tick = 0; tick < 50; ++tick) {
        for (const auto& [to, canvass] : sent<Canvass>(driven.pass(100))) {
            ++asked;
            const Effects effects =
                driven.hears(to, CanvassAnswer{canvass.number, true, theirs, {}});
            EXPECT_THAT(sent<Prepare>(effects), IsEmpty());
        }
    }

    EXPECT_GT(asked, 0);
    EXPECT_EQ(driven.replica().ballots_tried(), 0U);
}

// The one that it heard had the votes of a set that is gone; heartbeats raise no promise.
TEST(Replica, FollowsALeaderWithASmallerBallotOnceTheOtherIsSilent) {
    Driven driven;
    driven.hears(m3, Heartbeat{higher, 1, {}});

    driven.hears(m2, Heartbeat{theirs, 1, {}});
    EXPECT_EQ(driven.replica().leader(), m3);

    driven.pass(500);
    driven.hears(m2, Heartbeat{theirs, 1, {}});
    EXPECT_EQ(driven.replica().leader(), m2);
}

TEST(Replica, FindsOutWhatItMissedFromACanvassAndFromItsAnswer) {
    Driven driven{{.self = m4}};

    driven.hears(m2, Canvass{7, {3}});
    EXPECT_THAT(sent<Learn>(driven.pass(1)), ElementsAre(std::pair(m2, Learn{{1}})));

    driven.hears(m3, CanvassAnswer{1, false, {}, {5}});
    EXPECT_THAT(sent<Learn>(driven.pass(200)), ElementsAre(std::pair(m3, Learn{{1}})));
}

// ---- Epochs -------------------------------------------------------------------------------------

// Nobody proposes anything: the epoch that slot 1 decided would wait for ever.
TEST(Replica, FillsTheWindowUpToAnEpochThatIsDecided) {
    Driven driven{{.alpha = 4}};
    const Ballot ballot = driven.lead();
    driven.execute_by_hand();
    driven.propose("remove m3");
    driven.hears(m2, Accepted{ballot, {1}});

    driven.executes({1}, epoch_of_members(2, {m1, m2}));
    const auto accepts = sent<Accept>(driven.step(Flush{}));

    std::map<Slot, std::vector<MemberId>> asked;
    for (const auto& [to, accept] : accepts) {
        EXPECT_TRUE(accept.value.is_noop());
        asked[accept.slot].push_back(to);
    }
    EXPECT_THAT(asked, ElementsAre(std::pair(Slot{2}, std::vector{m2, m3}),
                                   std::pair(Slot{3}, std::vector{m2, m3}),
                                   std::pair(Slot{4}, std::vector{m2, m3}),
                                   std::pair(Slot{5}, std::vector{m2})));
    EXPECT_THAT(sent<Accept>(driven.step(Flush{})), IsEmpty());
}

TEST(Replica, LeadsUpToItsLastSlotAndHandsOver) {
    Driven driven{{.alpha = 3}};
    // A majority of those who follow has promised it all later slots, too.
    const Ballot ballot = driven.lead({m2, m3});
    driven.execute_by_hand();
    driven.propose("remove m1");
    driven.hears(m2, Accepted{ballot, {1}});

    driven.executes({1}, epoch_of_members(2, {m2, m3, m4}));
    const Effects filled = driven.step(Flush{});
    EXPECT_EQ(sent<Accept>(filled).back().second.slot, Slot{3}) << "never in slot 4";
    EXPECT_THAT(sent<HandOver>(filled), IsEmpty()) << "not before they are chosen";

    driven.hears(m3, Accepted{ballot, {2}});
    driven.hears(m3, Accepted{ballot, {3}});
    driven.executes({2});
    driven.executes({3});
    EXPECT_FALSE(driven.replica().can_propose());
    const Effects done = driven.step(Flush{});
    ASSERT_THAT(sent<HandOver>(done), SizeIs(1));
    EXPECT_THAT(sent<Prepare>(done), IsEmpty());

    // Whoever is asked may be gone: the next one is asked.
    std::set<MemberId> asked{sent<HandOver>(done).front().first};
    for (int i = 0; i < 2; ++i) {
        driven.pass(100);
        for (const auto& [to, hand_over] : sent<HandOver>(driven.step(Flush{}))) asked.insert(to);
    }
    EXPECT_THAT(asked, ElementsAre(m2, m3, m4));
}

TEST(Replica, AsksOnWhenTheSetThatFollowsChangesOnceMore) {
    Driven driven{{.alpha = 2}};
    const Ballot ballot = driven.lead();
    driven.execute_by_hand();
    driven.propose("remove m1");
    driven.propose("remove m2, too");
    for (const std::uint64_t slot : {1U, 2U}) driven.hears(m2, Accepted{ballot, {slot}});
    driven.executes({1}, epoch_of_members(2, {m2, m3}));
    driven.executes({2}, epoch_of_members(3, {m3}));
    std::set<MemberId> asked;
    const auto ask = [&] {
        driven.pass(100);
        for (const auto& [to, hand_over] : sent<HandOver>(driven.step(Flush{}))) asked.insert(to);
    };
    for (int i = 0; i < 2; ++i) ask();
    EXPECT_THAT(asked, ElementsAre(m2, m3));

    // Another leader's slot 3 comes late: now m3 alone follows, and was asked before.
    driven.hears(m3, LearnAnswer{{3}, {}, {3}, {{"elsewhere"}}});
    driven.executes({3});
    asked.clear();
    ask();

    EXPECT_THAT(asked, ElementsAre(m3));
}

// A member that is on its way out recovers what the old set left, and leaves the rest to the new.
TEST(Replica, DoesNotBecomeLeaderOfASetThatItIsNotIn) {
    Driven driven{{.alpha = 1}};
    driven.execute_by_hand();
    const Ballot ballot = driven.stand();
    driven.hears(m2, promise(ballot, {1}, {{{1}, Proposal{{0, m2}, {"replace everyone"}}}}));
    driven.hears(m2, Accepted{ballot, {1}});

    const Effects effects = driven.executes({1}, epoch_of_members(2, {m4, m5, m6}));
    driven.step(Flush{});

    EXPECT_THAT(sent<Prepare>(effects), IsEmpty());
    EXPECT_EQ(driven.replica().role(), Role::follower);
}

TEST(Replica, ServesAloneWithoutWaitingForATimeout) {
    Driven driven{{.voters = {m1}}};
    driven.step(Start{});

    driven.pass(1);

    EXPECT_EQ(driven.replica().role(), Role::leader);
    EXPECT_THAT(driven.propose("alone").chosen, ElementsAre(Chosen{{1}, {"alone"}}));
}

// ---- Votes and learning -------------------------------------------------------------------------

TEST(Replica, CountsItsOwnVoteOnlyOnceThatIsDurable) {
    Driven driven;
    const Ballot ballot = driven.lead();
    driven.hold_disk(true);
    driven.propose("value");

    EXPECT_THAT(driven.hears(m2, Accepted{ballot, {1}}).chosen, IsEmpty());

    EXPECT_THAT(driven.make_durable().chosen, ElementsAre(Chosen{{1}, {"value"}}));
}

TEST(Replica, CountsItsOwnPromiseOnlyOnceThatIsDurable) {
    Driven driven;
    driven.hold_disk(true);
    const Ballot ballot = driven.stand();

    driven.hears(m2, promise(ballot, {1}));
    EXPECT_EQ(driven.replica().role(), Role::candidate);

    driven.make_durable();
    EXPECT_EQ(driven.replica().role(), Role::leader);
}

TEST(Replica, TellsFollowersOfWhatWasChosenWhenTheTurnEnds) {
    Driven driven;
    const Ballot ballot = driven.lead();
    driven.propose("value");
    driven.hears(m2, Accepted{ballot, {1}});

    const auto notices = sent<Heartbeat>(driven.step(Flush{}));

    ASSERT_THAT(notices, SizeIs(2));
    EXPECT_EQ(notices.front().second, (Heartbeat{ballot, 0, {1}}));
    EXPECT_THAT(sent<Heartbeat>(driven.step(Flush{})), IsEmpty()) << "once";
}

TEST(Replica, AsksTheLeaderForWhatItMissed) {
    Driven driven;

    const Effects effects = driven.hears(m2, Heartbeat{theirs, 1, {3}});
    EXPECT_THAT(sent<Learn>(effects), ElementsAre(std::pair(m2, Learn{{1}})));
    EXPECT_THAT(sent<Learn>(driven.pass(100)), IsEmpty());
    EXPECT_THAT(sent<Learn>(driven.pass(100)), SizeIs(1)) << "the question may be lost";

    const Effects learned = driven.hears(
        m2, LearnAnswer{.from = {1}, .chosen_prefix = {3}, .values = {{"one"}, {"two"}}});
    EXPECT_THAT(learned.chosen, SizeIs(2));
    EXPECT_THAT(sent<Learn>(learned), ElementsAre(std::pair(m2, Learn{{3}}))) << "the next chunk";
}

TEST(Replica, WantsASnapshotWhenWhatItLacksHasBeenCut) {
    Driven driven;

    const Effects effects =
        driven.hears(m2, LearnAnswer{.from = {1}, .oldest = {10}, .chosen_prefix = {20}});

    EXPECT_EQ(effects.snapshot_wanted, m2);
}

TEST(Replica, RecordsItsPrefixAlongWithTheNextWrite) {
    Driven driven;
    driven.hears(m2, Accept{theirs, {1}, {"one"}, {}});
    EXPECT_THAT(driven.hears(m2, Heartbeat{theirs, 1, {1}}).records, IsEmpty());

    const Effects effects = driven.hears(m2, Accept{theirs, {2}, {"two"}, {1}});

    EXPECT_THAT(effects.records, ElementsAre(Record{AcceptRecord{{2}, {theirs, {"two"}}}},
                                             Record{PrefixRecord{{1}}}));
}

TEST(Replica, ReportsEachChangeOfRoleOnce) {
    Driven driven;

    const Effects first = driven.hears(m2, Heartbeat{theirs, 1, {}});
    const Effects second = driven.hears(m2, Heartbeat{theirs, 2, {}});

    EXPECT_EQ(first.role, (RoleReport{Role::follower, theirs, m2}));
    EXPECT_FALSE(second.role);
}

TEST(Replica, PreparesTheMembersOfAnEpochThatRecoveryReveals) {
    Driven driven{{.alpha = 1}};
    driven.execute_by_hand();
    const Ballot ballot = driven.stand();
    driven.hears(m2, promise(ballot, {1}, {{{1}, Proposal{{0, m2}, {"replace the others"}}}}));
    driven.hears(m2, Accepted{ballot, {1}});

    const Effects effects = driven.executes({1}, epoch_of_members(2, {m1, m4, m5, m6}));

    EXPECT_THAT(sent<Prepare>(effects), ElementsAre(std::pair(m4, Prepare{ballot, {2}}),
                                                    std::pair(m5, Prepare{ballot, {2}}),
                                                    std::pair(m6, Prepare{ballot, {2}})));
    EXPECT_EQ(driven.replica().role(), Role::candidate);
    EXPECT_FALSE(driven.replica().can_propose());
    driven.hears(m4, promise(ballot, {2}));
    driven.hears(m6, promise(ballot, {2}));
    EXPECT_TRUE(driven.replica().can_propose());
}

// ---- Reads --------------------------------------------------------------------------------------

TEST(Replica, ServesReadsNoLowerThanWhatRecoveryFound) {
    Driven driven;
    const Ballot ballot = driven.stand();
    driven.hears(m2, promise(ballot, {1}, {{{2}, Proposal{{0, m2}, {"found"}}}}));
    ASSERT_EQ(driven.replica().role(), Role::leader);
    driven.step(ReadRequest{70});
    const auto heartbeats = sent<Heartbeat>(driven.step(Flush{}));
    ASSERT_THAT(heartbeats, Not(IsEmpty()));

    const Effects effects =
        driven.hears(m2, HeartbeatAck{ballot, heartbeats.front().second.round, {}});

    EXPECT_THAT(effects.reads, ElementsAre(ReadConfirmed{70, {2}}));
}

TEST(Replica, TakesNoAcknowledgementOfAnotherBallotForAConfirmation) {
    Driven driven;
    driven.lead();
    driven.step(ReadRequest{70});
    const auto heartbeats = sent<Heartbeat>(driven.step(Flush{}));
    const std::uint64_t round = heartbeats.front().second.round;

    EXPECT_THAT(driven.hears(m2, HeartbeatAck{theirs, round, {}}).reads, IsEmpty());
    EXPECT_THAT(driven.hears(m2, HeartbeatAck{driven.replica().ballot(), round, {}}).reads,
                ElementsAre(ReadConfirmed{70, {}}));
}

TEST(Replica, AsksTheLeaderForAReadIndexAndAgainWhenItIsLost) {
    Driven driven;
    driven.hears(m2, Heartbeat{theirs, 1, {}});
    driven.step(ReadRequest{70});

    const auto asks = sent<ReadIndexAsk>(driven.step(Flush{}));
    ASSERT_THAT(asks, SizeIs(1));
    EXPECT_EQ(asks.front().first, m2);
    EXPECT_THAT(sent<ReadIndexAsk>(driven.step(Flush{})), IsEmpty());
    EXPECT_EQ(sent<ReadIndexAsk>(driven.pass(200)), asks);
    EXPECT_THAT(driven.hears(m2, ReadIndexAnswer{asks.front().second.number, {9}}).reads,
                ElementsAre(ReadConfirmed{70, {9}}));
}

TEST(Replica, ReadsThroughTheNewLeaderWhenLeadershipChanges) {
    Driven driven;
    driven.hears(m2, Heartbeat{theirs, 1, {}});
    driven.step(ReadRequest{70});
    driven.step(Flush{});

    driven.hears(m3, Heartbeat{higher, 1, {}});

    const auto asks = sent<ReadIndexAsk>(driven.step(Flush{}));
    ASSERT_THAT(asks, SizeIs(1));
    EXPECT_EQ(asks.front().first, m3);
}

TEST(Replica, ConfirmsItsOwnWaitingReadsOnceItLeads) {
    Driven driven;
    driven.hears(m2, Heartbeat{theirs, 1, {}});
    driven.step(ReadRequest{70});
    driven.step(Flush{});
    const Ballot ballot = driven.lead({m3});

    const auto heartbeats = sent<Heartbeat>(driven.step(Flush{}));
    ASSERT_THAT(heartbeats, Not(IsEmpty()));
    const Effects effects =
        driven.hears(m3, HeartbeatAck{ballot, heartbeats.front().second.round, {}});

    EXPECT_THAT(effects.reads, ElementsAre(ReadConfirmed{70, {}}));
}

TEST(Replica, AnswersAFollowersQuestionOnlyAfterARoundBegunSince) {
    Driven driven;
    const Ballot ballot = driven.lead();
    driven.step(ReadRequest{70});
    const std::uint64_t before = sent<Heartbeat>(driven.step(Flush{})).front().second.round;
    driven.hears(m3, ReadIndexAsk{5});
    const std::uint64_t after = sent<Heartbeat>(driven.step(Flush{})).front().second.round;

    EXPECT_THAT(sent<ReadIndexAnswer>(driven.hears(m2, HeartbeatAck{ballot, before, {}})),
                IsEmpty());
    EXPECT_THAT(sent<ReadIndexAnswer>(driven.hears(m2, HeartbeatAck{ballot, after, {}})),
                Contains(std::pair(m3, ReadIndexAnswer{5, {}})));
}

}  // namespace
}  // namespace gavel::paxos
