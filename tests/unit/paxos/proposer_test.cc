#include "paxos/proposer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/paxos/driven.h"

namespace gavel::paxos {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr Ballot ballot{.round = 9, .member = m1}, older{.round = 5, .member = m2};
constexpr std::uint64_t retransmit = 200, patience = 500;

// A proposer whose learner and membership the test moves by hand.
struct Stage {
    explicit Stage(std::uint64_t alpha = 8, Limits limits = {},
                   std::map<Slot, Epoch> epochs = {{Slot{1}, epoch_of_members(1, {m1, m2, m3})}})
        : membership(alpha, {}, std::move(epochs)), proposer(m1, limits, membership, learner) {}

    Effects promised(MemberId from, std::vector<std::pair<Slot, Report>> reports = {},
                     Slot prefix = {}) {
        return proposer.on_promise(from, promise(ballot, {1}, std::move(reports), prefix), now);
    }
    void lead() {
        proposer.start(ballot, now);
        promised(m1);
        promised(m2);
    }
    Effects tick(std::uint64_t ms) {
        now = now + ms;
        return proposer.on_tick(now, retransmit, patience);
    }

    Tick now{1};
    Membership membership;
    Learner learner{{}, {}, {}};
    Proposer proposer;
};

// The slots and values asked of one member.
std::vector<std::pair<Slot, Value>> asked_of(MemberId member, const Effects& effects) {
    std::vector<std::pair<Slot, Value>> asked;
    for (const auto& [to, accept] : sent<Accept>(effects)) {
        if (to == member) asked.emplace_back(accept.slot, accept.value);
    }
    return asked;
}

std::vector<MemberId> prepared(const Effects& effects) {
    std::vector<MemberId> members;
    for (const auto& [to, prepare] : sent<Prepare>(effects)) members.push_back(to);
    return members;
}

TEST(Proposer, PreparesOthersOnlyOnceItsAttemptIsDurable) {
    Stage stage;

    const Effects effects = stage.proposer.start(ballot, stage.now);

    EXPECT_THAT(effects.records, ElementsAre(Record{AttemptRecord{ballot}}));
    EXPECT_THAT(effects.at_once, ElementsAre(Envelope{m1, Prepare{ballot, {1}}}));
    EXPECT_THAT(effects.once_durable, ElementsAre(Envelope{m2, Prepare{ballot, {1}}},
                                                  Envelope{m3, Prepare{ballot, {1}}}));
}

TEST(Proposer, IgnoresPromisesAtAnotherBallot) {
    Stage stage;
    stage.proposer.start(ballot, stage.now);
    stage.promised(m1);

    stage.proposer.on_promise(m2, promise(older, {1}), stage.now);

    EXPECT_FALSE(stage.proposer.leads());
}

TEST(Proposer, CountsAPromiseInPartsOnlyForTheSlotsThatHaveArrived) {
    Stage stage;
    stage.proposer.start(ballot, stage.now);
    stage.promised(m1);
    const Promise second{ballot, 1, {3}, last_slot, {}, {{{3}, Proposal{older, {"three"}}}}};
    const Promise first{ballot, 1, {1}, {2}, {}, {{{1}, Proposal{older, {"one"}}}}};

    EXPECT_THAT(stage.proposer.on_promise(m2, second, stage.now).at_once, IsEmpty());
    const Effects effects = stage.proposer.on_promise(m2, first, stage.now);

    EXPECT_THAT(asked_of(m3, effects),
                ElementsAre(Pair(Slot{1}, Value{"one"}), Pair(Slot{2}, Value{}),
                            Pair(Slot{3}, Value{"three"})));
    EXPECT_EQ(stage.proposer.recovered(), Slot{3});
}

TEST(Proposer, PutsNoReportsOfDifferentRunsTogether) {
    Stage stage;
    stage.proposer.start(ballot, stage.now);
    stage.promised(m1);
    const Promise of_first_run{ballot, 1, {1}, {2}, {}, {}};

    stage.proposer.on_promise(m2, {ballot, 2, {3}, last_slot, {}, {}}, stage.now);
    stage.proposer.on_promise(m2, of_first_run, stage.now);
    EXPECT_FALSE(stage.proposer.leads()) << "a late part of the former run";
    stage.proposer.on_promise(m2, {ballot, 2, {1}, {2}, {}, {}}, stage.now);

    EXPECT_TRUE(stage.proposer.leads());
}

TEST(Proposer, TakesFaultyForUnknown) {
    Stage stage;
    stage.proposer.start(ballot, stage.now);
    stage.promised(m1);

    stage.promised(m2, {{{1}, Faulty{}}});
    EXPECT_FALSE(stage.proposer.leads());
    const Effects effects = stage.promised(m3, {{{1}, Proposal{older, {"found"}}}});

    EXPECT_THAT(asked_of(m2, effects), ElementsAre(Pair(Slot{1}, Value{"found"})));
}

TEST(Proposer, LearnsWhatAMemberKnowsChosenBeforeItProposesThere) {
    Stage stage;
    stage.proposer.start(ballot, stage.now);
    stage.promised(m1);

    const Effects effects = stage.promised(m2, {}, {2});

    EXPECT_THAT(effects.at_once, IsEmpty());
    EXPECT_EQ(stage.proposer.wants_to_learn_from(), m2);
    stage.learner.on_chosen({1}, {"one"});
    stage.learner.on_chosen({2}, {"two"});
    stage.proposer.advance(stage.now);
    EXPECT_TRUE(stage.proposer.leads());
    EXPECT_EQ(stage.proposer.recovered(), Slot{2});
}

TEST(Proposer, SetsAPromiseAsideWhoseChosenValuesCannotBeHad) {
    Stage stage;
    stage.proposer.start(ballot, stage.now);
    stage.promised(m1);
    stage.promised(m2, {}, {1});

    stage.tick(patience);
    EXPECT_EQ(stage.proposer.reached().promises_set_aside, 1U);
    EXPECT_FALSE(stage.proposer.leads()) << "known chosen is not none: one of three has reported";
    const Effects effects = stage.promised(m3, {{{1}, Proposal{older, {"found"}}}});

    EXPECT_THAT(asked_of(m3, effects), ElementsAre(Pair(Slot{1}, Value{"found"})));
}

TEST(Proposer, IsPatientAnewWithEveryBallot) {
    Stage stage;
    stage.proposer.start(older, stage.now);
    stage.proposer.on_promise(m2, promise(older, {1}, {}, {1}), stage.now);
    stage.tick(patience - 1);
    stage.proposer.start(ballot, stage.now);
    stage.promised(m2, {}, {1});

    stage.tick(1);

    EXPECT_EQ(stage.proposer.reached().promises_set_aside, 0U);
}

TEST(Proposer, ProposesUpToAlphaAheadOfWhatIsExecuted) {
    for (const std::uint64_t alpha : {1U, 2U, 3U}) {
        Stage stage{alpha};
        stage.lead();

        for (std::uint64_t open = 0; open < alpha; ++open) {
            ASSERT_TRUE(stage.proposer.can_propose());
            stage.proposer.propose({"v"}, stage.now);
        }

        EXPECT_FALSE(stage.proposer.can_propose());
        stage.membership.on_executed({1});
        stage.proposer.advance(stage.now);
        EXPECT_TRUE(stage.proposer.can_propose());
    }
}

TEST(Proposer, CountsEachSlotByTheEpochThatGovernsIt) {
    for (const std::uint64_t alpha : {1U, 2U, 3U}) {
        // The command in slot 1 replaces all but the leader: {1, 4, 5, 6, 7} govern from 1 + alpha.
        constexpr MemberId m7{7};
        Stage stage{alpha};
        stage.lead();
        for (std::uint64_t slot = 1; slot <= alpha; ++slot) {
            stage.proposer.propose({"v"}, stage.now);
        }
        stage.membership.on_executed({1}, epoch_of_members(2, {m1, m4, m5, m6, m7}));

        const Effects revealed = stage.proposer.advance(stage.now);
        EXPECT_THAT(prepared(revealed), UnorderedElementsAre(m4, m5, m6, m7));
        EXPECT_FALSE(stage.proposer.can_propose()) << "nobody there has promised";
        stage.promised(m4);
        stage.promised(m3);
        EXPECT_FALSE(stage.proposer.can_propose());
        stage.promised(m5);
        ASSERT_TRUE(stage.proposer.can_propose());

        const Slot first_of_new{1 + alpha};
        stage.proposer.propose({"w"}, stage.now);
        stage.proposer.on_accepted(m4, {ballot, first_of_new});
        EXPECT_FALSE(stage.proposer.on_accepted(m2, {ballot, first_of_new}));
        EXPECT_FALSE(stage.proposer.on_accepted(m3, {ballot, first_of_new}));
        EXPECT_FALSE(stage.proposer.on_accepted(m1, {ballot, first_of_new}));
        EXPECT_TRUE(stage.proposer.on_accepted(m5, {ballot, first_of_new}));
        if (alpha > 1) {
            stage.proposer.on_accepted(m5, {ballot, {alpha}});
            stage.proposer.on_accepted(m1, {ballot, {alpha}});
            EXPECT_TRUE(stage.proposer.on_accepted(m2, {ballot, {alpha}}));
        }
    }
}

TEST(Proposer, ProposesAgainWhatMembersOfANewEpochReport) {
    Stage stage{1};
    stage.lead();
    stage.proposer.propose({"v"}, stage.now);
    stage.membership.on_executed({1}, epoch_of_members(2, {m4, m5}));
    stage.proposer.advance(stage.now);

    stage.promised(m4);
    const Effects effects = stage.promised(m5, {{{2}, Proposal{older, {"found"}}}});

    EXPECT_THAT(asked_of(m4, effects), ElementsAre(Pair(Slot{2}, Value{"found"})));
    EXPECT_EQ(stage.proposer.recovered(), Slot{2});
}

TEST(Proposer, CountsAVoteOnceAndOnlyAtItsBallot) {
    Stage stage;
    stage.lead();
    stage.proposer.propose({"v"}, stage.now);

    EXPECT_FALSE(stage.proposer.on_accepted(m2, {ballot, {1}}));
    EXPECT_FALSE(stage.proposer.on_accepted(m2, {ballot, {1}}));
    EXPECT_FALSE(stage.proposer.on_accepted(m3, {older, {1}}));
    EXPECT_EQ(stage.proposer.on_accepted(m3, {ballot, {1}}), (Chosen{{1}, {"v"}}));
    EXPECT_FALSE(stage.proposer.on_accepted(m1, {ballot, {1}})) << "chosen already";
}

TEST(Proposer, SendsAgainToThoseWhoHaveNotVoted) {
    Stage stage;
    stage.lead();
    stage.proposer.propose({"v"}, stage.now);
    stage.proposer.on_accepted(m2, {ballot, {1}});

    EXPECT_THAT(sent<Accept>(stage.tick(retransmit - 1)), IsEmpty());
    EXPECT_THAT(sent<Accept>(stage.tick(1)), ElementsAre(Pair(m3, Accept{ballot, {1}, {"v"}, {}})));
}

TEST(Proposer, SendsFewAgainAtATime) {
    Stage stage{8, {.retransmissions = 3}};
    stage.lead();
    for (int slot = 0; slot < 8; ++slot) stage.proposer.propose({"v"}, stage.now);

    EXPECT_THAT(asked_of(m2, stage.tick(retransmit)),
                ElementsAre(Pair(Slot{1}, Value{"v"}), Pair(Slot{2}, Value{"v"}),
                            Pair(Slot{3}, Value{"v"})));
    EXPECT_THAT(asked_of(m2, stage.tick(10)), SizeIs(3)) << "the next three";
}

TEST(Proposer, PreparesAgainThoseWhoHaveNotPromised) {
    Stage stage;
    stage.proposer.start(ballot, stage.now);
    stage.promised(m2);

    EXPECT_THAT(prepared(stage.tick(retransmit)), UnorderedElementsAre(m1, m3));
}

TEST(Proposer, OwesNothingOnceAbandoned) {
    Stage stage;
    stage.lead();
    stage.proposer.propose({"v"}, stage.now);

    stage.proposer.abandon();

    EXPECT_FALSE(stage.proposer.on_accepted(m2, {ballot, {1}}));
    EXPECT_FALSE(stage.proposer.on_accepted(m3, {ballot, {1}}));
    EXPECT_EQ(stage.tick(retransmit), Effects{});
    EXPECT_FALSE(stage.proposer.own_vote_outstanding());
}

TEST(Proposer, KnowsSinceWhenItsOwnVoteIsOutstanding) {
    Stage stage;
    stage.lead();
    const Tick first = stage.now;
    stage.proposer.propose({"v"}, stage.now);
    stage.now = stage.now + 50;
    stage.proposer.propose({"w"}, stage.now);

    EXPECT_EQ(stage.proposer.own_vote_outstanding(), first);
    stage.proposer.on_accepted(m1, {ballot, {1}});
    EXPECT_EQ(stage.proposer.own_vote_outstanding(), stage.now);
}

}  // namespace
}  // namespace gavel::paxos
