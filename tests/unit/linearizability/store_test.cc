#include <gmock/gmock.h>

#include "base/prng.h"
#include "tests/simulation/store.h"
#include "tests/unit/linearizability/definition.h"

namespace gavel::linearizability {
namespace {

using Compared = Store::Compare::Kind;
using Does = Store::Operation::Kind;

Store::Operation put(std::string key, std::string value) {
    return {Does::put, std::move(key), std::move(value)};
}
Store::Operation get(std::string key) { return {Does::get, std::move(key), ""}; }

// Moves "1" from one key to the other, if it is there.
Store::Input move(const std::string& from, const std::string& to) {
    return {{{Compared::value, from, 0, "1"}}, {put(from, "0"), put(to, "1")}, {}, ""};
}
Store::Input set(const std::string& a, const std::string& b) {
    return {{}, {put("a", a), put("b", b)}, {}, ""};
}
Store::Output done(std::uint64_t revision, std::vector<std::uint64_t> numbers) {
    Store::Output output{true, {}, revision};
    for (const auto number : numbers) output.results.push_back({number, std::nullopt});
    return output;
}
Store::Output otherwise(std::uint64_t revision) { return {false, {}, revision}; }
Store::Output seen(const std::string& a, const std::string& b) {
    return {true, {{1, a}, {1, b}}, 0};
}
const Store::Input both = Store::read({"a", "b"});

Verdict verdict_on(const History<Store>& history) { return check(Store{}, history).verdict; }

TEST(StoreHistory, PassesWhenEachTransactionIsDoneWhole) {
    EXPECT_EQ(verdict_on({{1, 0, 1, set("1", "0"), done(2, {1, 1})},
                          {2, 2, 3, both, seen("1", "0")},
                          {1, 4, 9, move("a", "b"), done(5, {2, 2})},
                          {2, 5, 8, both, seen("0", "1")},
                          {1, 10, 11, move("a", "b"), otherwise(7)}}),
              Verdict::linearizable);
}

TEST(StoreHistory, FailsWhenHalfOfATransactionIsSeen) {
    EXPECT_EQ(verdict_on({{1, 0, 1, set("1", "0"), done(2, {1, 1})},
                          {1, 4, 9, move("a", "b"), done(5, {2, 2})},
                          {2, 5, 8, both, seen("0", "0")}}),
              Verdict::broken);
}

TEST(StoreHistory, FailsWhenTwoTransactionsTakeTheSameThing) {
    EXPECT_EQ(verdict_on({{1, 0, 1, set("1", "0"), done(2, {1, 1})},
                          {1, 4, 9, move("a", "b"), done(5, {2, 2})},
                          {2, 4, 9, move("a", "b"), done(6, {3, 3})}}),
              Verdict::broken);
}

TEST(StoreHistory, FailsWhenTheWrongBranchIsTaken) {
    EXPECT_EQ(verdict_on({{1, 0, 1, set("1", "0"), done(2, {1, 1})},
                          {1, 2, 3, move("a", "b"), otherwise(5)}}),
              Verdict::broken);
    EXPECT_EQ(verdict_on({{1, 0, 1, set("0", "0"), done(2, {1, 1})},
                          {1, 2, 3, move("a", "b"), done(5, {2, 2})}}),
              Verdict::broken);
}

TEST(StoreHistory, FailsWhenRevisionsContradictTime) {
    EXPECT_EQ(verdict_on({{1, 0, 1, set("1", "0"), done(5, {1, 1})},
                          {1, 2, 3, set("0", "0"), done(4, {2, 2})}}),
              Verdict::broken);
}

TEST(StoreHistory, FailsWhenAVersionIsSkipped) {
    EXPECT_EQ(verdict_on({{1, 0, 1, set("1", "0"), done(2, {1, 1})},
                          {1, 2, 3, set("1", "0"), done(3, {3, 2})}}),
              Verdict::broken);
}

TEST(StoreHistory, LetsWhatWasNotAnsweredHappenOrNot) {
    const History<Store> before{{1, 0, 1, set("1", "0"), done(2, {1, 1})},
                                {1, 2, never, move("a", "b"), {}}};
    for (const auto& output : {seen("1", "0"), seen("0", "1")}) {
        auto history = before;
        history.push_back({2, 5, 8, both, output});
        EXPECT_EQ(verdict_on(history), Verdict::linearizable);
        history.push_back({2, 9, 10, both, seen("1", "1")});
        EXPECT_EQ(verdict_on(history), Verdict::broken);
    }
}

TEST(StoreHistory, CountsWhatIsRemoved) {
    const Store::Input remove{{}, {{Does::remove, "a", ""}, {Does::remove_all, "", ""}}, {}, ""};
    EXPECT_EQ(verdict_on({{1, 0, 1, set("1", "0"), done(2, {1, 1})},
                          {1, 2, 3, remove, done(3, {1, 1})},
                          {1, 4, 5, remove, done(4, {0, 0})},
                          {1, 6, 7, both, {true, {{0, {}}, {0, {}}}, 0}}}),
              Verdict::linearizable);
    EXPECT_EQ(
        verdict_on({{1, 0, 1, set("1", "0"), done(2, {1, 1})}, {1, 2, 3, remove, done(3, {1, 2})}}),
        Verdict::broken);
}

TEST(StoreHistory, IsNarrowedByItsRevisions) {
    const auto as = [](std::int64_t invoked, std::int64_t returned, std::uint64_t revision) {
        return OperationOf<Store>{1, invoked, returned, set("1", "0"), done(revision, {1, 1})};
    };
    History<Store> history{
        as(0, 9, 7), as(3, 12, 5), as(1, never, 0), {1, 2, 8, both, seen("1", "0")}};

    narrow(history);

    EXPECT_EQ(history[0].invoked, 3);  // Revision 5 was not asked for earlier.
    EXPECT_EQ(history[0].returned, 9);
    EXPECT_EQ(history[1].invoked, 3);
    EXPECT_EQ(history[1].returned, 9);  // By then revision 7 was done.
    EXPECT_EQ(history[2].invoked, 1);
    EXPECT_EQ(history[3].invoked, 2);  // A read is not told.
    EXPECT_EQ(history[3].returned, 8);
}

TEST(StoreHistory, IsNotNarrowedWhereRevisionsContradictTime) {
    History<Store> history{{1, 0, 1, set("1", "0"), done(5, {1, 1})},
                           {1, 2, 3, set("0", "0"), done(4, {2, 2})}};

    narrow(history);

    EXPECT_EQ(history[1].invoked, 2);
    EXPECT_EQ(history[1].returned, 3);
    EXPECT_EQ(verdict_on(history), Verdict::broken);
}

// The search and the definition agree on whatever clients may claim.
TEST(StoreHistory, IsJudgedAsTheDefinitionSays) {
    Prng prng(1);
    const Store::Input inputs[] = {
        set("1", "0"),  set("0", "1"), move("a", "b"),
        move("b", "a"), both,          {{}, {get("a"), put("a", "1"), get("a")}, {}, ""}};
    int broken = 0;
    for (int i = 0; i < 1'500; ++i) {
        History<Store> history;
        Store::State state;
        for (std::int64_t at = 0; at < 5; ++at) {
            const auto& input = inputs[prng.below(std::size(inputs))];
            const auto before = state;
            const auto after = *Store{}.step_unanswered(state, input);
            // What one server would say, or something near it.
            Store::Output output{true, {}, 0};
            Store::State walk = before;
            output.succeeded =
                input.compares.empty() || (before.keys.contains(input.compares[0].key) &&
                                           before.keys.at(input.compares[0].key).value == "1");
            if (output.succeeded) {
                for (const auto& operation : input.then) {
                    const auto found = walk.keys.find(operation.key);
                    const bool exists = found != walk.keys.end();
                    if (operation.kind == Does::get) {
                        output.results.push_back(
                            {exists ? 1U : 0U,
                             exists ? std::optional(found->second.value) : std::nullopt});
                    } else {
                        output.results.push_back(
                            {exists ? found->second.version + 1 : 1, std::nullopt});
                    }
                    walk = *Store{}.step_unanswered(walk, {{}, {operation}, {}, ""});
                }
            }
            state = after;
            output.revision = static_cast<std::uint64_t>(at) + 1;
            if (prng.chance(15)) output.succeeded = !output.succeeded;
            if (prng.chance(15) && !output.results.empty()) output.results[0].number += 1;
            if (prng.chance(10)) output.revision += prng.below(3);
            const auto called = at * 4 - static_cast<std::int64_t>(prng.below(8));
            const auto returned = at * 4 + static_cast<std::int64_t>(prng.below(8));
            history.push_back({1, called, prng.chance(20) ? never : returned, input, output});
        }
        const bool expected = is_linearizable_by_definition(Store{}, history);
        ASSERT_EQ(verdict_on(history) == Verdict::linearizable, expected) << i;
        narrow(history);
        ASSERT_EQ(verdict_on(history) == Verdict::linearizable, expected) << i << ", narrowed";
        broken += expected ? 0 : 1;
    }
    EXPECT_GT(broken, 100);
    EXPECT_LT(broken, 1'400);
}

}  // namespace
}  // namespace gavel::linearizability
