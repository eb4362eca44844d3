#include "paxos/learner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/paxos/driven.h"

namespace gavel::paxos {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr Ballot older{.round = 5, .member = m1}, newer{.round = 7, .member = m2};

class Learning : public ::testing::Test {
protected:
    void choose(std::uint64_t from, std::uint64_t to, const char* value = "v") {
        for (; from <= to; ++from) learner_.on_chosen({from}, {value});
    }

    Limits limits_{.message_bytes = 100, .recent_slots = 8};
    Acceptor acceptor_{1, {}, {}, {}};
    Learner learner_{limits_, {}, {}};
};

TEST_F(Learning, HandsOutInSlotOrderOnceTheGapIsFilled) {
    EXPECT_THAT(learner_.on_chosen({2}, {"two"}).chosen, IsEmpty());
    EXPECT_EQ(learner_.highest(), Slot{2});

    const Effects effects = learner_.on_chosen({1}, {"one"});

    EXPECT_THAT(effects.chosen, ElementsAre(Chosen{{1}, {"one"}}, Chosen{{2}, {"two"}}));
    EXPECT_EQ(learner_.chosen_prefix(), Slot{2});
}

TEST_F(Learning, HandsOutASlotOnce) {
    learner_.on_chosen({1}, {"one"});

    EXPECT_THAT(learner_.on_chosen({1}, {"one"}).chosen, IsEmpty());
}

TEST_F(Learning, BelievesANoticeWhereTheAcceptedValueIsOfThatVeryBallot) {
    acceptor_.on_accept(m1, {older, {1}, {"older"}, {}});
    acceptor_.on_accept(m2, {newer, {2}, {"newer"}, {}});

    EXPECT_THAT(learner_.on_notice(newer, {2}, acceptor_).chosen, IsEmpty());
    EXPECT_TRUE(learner_.is_behind());
    EXPECT_THAT(learner_.on_notice(older, {1}, acceptor_).chosen,
                ElementsAre(Chosen{{1}, {"older"}}));
    EXPECT_THAT(learner_.on_notice(newer, {2}, acceptor_).chosen,
                ElementsAre(Chosen{{2}, {"newer"}}));
}

TEST_F(Learning, RecordsWhatItLearnedUnlessThatVeryValueWasAccepted) {
    acceptor_.on_accept(m1, {older, {1}, {"same"}, {}});
    acceptor_.on_accept(m1, {older, {2}, {"another"}, {}});

    EXPECT_THAT(learner_.on_learned({1}, {"same"}, acceptor_).records, IsEmpty());
    EXPECT_THAT(learner_.on_learned({2}, {"chosen"}, acceptor_).records,
                ElementsAre(Record{ChosenRecord{{2}, {"chosen"}}}));
    EXPECT_THAT(learner_.on_learned({3}, {"chosen"}, acceptor_).records,
                ElementsAre(Record{ChosenRecord{{3}, {"chosen"}}}));
}

TEST_F(Learning, AnswersInChunksOfBoundedSize) {
    choose(1, 8, "twenty bytes of text");

    const auto answers = sent<LearnAnswer>(learner_.on_learn(m2, {{3}}));

    ASSERT_THAT(answers, SizeIs(1));
    EXPECT_EQ(answers.front().second.from, Slot{3});
    EXPECT_EQ(answers.front().second.chosen_prefix, Slot{8});
    EXPECT_THAT(answers.front().second.values, SizeIs(2)) << "36 bytes each, 100 at most";
}

TEST_F(Learning, AnswersWithOneValueHoweverLargeItIs) {
    choose(1, 1, std::string(500, 'x').c_str());

    EXPECT_THAT(sent<LearnAnswer>(learner_.on_learn(m2, {{1}})).front().second.values, SizeIs(1));
}

TEST_F(Learning, HasTheLogReadForWhatMemoryNoLongerHolds) {
    choose(1, 20);

    EXPECT_THAT(learner_.on_learn(m2, {{12}}).log_reads, ElementsAre(LogRead{m2, {12}, {20}}));
    EXPECT_THAT(learner_.on_learn(m2, {{13}}).log_reads, IsEmpty());
}

TEST_F(Learning, AnswersAQuestionAboutTheFutureWithItsPrefix) {
    choose(1, 5);

    const auto answers = sent<LearnAnswer>(learner_.on_learn(m2, {{6}}));

    ASSERT_THAT(answers, SizeIs(1));
    EXPECT_EQ(answers.front().second.chosen_prefix, Slot{5});
    EXPECT_THAT(answers.front().second.values, IsEmpty());
}

TEST(Learner, HandsOutAfterARestartWhatIsChosenAndNotExecuted) {
    Durable durable{.chosen_prefix = {3}};
    for (std::uint64_t number = 1; number <= 5; ++number) {
        durable.log[{number}] = {{older, {std::to_string(number)}}, number == 5};
    }
    Learner learner{{}, durable, {1}};

    const Effects effects = learner.start();

    EXPECT_THAT(effects.chosen, ElementsAre(Chosen{{2}, {"2"}}, Chosen{{3}, {"3"}}));
    EXPECT_TRUE(learner.knows({5}));
    EXPECT_FALSE(learner.knows({4}));
}

}  // namespace
}  // namespace gavel::paxos
