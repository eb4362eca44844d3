#include "paxos/acceptor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/paxos/driven.h"

namespace gavel::paxos {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr Ballot older{.round = 5, .member = m1}, newer{.round = 7, .member = m2};
constexpr Slot slot{40};

Acceptor fresh(Limits limits = {}) { return {1, limits, {}, {}}; }

std::vector<Promise> parts_of(const Effects& effects) {
    std::vector<Promise> parts;
    for (auto& [to, part] : sent<Promise>(effects)) parts.push_back(part);
    return parts;
}

TEST(Acceptor, RecordsAPromiseAndAnswersOnceItIsDurable) {
    Acceptor acceptor = fresh();

    const Effects effects = acceptor.on_prepare(m2, {newer, slot});

    EXPECT_THAT(effects.records, ElementsAre(Record{PromiseRecord{newer}}));
    EXPECT_THAT(effects.once_durable, ElementsAre(Envelope{m2, promise(newer, slot)}));
    EXPECT_THAT(effects.at_once, IsEmpty());
}

TEST(Acceptor, AnswersARepeatedPrepareAgainAndRecordsNothingNew) {
    Acceptor acceptor = fresh();
    acceptor.on_prepare(m2, {newer, slot});

    const Effects effects = acceptor.on_prepare(m2, {newer, slot});

    EXPECT_THAT(effects.records, IsEmpty());
    EXPECT_THAT(effects.once_durable, ElementsAre(Envelope{m2, promise(newer, slot)}));
}

TEST(Acceptor, RejectsAnOlderBallotOnceItHasAcceptedANewerOne) {
    Acceptor acceptor = fresh();
    acceptor.on_accept(m2, {newer, slot, {"kept"}, {}});

    const Effects effects = acceptor.on_accept(m1, {older, slot, {"too late"}, {}});

    EXPECT_THAT(effects.at_once, ElementsAre(Envelope{m1, Reject{older, newer}}));
    EXPECT_THAT(effects.records, IsEmpty());
    EXPECT_EQ(acceptor.accepted(slot)->value, Value{"kept"});
}

TEST(Acceptor, AcceptsInOneRecordThatImpliesThePromise) {
    Acceptor acceptor = fresh();

    const Effects effects = acceptor.on_accept(m2, {newer, slot, {"value"}, {}});

    EXPECT_THAT(effects.records, ElementsAre(Record{AcceptRecord{slot, {newer, {"value"}}}}));
    EXPECT_THAT(effects.once_durable, ElementsAre(Envelope{m2, Accepted{newer, slot}}));
    EXPECT_EQ(acceptor.promised(), newer);
}

TEST(Acceptor, VotesAgainWithoutASecondRecordWhenAnAcceptIsRepeated) {
    Acceptor acceptor = fresh();
    acceptor.on_accept(m2, {newer, slot, {"value"}, {}});

    const Effects effects = acceptor.on_accept(m2, {newer, slot, {"value"}, {}});

    EXPECT_THAT(effects.records, IsEmpty());
    EXPECT_THAT(effects.once_durable, ElementsAre(Envelope{m2, Accepted{newer, slot}}));
}

TEST(Acceptor, ReportsAnUnreadableSlotAsFaultyAndNotAsFree) {
    Durable durable{.promised = older};
    durable.faulty.insert(slot);
    Acceptor acceptor{1, {}, durable, {}};

    const Effects effects = acceptor.on_prepare(m2, {newer, {1}});

    EXPECT_THAT(effects.once_durable,
                ElementsAre(Envelope{m2, promise(newer, {1}, {{slot, Faulty{}}})}));
}

TEST(Acceptor, ReportsWhatItKnowsChosenAboveEveryBallot) {
    Acceptor acceptor = fresh();
    acceptor.on_accept(m1, {older, slot, {"accepted"}, {}});
    acceptor.on_chosen(slot, {"chosen"});

    const Effects effects = acceptor.on_prepare(m2, {newer, {1}});

    EXPECT_THAT(effects.once_durable,
                ElementsAre(Envelope{m2, promise(newer, {1}, {{slot, KnownChosen{{"chosen"}}}})}));
}

TEST(Acceptor, SaysOfSlotsUpToItsPrefixOnlyThatTheyAreChosen) {
    Acceptor acceptor = fresh();
    acceptor.on_accept(m1, {older, slot, {"accepted"}, {}});
    acceptor.on_prefix(slot);

    const Effects effects = acceptor.on_prepare(m2, {newer, {1}});

    EXPECT_THAT(effects.once_durable, ElementsAre(Envelope{m2, promise(newer, {1}, {}, slot)}));
}

TEST(Acceptor, PromisesInPartsThatCoverEverySlotOnce) {
    Acceptor acceptor = fresh({.message_bytes = 100});
    for (std::uint64_t number = 10; number < 20; ++number) {
        acceptor.on_accept(m1, {older, {number}, {"twenty bytes of text"}, {}});
    }

    const auto parts = parts_of(acceptor.on_prepare(m2, {newer, {5}}));

    ASSERT_GT(parts.size(), 3U);
    EXPECT_EQ(parts.front().first, Slot{5});
    EXPECT_EQ(parts.back().last, last_slot);
    for (std::size_t at = 0; at < parts.size(); ++at) {
        EXPECT_LE(parts[at].reports.size(), 2U) << "52 bytes each, 100 at most";
        if (at > 0) {
            EXPECT_EQ(parts[at].first, parts[at - 1].last.next());
        }
        for (const auto& [reported, report] : parts[at].reports) {
            EXPECT_LE(parts[at].first, reported);
            EXPECT_LE(reported, parts[at].last);
        }
    }
}

TEST(Acceptor, VotesInAChosenSlotWithoutStoringTheValueAgain) {
    Acceptor acceptor = fresh();
    acceptor.on_prefix(slot);

    const Effects effects = acceptor.on_accept(m2, {newer, slot, {"value"}, {}});

    EXPECT_THAT(effects.records, ElementsAre(Record{PromiseRecord{newer}}));
    EXPECT_THAT(effects.once_durable, ElementsAre(Envelope{m2, Accepted{newer, slot}}));
}

TEST(Acceptor, GivesNoVoteForAnotherValueThanTheChosenOne) {
    Acceptor acceptor = fresh();
    acceptor.on_chosen(slot, {"chosen"});

    EXPECT_EQ(acceptor.on_accept(m1, {older, slot, {"another"}, {}}), Effects{});
    EXPECT_THAT(acceptor.on_accept(m2, {newer, slot, {"chosen"}, {}}).once_durable, SizeIs(1));
}

TEST(Acceptor, IgnoresAcceptsFarBeyondWhatItKnows) {
    Acceptor acceptor = fresh({.accept_ahead = 10});

    EXPECT_EQ(acceptor.on_accept(m2, {newer, {11}, {"far"}, {}}), Effects{});
    EXPECT_THAT(acceptor.on_accept(m2, {newer, {10}, {"near"}, {}}).records, SizeIs(1));
}

TEST(Acceptor, RemembersOverARestartWhatItPromisedAndAccepted) {
    Durable durable{.promised = newer};
    durable.log[slot] = {{older, {"accepted"}}, false};
    durable.log[{41}] = {{{}, {"learned"}}, true};
    Acceptor acceptor{2, {}, durable, {}};

    const Effects effects = acceptor.on_prepare(m2, {newer, {1}});

    const Promise expected{
        newer,     2,  {1},
        last_slot, {}, {{slot, Proposal{older, {"accepted"}}}, {{41}, KnownChosen{{"learned"}}}}};
    EXPECT_THAT(effects.once_durable, ElementsAre(Envelope{m2, expected}));
    EXPECT_THAT(acceptor.on_prepare(m1, {older, {1}}).at_once,
                ElementsAre(Envelope{m1, Reject{older, newer}}));
}

}  // namespace
}  // namespace gavel::paxos
