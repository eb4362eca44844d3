#include <gmock/gmock.h>

#include "driver.h"

namespace gavel::statemachine {
namespace {

using testing::IsEmpty;

constexpr DurationMs day = 24LL * 3600 * 1000;

struct KeyedRequest : testing::Test {
    Driver driver;

    Applied run(const std::string& key, Command command, std::uint64_t fingerprint = 7) {
        return driver.run(Entry{.stamp = driver.now(),
                                .idempotency = IdempotencyKey{key, fingerprint},
                                .command = std::move(command)});
    }
    std::size_t records() const {
        std::size_t count = 0;
        for (const auto& [key, value] : driver.stored()) count += key.table == Table::idempotency;
        return count;
    }
};

TEST_F(KeyedRequest, IsExecutedOnceAndAnsweredAlikeEachTime) {
    const Applied first = run("k", PutKey{.key = "a", .value = "1"});
    driver.put("a", "2");
    driver.restart();

    const Applied again = run("k", PutKey{.key = "a", .value = "1"});

    EXPECT_TRUE(again.repeated);
    EXPECT_EQ(again.outcome, first.outcome);
    EXPECT_EQ(again.revision, first.revision);
    EXPECT_THAT(again.events, IsEmpty());
    EXPECT_THAT(again.changed, IsEmpty());
    EXPECT_EQ(driver.machine().key("a")->value, Bytes("2"));
}

TEST_F(KeyedRequest, IsRefusedWhenItsKeyWasUsedForAnother) {
    run("k", PutKey{.key = "a", .value = "1"});

    const Applied other = run("k", PutKey{.key = "a", .value = "2"}, 8);

    EXPECT_EQ(other.outcome, Outcome{IdempotencyKeyReused{}});
    EXPECT_FALSE(other.repeated);
    EXPECT_THAT(other.changed, IsEmpty());
    EXPECT_TRUE(run("k", PutKey{.key = "a", .value = "1"}).repeated);
}

TEST_F(KeyedRequest, KeepsAnUnhappyOutcomeToo) {
    run("k", DeleteKey{.key = "a"});
    driver.put("a", "1");

    const Applied again = run("k", DeleteKey{.key = "a"});

    EXPECT_EQ(again.outcome, Outcome{KeyNotFound{}});
    EXPECT_TRUE(again.repeated);
}

TEST_F(KeyedRequest, MayBeTriedAgainAfterALimit) {
    driver = Driver{{.keys = 1}};
    driver.put("a", "1");
    ASSERT_EQ(run("k", PutKey{.key = "b"}).outcome,
              Outcome{LimitReached{LimitReached::What::keys}});
    driver.run(DeleteKey{.key = "a"});

    const Applied again = run("k", PutKey{.key = "b"});

    EXPECT_FALSE(again.repeated);
    EXPECT_EQ(again.outcome, (Outcome{KeyPut{.version = 1, .created = true}}));
}

TEST_F(KeyedRequest, AnswersANewRequestIdForTheSameKey) {
    const Entry first{.request = {1, 1, 1},
                      .stamp = driver.now(),
                      .idempotency = IdempotencyKey{"k", 7},
                      .command = PutKey{.key = "a"}};
    Entry retried = first;
    retried.request = {2, 9, 4};

    const Applied one = driver.run(first), two = driver.run(retried), three = driver.run(retried);

    EXPECT_EQ(driver.machine().key("a")->version, 1U);
    for (const Applied& again : {two, three}) {
        EXPECT_TRUE(again.repeated);
        EXPECT_EQ(again.outcome, one.outcome);
        EXPECT_EQ(again.revision, one.revision);
    }
}

TEST_F(KeyedRequest, IsForgottenAfterADayOfLoggedTime) {
    run("k", PutKey{.key = "a"});
    driver.pass(day - 1);
    EXPECT_TRUE(run("k", PutKey{.key = "a"}).repeated);

    driver.pass(1);
    EXPECT_FALSE(run("k", PutKey{.key = "a"}, 9).repeated);
    EXPECT_TRUE(run("k", PutKey{.key = "a"}, 9).repeated);
    EXPECT_EQ(records(), 1U);
}

TEST_F(KeyedRequest, IsRefusedWhenTheTableIsFull) {
    driver = Driver{{.idempotency_keys = 2}};
    run("k1", PutKey{.key = "a"});
    run("k2", PutKey{.key = "a"});

    const Applied refused = run("k3", PutKey{.key = "a"});

    EXPECT_EQ(refused.outcome, Outcome{LimitReached{LimitReached::What::idempotency_keys}});
    EXPECT_EQ(driver.machine().key("a")->version, 2U);
    EXPECT_TRUE(run("k1", PutKey{.key = "a"}).repeated);
    driver.pass(day);
    EXPECT_FALSE(run("k3", PutKey{.key = "a"}).repeated);
}

constexpr DurationMs minute = 60'000;

TEST_F(KeyedRequest, IsForgottenBeforeTheDayIsOverWhileThereAreMany) {
    driver = Driver{{.idempotency_keys = 20}};
    for (int i = 0; i < 18; ++i) run(std::to_string(i), PutKey{.key = "a"});
    driver.pass(10 * minute - 1);
    EXPECT_TRUE(run("0", PutKey{.key = "a"}).repeated);
    EXPECT_EQ(run("x", PutKey{.key = "a"}).outcome,
              Outcome{LimitReached{LimitReached::What::idempotency_keys}});

    driver.pass(1);
    EXPECT_FALSE(run("x", PutKey{.key = "a"}).repeated);
    EXPECT_FALSE(run("0", PutKey{.key = "a"}).repeated) << "the oldest went";
    EXPECT_EQ(records(), 11U) << "half of what there may be stays, and what came last";
    EXPECT_TRUE(run("17", PutKey{.key = "a"}).repeated) << "the youngest stay for their day";
    driver.pass(day / 2);
    EXPECT_TRUE(run("17", PutKey{.key = "a"}).repeated);
}

// Whoever could not free anything could not get out of it either.
TEST_F(KeyedRequest, HasRoomForLongestThatFreesSomething) {
    driver = Driver{{.idempotency_keys = 20}};
    const SessionId session = driver.open(), other = driver.open();
    const Token token = driver.lock("x", session);
    driver.put("b", "1");
    for (int i = 0; i < 18; ++i) run(std::to_string(i), PutKey{.key = "a"});
    const Outcome full = LimitReached{LimitReached::What::idempotency_keys};

    EXPECT_EQ(run("put", PutKey{.key = "c"}).outcome, full);
    EXPECT_EQ(run("open", OpenSession{.ttl = 10'000}).outcome, full);
    EXPECT_EQ(run("quota", SetQuota{.bounds = {.keys = 9}}).outcome, full);
    EXPECT_TRUE(std::holds_alternative<KeyDeleted>(run("rm", DeleteKey{.key = "b"}).outcome));
    EXPECT_TRUE(run("rm", DeleteKey{.key = "b"}).repeated);
    EXPECT_TRUE(std::holds_alternative<LockReleased>(
        run("release", ReleaseLock{.name = "x", .session = session, .token = token}).outcome));
    EXPECT_EQ(run("end", EndSession{.session = other}).outcome, full) << "all of it is in use";
    EXPECT_EQ(driver.machine().idempotency_key_count(), 20U);
}

TEST_F(KeyedRequest, IsRemovedAFewAtATimeOnceExpired) {
    constexpr std::size_t count = 100;
    for (std::size_t i = 0; i < count; ++i) run(std::to_string(i), PutKey{.key = "a"});
    driver.pass(day);

    std::size_t left = count;
    while (left > 0) {
        const Applied applied = driver.run(LeaderStart{1});
        ASSERT_LT(records(), left);
        ASSERT_LE(left - records(), 10U);
        EXPECT_EQ(applied.changed.size(), left - records());
        left = records();
    }
}

TEST_F(KeyedRequest, IsForgottenOnTimeEvenBeforeItsRemoval) {
    for (int i = 0; i < 100; ++i) run(std::to_string(i), PutKey{.key = "a"});
    driver.pass(day);

    EXPECT_FALSE(run("99", PutKey{.key = "a"}).repeated);
    EXPECT_TRUE(run("99", PutKey{.key = "a"}).repeated);
}

struct KeyedAcquire : KeyedRequest {
    SessionId one = driver.open(), two = driver.open();

    void SetUp() override {
        driver.lock("x", one);
        ASSERT_TRUE(std::holds_alternative<LockQueued>(ask().outcome));
    }
    Applied ask(DurationMs wait = 10'000) {
        return run("k", AcquireLock{.name = "x", .session = two, .wait = wait});
    }
};

TEST_F(KeyedAcquire, IsAnsweredWithTheGrantOnceItCame) {
    const Revision grant = driver.run(ReleaseLock{.name = "x", .session = one}).revision;

    const Applied again = ask();

    EXPECT_TRUE(again.repeated);
    EXPECT_EQ(again.outcome,
              (Outcome{LockGranted{.token = grant, .since = driver.now(), .fresh = true}}));
    EXPECT_EQ(again.revision, 4U);
}

TEST_F(KeyedAcquire, IsAnsweredWithTheTimeOut) {
    driver.run(LeaveQueue{"x", two, 4});

    EXPECT_EQ(ask().outcome, (Outcome{LockHeld{.holder = one, .token = 3, .position = 1}}));
}

TEST_F(KeyedAcquire, IsAnsweredWithTheEndOfItsSession) {
    driver.run(EndSession{two});

    EXPECT_EQ(ask().outcome, Outcome{SessionNotFound{two}});
}

TEST_F(KeyedAcquire, IsAnsweredThatItLeftTheQueue) {
    driver.run(ReleaseLock{.name = "x", .session = two});

    EXPECT_EQ(ask().outcome, (Outcome{LockHeld{.holder = one, .token = 3, .position = 1}}));
}

// The earlier answer was "queued", which tells a client to look at the lock: it stays that.
TEST_F(KeyedAcquire, IsAnsweredUnderTheKeyOfTheLatestAttempt) {
    const AcquireLock command{.name = "x", .session = two, .wait = 10'000};
    run("later", command);
    const Revision grant = driver.run(ReleaseLock{.name = "x", .session = one}).revision;

    EXPECT_EQ(run("later", command).outcome,
              (Outcome{LockGranted{.token = grant, .since = driver.now(), .fresh = true}}));
    EXPECT_EQ(ask().outcome, (Outcome{LockQueued{.attempt = 4, .position = 1}}));
}

TEST_F(KeyedAcquire, LeavesAloneWhatItsKeyIsUsedForAfterADay) {
    driver.pass(day);
    run("k", PutKey{.key = "a"}, 9);

    driver.run(ReleaseLock{.name = "x", .session = one});

    EXPECT_EQ(run("k", PutKey{.key = "a"}, 9).outcome,
              (Outcome{KeyPut{.version = 1, .created = true}}));
}

}  // namespace
}  // namespace gavel::statemachine
