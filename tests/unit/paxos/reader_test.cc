#include "paxos/reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/paxos/driven.h"

namespace gavel::paxos {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Reading : public ::testing::Test {
protected:
    Membership membership_{8, {5}, {{Slot{1}, epoch_of_members(1, {m1, m2, m3})}}};
    Reader reader_{m1, 3, {}, membership_};
};

TEST_F(Reading, ConfirmsAllReadsThatWaitInOneRound) {
    reader_.on_read(70);
    reader_.on_read(71);
    reader_.on_ask(m3, {9});
    ASSERT_TRUE(reader_.begin_round({5}).begin);
    EXPECT_FALSE(reader_.begin_round({5}).begin) << "nothing new waits";

    const Effects effects = reader_.on_ack(m2, reader_.round());

    EXPECT_THAT(effects.reads, ElementsAre(ReadConfirmed{70, {5}}, ReadConfirmed{71, {5}}));
    EXPECT_THAT(effects.at_once, ElementsAre(Envelope{m3, ReadIndexAnswer{9, {5}}}));
}

TEST_F(Reading, IsNotConfirmedByAcknowledgementsOfAnOlderRound) {
    reader_.on_read(70);
    reader_.begin_round({5});
    const std::uint64_t older = reader_.round();
    reader_.on_read(71);
    reader_.begin_round({5});

    EXPECT_THAT(reader_.on_ack(m2, older).reads, ElementsAre(ReadConfirmed{70, {5}}));
    EXPECT_THAT(reader_.on_ack(m3, older).reads, IsEmpty());
    EXPECT_THAT(reader_.on_ack(m3, reader_.round()).reads, ElementsAre(ReadConfirmed{71, {5}}));
}

TEST_F(Reading, CountsOnlyVotersOfTheEpochThatGovernsTheNextSlot) {
    reader_.on_read(70);
    reader_.begin_round({5});

    EXPECT_THAT(reader_.on_ack(m4, reader_.round()).reads, IsEmpty());
    EXPECT_THAT(reader_.on_ack(m5, reader_.round()).reads, IsEmpty());
}

// The members that were to confirm the first round have left, perhaps for good.
TEST_F(Reading, BeginsAnewWithTheSetThatGovernsMeanwhile) {
    reader_.on_read(70);
    reader_.on_ask(m3, {9});
    reader_.begin_round({5});
    membership_ = Membership{8, {5}, {{Slot{6}, epoch_of_members(2, {m1, m4, m5})}}};

    EXPECT_TRUE(reader_.begin_round({5}).begin);

    EXPECT_THAT(reader_.on_ack(m2, reader_.round()).reads, IsEmpty());
    const Effects effects = reader_.on_ack(m4, reader_.round());
    EXPECT_THAT(effects.reads, ElementsAre(ReadConfirmed{70, {5}}));
    EXPECT_THAT(effects.at_once, ElementsAre(Envelope{m3, ReadIndexAnswer{9, {5}}}));
}

TEST_F(Reading, KeepsFewRoundsUnderWay) {
    reader_.on_read(70);
    EXPECT_TRUE(reader_.begin_round({5}).begin);
    reader_.on_read(71);
    EXPECT_TRUE(reader_.begin_round({5}).begin);
    reader_.on_read(72);
    EXPECT_FALSE(reader_.begin_round({5}).begin);

    reader_.on_ack(m2, reader_.round());

    EXPECT_TRUE(reader_.begin_round({5}).begin);
}

TEST_F(Reading, AsksTheLeaderOnceForAllThatWaits) {
    EXPECT_FALSE(reader_.ask(false));
    reader_.on_read(70);
    reader_.on_read(71);

    const auto ask = reader_.ask(false);

    ASSERT_TRUE(ask);
    EXPECT_FALSE(reader_.ask(false)) << "asked already";
    EXPECT_TRUE(reader_.ask(true)) << "the question may be lost";
    EXPECT_THAT(reader_.on_answer({ask->number, {6}}).reads,
                ElementsAre(ReadConfirmed{70, {6}}, ReadConfirmed{71, {6}}));
}

TEST_F(Reading, IsNotConfirmedByAnAnswerToAnEarlierQuestion) {
    reader_.on_read(70);
    const auto ask = reader_.ask(false);
    reader_.on_read(71);

    EXPECT_THAT(reader_.on_answer({ask->number, {6}}).reads, ElementsAre(ReadConfirmed{70, {6}}));
}

TEST_F(Reading, IsNotConfirmedByAnAnswerToAFormerRun) {
    Reader former{m1, 2, {}, membership_};
    former.on_read(69);
    const auto ask = former.ask(false);
    reader_.on_read(70);

    EXPECT_THAT(reader_.on_answer({ask->number, {6}}).reads, IsEmpty());
}

TEST_F(Reading, BeginsAnewWhenLeadershipChanges) {
    reader_.on_read(70);
    reader_.begin_round({5});
    const std::uint64_t before = reader_.round();

    reader_.reset();

    EXPECT_THAT(reader_.on_ack(m2, before).reads, IsEmpty());
    EXPECT_TRUE(reader_.ask(false)) << "of the new leader";
    ASSERT_TRUE(reader_.begin_round({5}).begin) << "or as the new leader";
    EXPECT_GT(reader_.round(), before);
}

TEST_F(Reading, ForgetsWhatIsGivenUp) {
    for (const std::uint64_t read : {70U, 71U, 72U}) reader_.on_read(read);
    reader_.begin_round({5});

    reader_.give_up(71);
    reader_.give_up(99);

    EXPECT_EQ(reader_.waiting(), 2U);
    EXPECT_THAT(reader_.on_ack(m2, reader_.round()).reads,
                ElementsAre(ReadConfirmed{70, {5}}, ReadConfirmed{72, {5}}));
}

TEST(Reader, ConfirmsAtOnceInAClusterOfOne) {
    const Membership alone{8, {5}, {{Slot{1}, epoch_of_members(1, {m1})}}};
    Reader reader{m1, 1, {}, alone};
    reader.on_read(70);

    EXPECT_THAT(reader.begin_round({5}).effects.reads, ElementsAre(ReadConfirmed{70, {5}}));
}

}  // namespace
}  // namespace gavel::paxos
