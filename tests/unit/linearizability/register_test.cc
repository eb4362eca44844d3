#include <gmock/gmock.h>

#include "tests/simulation/linearizability.h"

namespace gavel::linearizability {
namespace {

using testing::ElementsAre;

Verdict verdict_on(const History<Register>& history) { return check(Register{}, history).verdict; }

TEST(RegisterHistory, PassesWhenEachAnswerFollowsFromTheOnesBefore) {
    const History<Register> history{
        {1, 0, 1, Register::get(), Register::absent()},
        {1, 2, 3, Register::put("a"), Register::written(5)},
        {2, 4, 5, Register::get(), Register::found("a", 5)},
        {2, 6, 7, Register::put_if_revision("b", 5), Register::written(9)},
        {1, 8, 9, Register::put_if_absent("c"), Register::refused(9)},
        {1, 10, 11, Register::remove_if_revision(9), Register::removed(12)},
        {2, 12, 13, Register::remove(), Register::absent()},
        {2, 14, 15, Register::put_if_absent("d"), Register::written(20)},
    };

    const Report report = check(Register{}, history);

    EXPECT_EQ(report.verdict, Verdict::linearizable);
    EXPECT_THAT(report.order, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
}

TEST(RegisterHistory, PassesWhenOverlappingOperationsCanBeReordered) {
    const History<Register> history{
        {1, 0, 10, Register::put("a"), Register::written(7)},
        {2, 1, 9, Register::put("b"), Register::written(6)},
        {3, 2, 3, Register::get(), Register::found("b", 6)},
        {3, 11, 12, Register::get(), Register::found("a", 7)},
    };

    const Report report = check(Register{}, history);

    EXPECT_EQ(report.verdict, Verdict::linearizable);
    EXPECT_THAT(report.order, ElementsAre(1, 2, 0, 3));
}

TEST(RegisterHistory, TakesOperationsThatMeetInOneInstantAsConcurrent) {
    EXPECT_EQ(verdict_on({{1, 0, 5, Register::get(), Register::found("a", 3)},
                          {2, 5, 9, Register::put("a"), Register::written(3)}}),
              Verdict::linearizable);
}

TEST(RegisterHistory, FailsOnAStaleRead) {
    EXPECT_EQ(verdict_on({{1, 0, 1, Register::put("old"), Register::written(1)},
                          {1, 2, 3, Register::put("new"), Register::written(2)},
                          {2, 4, 5, Register::get(), Register::found("old", 1)}}),
              Verdict::broken);
}

TEST(RegisterHistory, FailsWhenAReadGoesBackBehindAnotherRead) {
    EXPECT_EQ(verdict_on({{1, 0, 1, Register::put("old"), Register::written(1)},
                          {1, 2, 20, Register::put("new"), Register::written(2)},
                          {2, 4, 5, Register::get(), Register::found("new", 2)},
                          {3, 6, 7, Register::get(), Register::found("old", 1)}}),
              Verdict::broken);
}

TEST(RegisterHistory, FailsOnAReadFromTheFuture) {
    EXPECT_EQ(verdict_on({{1, 0, 1, Register::get(), Register::found("a", 3)},
                          {2, 2, 3, Register::put("a"), Register::written(3)}}),
              Verdict::broken);
}

TEST(RegisterHistory, FailsOnAValueNobodyPut) {
    EXPECT_EQ(verdict_on({{1, 0, 9, Register::put("a"), Register::written(3)},
                          {2, 0, 9, Register::get(), Register::found("b", 3)}}),
              Verdict::broken);
}

TEST(RegisterHistory, FailsOnALostUpdate) {
    EXPECT_EQ(
        verdict_on({{1, 0, 1, Register::put("zero"), Register::written(1)},
                    {1, 2, 9, Register::put_if_revision("one", 1), Register::written(2)},
                    {2, 2, 9, Register::put_if_revision("another one", 1), Register::written(3)}}),
        Verdict::broken);
}

TEST(RegisterHistory, FailsOnAnAnsweredPutThatVanished) {
    EXPECT_EQ(verdict_on({{1, 0, 1, Register::put("a"), Register::written(1)},
                          {2, 2, 3, Register::get(), Register::absent()}}),
              Verdict::broken);
}

TEST(RegisterHistory, FailsOnTheEffectOfARefusedCompareAndSet) {
    EXPECT_EQ(verdict_on({{1, 0, 1, Register::put("a"), Register::written(1)},
                          {2, 2, 3, Register::put_if_revision("b", 7), Register::refused(1)},
                          {1, 4, 5, Register::get(), Register::found("b", 3)}}),
              Verdict::broken);
}

TEST(RegisterHistory, FailsOnACompareAndSetRefusedWithoutReason) {
    EXPECT_EQ(verdict_on({{1, 0, 1, Register::put("a"), Register::written(1)},
                          {2, 2, 3, Register::put_if_revision("b", 1), Register::refused(1)}}),
              Verdict::broken);
    EXPECT_EQ(verdict_on({{1, 0, 1, Register::put_if_absent("a"), Register::refused(0)}}),
              Verdict::broken);
}

TEST(RegisterHistory, FailsWhenARevisionGoesBack) {
    EXPECT_EQ(verdict_on({{1, 0, 1, Register::put("a"), Register::written(5)},
                          {1, 2, 3, Register::put("b"), Register::written(4)}}),
              Verdict::broken);
    EXPECT_EQ(verdict_on({{1, 0, 1, Register::put("a"), Register::written(5)},
                          {1, 2, 3, Register::remove(), Register::removed(6)},
                          {1, 4, 5, Register::put("b"), Register::written(6)}}),
              Verdict::broken);
}

TEST(RegisterHistory, FailsWhenTwoWritesShareARevision) {
    EXPECT_EQ(verdict_on({{1, 0, 9, Register::put("a"), Register::written(5)},
                          {2, 0, 9, Register::put("b"), Register::written(5)}}),
              Verdict::broken);
}

TEST(RegisterHistory, KnowsTheConditionsOfIfMatchAndIfNoneMatch) {
    using Condition = Register::Input::Condition;
    const auto put_when = [](Condition condition, std::vector<std::uint64_t> revisions) {
        return Register::Input{Register::Input::Kind::put, "b", condition, std::move(revisions)};
    };
    const auto verdict_after_a_put_at_5 = [](Register::Input input, Register::Output output) {
        return verdict_on({{1, 0, 1, Register::put("a"), Register::written(5)},
                           {1, 2, 3, std::move(input), std::move(output)}});
    };
    const auto written = Register::written(6), refused = Register::refused(5);
    const auto good = Verdict::linearizable, bad = Verdict::broken;

    const auto present = put_when(Condition::present, {});
    EXPECT_EQ(verdict_after_a_put_at_5(present, written), good);
    EXPECT_EQ(verdict_after_a_put_at_5(present, refused), bad);
    const auto one_of = put_when(Condition::matches, {4, 5});
    EXPECT_EQ(verdict_after_a_put_at_5(one_of, written), good);
    EXPECT_EQ(verdict_after_a_put_at_5(one_of, refused), bad);
    const auto none_of = put_when(Condition::none_matches, {4, 5});
    EXPECT_EQ(verdict_after_a_put_at_5(none_of, written), bad);
    EXPECT_EQ(verdict_after_a_put_at_5(none_of, refused), good);
    EXPECT_EQ(verdict_on({{1, 0, 1, present, Register::refused(0)}}), good);
    EXPECT_EQ(verdict_on({{1, 0, 1, present, Register::written(5)}}), bad);
    EXPECT_EQ(verdict_on({{1, 0, 1, none_of, Register::written(5)}}), good);
}

TEST(UnansweredWrite, MayHaveHappenedOrNot) {
    History<Register> history{
        {1, 0, 1, Register::put("a"), Register::written(1)},
        {1, 2, never, Register::put("b"), {}},
        {2, 4, 5, Register::get(), Register::found("a", 1)},
    };
    EXPECT_EQ(verdict_on(history), Verdict::linearizable);

    history.push_back({2, 6, 7, Register::get(), Register::found("b", 8)});

    EXPECT_EQ(verdict_on(history), Verdict::linearizable);
}

TEST(UnansweredWrite, HappensOnlyOnce) {
    EXPECT_EQ(verdict_on({{1, 0, never, Register::put("a"), {}},
                          {2, 1, 2, Register::get(), Register::found("a", 3)},
                          {2, 3, 4, Register::put("b"), Register::written(5)},
                          {2, 5, 6, Register::get(), Register::found("a", 7)}}),
              Verdict::broken);
}

TEST(UnansweredWrite, DoesNotHappenBeforeItsCall) {
    EXPECT_EQ(verdict_on({{2, 0, 1, Register::get(), Register::found("a", 3)},
                          {1, 2, never, Register::put("a"), {}}}),
              Verdict::broken);
}

TEST(UnansweredWrite, HasOneRevisionThoughNobodyWasToldIt) {
    const Operation<Register::Input, Register::Output> write{1, 0, never, Register::put("a"), {}};
    const auto found = [](std::int64_t at, std::uint64_t revision) {
        return OperationOf<Register>{2, at, at, Register::get(), Register::found("a", revision)};
    };

    EXPECT_EQ(verdict_on({write, found(1, 3), found(2, 3)}), Verdict::linearizable);
    EXPECT_EQ(verdict_on({write, found(1, 3), found(2, 4)}), Verdict::broken);
}

TEST(UnansweredWrite, TakesARevisionAboveTheOnesBefore) {
    EXPECT_EQ(verdict_on({{2, 0, 1, Register::put("x"), Register::written(10)},
                          {1, 2, never, Register::put("a"), {}},
                          {2, 3, 4, Register::get(), Register::found("a", 9)}}),
              Verdict::broken);
}

TEST(UnansweredWrite, HappensOnlyWhereItsConditionHolds) {
    EXPECT_EQ(verdict_on({{2, 0, 1, Register::put("x"), Register::written(10)},
                          {1, 2, never, Register::put_if_revision("a", 9), {}},
                          {2, 3, 4, Register::get(), Register::found("a", 11)}}),
              Verdict::broken);
}

TEST(UnansweredWrite, CanBeTheOneACompareAndSetBuiltOn) {
    EXPECT_EQ(verdict_on({{1, 0, never, Register::put("a"), {}},
                          {2, 1, 2, Register::put_if_revision("b", 4), Register::written(5)}}),
              Verdict::linearizable);
    EXPECT_EQ(verdict_on({{1, 0, never, Register::put("a"), {}},
                          {2, 1, 2, Register::put_if_revision("b", 4), Register::written(4)}}),
              Verdict::broken);
}

}  // namespace
}  // namespace gavel::linearizability
