#include <gmock/gmock.h>

#include <chrono>

#include "base/prng.h"
#include "tests/simulation/linearizability.h"
#include "tests/unit/linearizability/definition.h"

namespace gavel::linearizability {
namespace {

using testing::ElementsAre;
using testing::IsSupersetOf;

// Gives histories that are right: each operation takes effect at one moment between its call and
// its answer, and some answers are lost.
class RightServer {
public:
    explicit RightServer(std::uint64_t seed, std::uint64_t lost_percent = 3)
        : prng_(seed), lost_percent_(lost_percent) {}

    History<Register> serve(std::size_t operations, std::size_t keys, std::size_t clients) {
        History<Register> history;
        std::vector<std::int64_t> free_at(clients, 0);
        std::vector<Register::State> states(keys);
        for (std::size_t i = 0; i < operations; ++i) {
            const auto client = static_cast<std::size_t>(prng_.below(clients));
            const auto key = static_cast<std::size_t>(prng_.below(states.size()));
            now_ += 10;
            const std::int64_t called = std::max(free_at[client], now_ - jitter());
            now_ = std::max(now_, called);
            auto [input, output] = execute(states[key]);
            const bool lost = prng_.chance(lost_percent_);
            const std::int64_t returned = lost ? never : now_ + jitter();
            free_at[client] = (lost ? now_ : returned) + 1;
            history.push_back(
                {client, called, returned, input.of("k" + std::to_string(key)), output});
        }
        return history;
    }

private:
    std::int64_t jitter() { return static_cast<std::int64_t>(prng_.below(60)); }

    std::pair<Register::Input, Register::Output> execute(Register::State& state) {
        ++revision_;
        switch (prng_.below(4)) {
            case 0:
                state = {true, std::to_string(revision_), revision_, true};
                return {Register::put(state.value), Register::written(revision_)};
            case 1: {
                const auto wanted = state.revision + prng_.below(2);
                const auto input = Register::put_if_revision(std::to_string(revision_), wanted);
                if (!state.exists || state.revision != wanted) {
                    return {input, Register::refused(state.exists ? state.revision : 0)};
                }
                state = {true, input.value, revision_, true};
                return {input, Register::written(revision_)};
            }
            case 2:
                if (!state.exists) return {Register::remove(), Register::absent()};
                state = {false, "", revision_, true};
                return {Register::remove(), Register::removed(revision_)};
            default:
                if (!state.exists) return {Register::get(), Register::absent()};
                return {Register::get(), Register::found(state.value, state.revision)};
        }
    }

    Prng prng_;
    std::uint64_t lost_percent_;
    std::int64_t now_{};
    std::uint64_t revision_{};
};

// One answer made another: most are lies, some are harmless.
void falsify(History<Register>& history, Prng& prng) {
    auto& output = history[prng.below(history.size())].output;
    switch (prng.below(3)) {
        case 0:
            output.revision += 1 + prng.below(3);
            break;
        case 1:
            output.revision -= std::min<std::uint64_t>(output.revision, 1 + prng.below(3));
            break;
        default:
            output = history[prng.below(history.size())].output;
    }
}

TEST(Search, AgreesWithTheDefinitionOnSmallHistories) {
    int broken = 0;
    for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
        Prng prng{seed};
        History<Register> history = RightServer{seed, 30}.serve(5, 1, 3);
        if (prng.chance(70)) falsify(history, prng);

        const Verdict verdict = check(Register{}, history).verdict;

        const bool right = is_linearizable_by_definition(Register{}, history);
        ASSERT_EQ(verdict, right ? Verdict::linearizable : Verdict::broken) << "seed " << seed;
        broken += right ? 0 : 1;
    }
    EXPECT_GT(broken, 200);
    EXPECT_LT(broken, 800);
}

TEST(Search, GivesAnOrderThatExplainsEveryAnswer) {
    const History<Register> history = RightServer{7}.serve(200, 1, 8);

    const Report report = check(Register{}, history);

    ASSERT_EQ(report.verdict, Verdict::linearizable);
    const Register model;
    std::optional<Register::State> state = model.initial();
    std::vector<std::size_t> answered;
    for (const std::size_t i : report.order) {
        const auto& operation = history[i];
        state = operation.returned == never ? model.step_unanswered(*state, operation.input)
                                            : model.step(*state, operation.input, operation.output);
        ASSERT_TRUE(state.has_value()) << "operation " << i;
    }
    for (std::size_t i = 0; i < history.size(); ++i) {
        if (history[i].returned != never) answered.push_back(i);
    }
    EXPECT_THAT(report.order, IsSupersetOf(answered));
}

TEST(Search, ShowsTheLongestOrderOfABrokenHistory) {
    const Report report = check(Register{}, {{1, 0, 1, Register::put("a"), Register::written(1)},
                                             {1, 2, 3, Register::get(), Register::found("a", 1)},
                                             {1, 4, 5, Register::get(), Register::absent()},
                                             {1, 6, 7, Register::get(), Register::found("a", 1)}});

    EXPECT_EQ(report.verdict, Verdict::broken);
    EXPECT_THAT(report.order, ElementsAre(0, 1));
}

TEST(Search, SaysSoWhenItsBudgetWasTooSmallToDecide) {
    const History<Register> history = RightServer{3}.serve(100, 1, 8);

    EXPECT_EQ(check(Register{}, history, 50).verdict, Verdict::undecided);
    EXPECT_EQ(check(Register{}, history).verdict, Verdict::linearizable);
}

TEST(Search, FindsNothingWrongWithNothing) {
    EXPECT_EQ(check(Register{}, {}).verdict, Verdict::linearizable);
    EXPECT_EQ(check(Register{}, {{1, 0, never, Register::get(), {}}}).verdict,
              Verdict::linearizable);
}

TEST(Search, DoesNotTryThePermutationsOfEqualUnansweredOperations) {
    History<Register> history{{0, 0, 1, Register::put("x"), Register::written(1)}};
    for (std::uint64_t client = 1; client <= 30; ++client) {
        history.push_back({client, 2, never, Register::put("a"), {}});
        history.push_back({client, 2, never, Register::put("b"), {}});
    }
    history.push_back({0, 3, 4, Register::get(), Register::found("c", 9)});

    const Report report = check(Register{}, history);

    EXPECT_EQ(report.verdict, Verdict::broken);
}

TEST(Partition, NamesTheBrokenKeyAndItsOperations) {
    const History<Register> history{
        {1, 0, 1, Register::put("a"), Register::written(1)},
        {2, 0, 1, Register::put("b"), Register::written(2)},
        {1, 2, 3, Register::get(), Register::found("a", 1)},
        {2, 2, 3, Register::get(), Register::absent()},
    };
    const auto key_of = [](const auto& operation) { return operation.client; };

    const auto report = check_by_key(Register{}, history, key_of);

    EXPECT_EQ(report.verdict, Verdict::broken);
    EXPECT_EQ(report.key, 2U);
    EXPECT_THAT(report.order, ElementsAre(1));
}

TEST(Partition, LeavesNoKeyUnsearchedWhenAnEarlierOneIsUndecided) {
    History<Register> history = RightServer{3}.serve(100, 1, 8);
    history.push_back({1, 0, 1, Register::get().of("z"), Register::found("nobody put it", 1)});

    EXPECT_EQ(check_by_object(Register{}, history, 50).key, "z");
    history.pop_back();
    const auto report = check_by_object(Register{}, history, 50);
    EXPECT_EQ(report.verdict, Verdict::undecided);
    EXPECT_EQ(report.key, "k0");
}

TEST(Partition, DecidesFiveThousandOperationsOverFiftyKeysInASecond) {
    const History<Register> history = RightServer{42}.serve(5000, 50, 32);
    const auto start = std::chrono::steady_clock::now();

    const auto report = check_by_object(Register{}, history);

    EXPECT_EQ(report.verdict, Verdict::linearizable);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
}

}  // namespace
}  // namespace gavel::linearizability
