#include <gmock/gmock.h>

#include "driver.h"

namespace gavel::statemachine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using Kind = Compare::Kind;
using Did = Transacted::Result::Kind;

PutOperation put(std::string key, std::string value) {
    return {.key = std::move(key), .value = value, .content_type = "text/plain"};
}
DeleteOperation remove(std::string key) { return {std::move(key), false}; }
DeleteOperation remove_all(std::string key) { return {std::move(key), true}; }
GetOperation get(std::string key) { return {std::move(key)}; }

// Whether a transaction that demands this takes its first branch.
bool holds(Driver& driver, Compare compare) {
    return std::get<Transacted>(driver.outcome(Transact{.compares = {std::move(compare)}}))
        .succeeded;
}

TEST(Transaction, DoesOneBranchOrTheOther) {
    Driver driver;
    const Transact transact{.compares = {{Kind::absent, "a", 0, {}}},
                            .then = {put("a", "first")},
                            .otherwise = {put("b", "second"), get("a")},
                            .author = "ann"};

    const Applied first = driver.run(transact), second = driver.run(transact);

    EXPECT_EQ(first.outcome, Outcome(Transacted{true, 0, {{Did::put, 1}}}));
    EXPECT_EQ(second.outcome, Outcome(Transacted{false, 0, {{Did::put, 1}, {Did::got, 1}}}));
    EXPECT_EQ(*driver.machine().key("a"), (KeyValue{.key = "a",
                                                    .value = "first",
                                                    .content_type = "text/plain",
                                                    .author = "ann",
                                                    .created = 1,
                                                    .modified = 1,
                                                    .version = 1,
                                                    .modified_at = driver.now()}));
    EXPECT_EQ(driver.machine().key("b")->modified, 2U);
}

TEST(Transaction, SaysWhichCompareFailedFirst) {
    Driver driver;
    driver.put("a", "1");

    const Outcome outcome = driver.outcome(Transact{.compares = {{Kind::exists, "a", 0, {}},
                                                                 {Kind::exists, "b", 0, {}},
                                                                 {Kind::exists, "c", 0, {}}}});

    EXPECT_EQ(outcome, Outcome(Transacted{.succeeded = false, .failed = 1}));
}

TEST(Transaction, IsOneRevisionWhole) {
    Driver driver;
    driver.put("old", "1");

    const Applied applied =
        driver.run(Transact{.then = {put("b", "1"), remove("old"), put("a", "1")}});

    EXPECT_THAT(lines(applied.events), ElementsAre("0 put b", "1 delete old", "2! put a"));
    for (const Event& event : applied.events) EXPECT_EQ(event.revision, applied.revision);
    ASSERT_THAT(driver.machine().history(1, 9), SizeIs(1));
    EXPECT_EQ(driver.machine().key("a")->modified, driver.machine().key("b")->modified);
}

TEST(Transaction, ComparesWhatKeysAreAt) {
    Driver driver;
    driver.noop();
    driver.put("a", "1");
    driver.put("a", "2");  // Revision 3, version 2.
    struct Case {
        Compare compare;
        bool expected;
    };
    const std::vector<Case> cases = {
        {{Kind::exists, "a", 0, {}}, true},   {{Kind::exists, "b", 0, {}}, false},
        {{Kind::absent, "a", 0, {}}, false},  {{Kind::absent, "b", 0, {}}, true},
        {{Kind::revision, "a", 3, {}}, true}, {{Kind::revision, "a", 2, {}}, false},
        {{Kind::revision, "b", 0, {}}, true}, {{Kind::revision, "b", 3, {}}, false},
        {{Kind::version, "a", 2, {}}, true},  {{Kind::version, "a", 3, {}}, false},
        {{Kind::version, "b", 0, {}}, true},  {{Kind::version, "b", 1, {}}, false},
        {{Kind::value, "a", 0, "2"}, true},   {{Kind::value, "a", 0, "1"}, false},
        {{Kind::value, "b", 0, {}}, false},   {{Kind::json, "b", 0, {}}, false}};
    for (const auto& [compare, expected] : cases) {
        EXPECT_EQ(holds(driver, compare), expected)
            << static_cast<int>(compare.kind) << ' ' << compare.name << ' ' << compare.number;
    }
}

TEST(Transaction, ComparesJsonWithoutTheBlanksBetweenItsTokens) {
    struct Case {
        std::string stored, compared;
        bool expected;
    };
    const std::vector<Case> cases = {{R"({"n":1})", R"({"n":1})", true},
                                     {R"({"n":1})", " {\n\t\"n\" : 1\r\n} ", true},
                                     {R"({"n": [1, 2]})", R"({"n":[1,2]})", true},
                                     {R"({"n":"a b"})", R"({"n":"ab"})", false},
                                     {R"({"n":"a b"})", R"({ "n":"a b" })", true},
                                     {R"(["\" "," "])", R"(["\"", " "])", false},
                                     {R"(["\\" , " "])", R"(["\\"," "])", true},
                                     {R"(["\\"," "])", R"(["\\",""])", false},
                                     {R"({"n":1})", R"({"n":12})", false},
                                     {R"({"n":12})", R"({"n":1})", false},
                                     {R"({"n":1,"m":2})", R"({"m":2,"n":1})", false},
                                     {"12", " 12 ", true},
                                     // Of what is no JSON, blanks may part words.
                                     {"1 2", "12", false},
                                     {"1 2", "1 2", true}};
    for (const auto& [stored, compared, expected] : cases) {
        Driver driver;
        driver.put("a", stored);
        EXPECT_EQ(holds(driver, {Kind::json, "a", 0, compared}), expected)
            << stored << " and " << compared;
        EXPECT_EQ(holds(driver, {Kind::value, "a", 0, compared}), stored == compared);
    }
}

TEST(Transaction, ComparesTheTokenOfALock) {
    Driver driver;
    const SessionId session = driver.open();
    const Token token = driver.lock("l", session);

    EXPECT_TRUE(holds(driver, {Kind::token, "l", token, {}}));
    EXPECT_FALSE(holds(driver, {Kind::token, "l", token + 1, {}}));
    EXPECT_FALSE(holds(driver, {Kind::token, "m", token, {}}));
    EXPECT_FALSE(holds(driver, {Kind::token, "m", 0, {}}));
    driver.run(ReleaseLock{.name = "l", .session = session});
    EXPECT_FALSE(holds(driver, {Kind::token, "l", token, {}}));
    EXPECT_FALSE(holds(driver, {Kind::token, "l", 0, {}}));
}

TEST(Transaction, GetsWhatItHasWritten) {
    Driver driver;
    driver.put("a", "old");

    const Applied applied = driver.run(
        Transact{.then = {get("a"), put("a", "new"), get("a"), remove("a"), get("a"), get("b")}});

    ASSERT_THAT(applied.got, SizeIs(4));
    EXPECT_EQ(applied.got[0]->value, Bytes("old"));
    EXPECT_EQ(applied.got[1]->value, Bytes("new"));
    EXPECT_EQ(applied.got[2], nullptr);
    EXPECT_EQ(applied.got[3], nullptr);
    EXPECT_EQ(applied.outcome, Outcome(Transacted{true,
                                                  0,
                                                  {{Did::got, 1},
                                                   {Did::put, 2},
                                                   {Did::got, 2},
                                                   {Did::deleted, 1},
                                                   {Did::got, 0},
                                                   {Did::got, 0}}}));
}

TEST(Transaction, ChangesEachKeyOnce) {
    Driver driver;
    driver.put("a", "1");
    driver.put("a", "2");

    const Applied again = driver.run(Transact{.then = {remove("a"), put("a", "3")}});
    const Applied nothing = driver.run(Transact{.then = {put("b", "1"), remove("b")}});

    EXPECT_THAT(lines(again.events), ElementsAre("0! put a"));
    EXPECT_EQ(driver.machine().key("a")->version, 1U);
    EXPECT_EQ(driver.machine().key("a")->created, again.revision);
    EXPECT_THAT(nothing.events, IsEmpty());
    EXPECT_EQ(driver.machine().key_count(), 1U);
}

TEST(Transaction, ReplacesAllBelowAName) {
    Driver driver;
    for (const char* key : {"app", "app-x", "app/a", "app/b", "app/b/c", "appx"}) {
        driver.put(key, "old");
    }

    const Applied applied = driver.run(Transact{
        .then = {remove_all("app"), put("app/b", "new"), put("app/d", "new"), get("app/a")}});

    EXPECT_EQ(std::get<Transacted>(applied.outcome).results[0].number, 4U);
    EXPECT_THAT(lines(applied.events), ElementsAre("0 delete app", "1 delete app/a", "2 put app/b",
                                                   "3 delete app/b/c", "4! put app/d"));
    EXPECT_EQ(driver.machine().key_count(), 4U);
}

TEST(Transaction, DeletesWhatItPutBelowAName) {
    Driver driver;

    const Applied applied =
        driver.run(Transact{.then = {put("a/b", "1"), put("a", "1"), put("c", "1"), remove_all("a"),
                                     remove_all("a"), get("a/b")}});

    EXPECT_EQ(std::get<Transacted>(applied.outcome).results[3].number, 2U);
    EXPECT_EQ(std::get<Transacted>(applied.outcome).results[4].number, 0U);
    EXPECT_THAT(lines(applied.events), ElementsAre("0! put c"));
}

// A short request could else make every member walk through megabytes of blanks, over and over.
TEST(Transaction, LooksThroughSoMuchJsonAndNoMore) {
    Driver driver({.compared_at_once = 20});
    driver.put("a", "1         ");
    const auto compared = [&](std::size_t times) {
        Transact command{.compares = {}, .then = {put("b", "1")}};
        command.compares.assign(
            times, {.kind = Compare::Kind::json, .name = "a", .number = 0, .value = "1"});
        return driver.run(command);
    };

    EXPECT_TRUE(std::get<Transacted>(compared(2).outcome).succeeded);
    const Applied refused = compared(3);
    EXPECT_EQ(refused.outcome, Outcome(TooMuch{TooMuch::What::bytes_compared}));
    EXPECT_THAT(refused.changed, IsEmpty());
}

TEST(Transaction, ChangesNothingWhenALimitIsReached) {
    Driver driver({.keys = 2,
                   .key_bytes = 10,
                   .keys_per_session = 1,
                   .deleted_at_once = 2,
                   .got_at_once = 5});
    driver.put("a", "12345");
    const SessionId session = driver.open();
    const auto ephemeral = [&](std::string key) {
        return PutOperation{.key = std::move(key), .session = session};
    };
    using What = LimitReached::What;
    const std::vector<std::pair<std::vector<Operation>, Outcome>> cases = {
        {{put("b", ""), put("c", "")}, LimitReached{What::keys}},
        {{put("b", "1234")}, LimitReached{What::key_bytes}},
        {{put("a", "1"), ephemeral("b"), ephemeral("a")}, LimitReached{What::keys_per_session}},
        {{put("a", "1"), PutOperation{.key = "b", .session = 99}}, SessionNotFound{99}},
        {{remove("a"), remove("a"), remove_all("a"), put("d", "1")},
         TooMuch{TooMuch::What::keys_deleted}},
        {{put("a", "1"), get("a"), put("a", "123456"), get("a")},
         TooMuch{TooMuch::What::bytes_got}}};
    for (const auto& [operations, expected] : cases) {
        const Applied applied = driver.run(Transact{.then = operations});

        EXPECT_EQ(applied.outcome, expected);
        EXPECT_THAT(applied.changed, IsEmpty());
        EXPECT_THAT(applied.events, IsEmpty());
        EXPECT_THAT(applied.got, IsEmpty());
        EXPECT_EQ(driver.machine().key("a")->value, Bytes("12345"));
    }
}

// What it leaves counts, and not what it passes through.
TEST(Transaction, FitsWhenWhatItLeavesFits) {
    Driver driver({.keys = 1, .key_bytes = 6});
    driver.put("a", "12345");

    const Outcome outcome = driver.outcome(
        Transact{.then = {put("b", "54321"), put("c", "5"), remove("a"), remove("c")}});

    EXPECT_TRUE(std::holds_alternative<Transacted>(outcome));
    EXPECT_EQ(driver.machine().key_bytes(), 6U);
    EXPECT_EQ(driver.machine().key("a"), nullptr);
}

TEST(Transaction, IsDoneOnceAndTellsARepeatWhatIsStillThere) {
    Driver driver;
    driver.put("b", "old");
    Entry entry = put_entry("", "");
    entry.request = {1, 1, 1};
    entry.idempotency = IdempotencyKey{"once", 7};
    entry.command = Transact{.then = {put("a", "1"), get("a"), get("b"), get("c")}};

    const Applied first = driver.run(entry);
    const Applied by_request = driver.run(entry);
    driver.put("b", "new");
    entry.request = {1, 1, 2};
    const Applied by_key = driver.run(entry);

    EXPECT_TRUE(by_request.repeated);
    EXPECT_EQ(by_request.outcome, first.outcome);
    EXPECT_EQ(by_request.got, first.got);
    EXPECT_TRUE(by_key.repeated);
    EXPECT_EQ(by_key.outcome, first.outcome);
    EXPECT_EQ(by_key.revision, first.revision);
    EXPECT_THAT(by_key.events, IsEmpty());
    ASSERT_THAT(by_key.got, SizeIs(3));
    EXPECT_EQ(by_key.got[0], first.got[0]);
    EXPECT_EQ(by_key.got[1], nullptr);  // Revision 1 of it is no more.
    EXPECT_EQ(std::get<Transacted>(by_key.outcome).results[2].number, 1U);
    EXPECT_EQ(by_key.got[2], nullptr);
}

// The values that it passed through have the revision of the last one.
TEST(Transaction, TellsARepeatNothingThatItReplacedItself) {
    Driver driver;
    Entry entry = put_entry("", "");
    entry.request = {1, 1, 1};
    entry.command = Transact{.then = {put("a", "1"), get("a"), put("a", "2"), get("a")}};

    const Applied first = driver.run(entry), again = driver.run(entry);

    ASSERT_THAT(again.got, SizeIs(2));
    EXPECT_EQ(first.got[0]->value, Bytes("1"));
    EXPECT_EQ(again.got[0], nullptr);
    EXPECT_EQ(again.got[1]->value, Bytes("2"));
}

// It changed nothing: with more room, or less to do, the same key may be used.
TEST(Transaction, MayBeTriedAgainUnderItsKeyAfterALimit) {
    Driver driver({.deleted_at_once = 1});
    driver.put("a/b", "1");
    driver.put("a/c", "1");
    Entry entry = put_entry("", "");
    entry.idempotency = IdempotencyKey{"once", 7};
    entry.command = Transact{.then = {remove_all("a")}};

    EXPECT_EQ(driver.run(entry).outcome, Outcome(TooMuch{TooMuch::What::keys_deleted}));
    driver.run(DeleteKey{.key = "a/c"});

    EXPECT_EQ(driver.run(entry).outcome, Outcome(Transacted{true, 0, {{Did::deleted, 1}}}));
}

}  // namespace
}  // namespace gavel::statemachine
