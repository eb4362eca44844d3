#include <gmock/gmock.h>

#include "driver.h"

namespace gavel::statemachine {
namespace {

using testing::IsEmpty;

// Each of the writes that may rest on a lock; all of them do something when it is live.
std::vector<Command> guarded_writes(const Guard& guard) {
    return {PutKey{.key = "a", .value = "new", .guard = guard},
            DeleteKey{.key = "b", .guard = guard}, DeletePrefix{.key = "c", .guard = guard},
            Transact{.then = {PutOperation{.key = "d", .value = "new"}}, .guard = guard},
            RollBack{.target = "e", .to = 0, .guard = guard}};
}

// A lock "l" that was taken, and keys to be written under it.
struct GuardedWrite : testing::Test {
    GuardedWrite() {
        for (const char* key : {"a", "b", "c/1", "d", "e"}) driver.put(key, "old");
        holder = driver.open();
        token = driver.lock("l", holder);
    }

    void expect_refused(Token live) {
        for (const Command& command : guarded_writes({"l", token})) {
            const Applied applied = driver.run(command);

            EXPECT_EQ(applied.outcome, Outcome(StaleToken{live})) << command.index();
            EXPECT_THAT(applied.changed, IsEmpty());
            EXPECT_THAT(applied.events, IsEmpty());
        }
    }

    Driver driver;
    SessionId holder{};
    Token token{};
};

TEST_F(GuardedWrite, IsDoneWhileItsTokenIsLive) {
    for (const Command& command : guarded_writes({"l", token})) {
        EXPECT_FALSE(driver.run(command).events.empty()) << command.index();
    }
}

TEST_F(GuardedWrite, IsRefusedOnceTheLockIsReleased) {
    driver.run(ReleaseLock{.name = "l", .session = holder});

    expect_refused(0);
}

TEST_F(GuardedWrite, IsRefusedOnceTheSessionHasLapsed) {
    driver.run(LeaderStart{1});
    driver.run(ExpireSession{holder, driver.machine().globals().leader_start});

    expect_refused(0);
}

TEST_F(GuardedWrite, IsRefusedOnceAnotherHoldsTheLock) {
    const SessionId other = driver.open();
    driver.queue("l", other);
    driver.run(EndSession{holder});

    expect_refused(driver.machine().lock("l")->latest_token);
}

TEST_F(GuardedWrite, IsRefusedWhenItsHolderHasTakenTheLockAnew) {
    driver.run(ReleaseLock{.name = "l", .session = holder});
    const Token again = driver.lock("l", holder);

    expect_refused(again);
}

TEST_F(GuardedWrite, IsRefusedWithATokenThatWasNeverGiven) {
    EXPECT_EQ(driver.outcome(PutKey{.key = "a", .guard = Guard{"m", token}}),
              Outcome(StaleToken{0}));
    EXPECT_EQ(driver.outcome(PutKey{.key = "a", .guard = Guard{"l", token + 1}}),
              Outcome(StaleToken{token}));
    EXPECT_EQ(driver.outcome(PutKey{.key = "a", .guard = Guard{"m", 0}}), Outcome(StaleToken{0}));
}

// Else a client would look for the revision that a write it may not make would need.
TEST_F(GuardedWrite, IsRefusedBeforeItsPreconditionIsLookedAt) {
    EXPECT_EQ(driver.outcome(PutKey{.key = "a",
                                    .precondition = {Precondition::Kind::absent, {}},
                                    .guard = Guard{"l", token + 1}}),
              Outcome(StaleToken{token}));
}

TEST_F(GuardedWrite, IsRefusedForEachRepeatOfItsIdempotencyKey) {
    Entry entry = put_entry("a", "new");
    std::get<PutKey>(entry.command).guard = Guard{"l", token + 1};
    entry.idempotency = IdempotencyKey{"once", 7};

    const Applied first = driver.run(entry), again = driver.run(entry);

    EXPECT_EQ(first.outcome, Outcome(StaleToken{token}));
    EXPECT_TRUE(again.repeated);
    EXPECT_EQ(again.outcome, first.outcome);
}

// Sessions that were granted the lock together have one token.
TEST(SharedGuard, IsOfOneSessionWhereItNamesOne) {
    Driver driver;
    const SessionId writer = driver.open(), one = driver.open(), two = driver.open();
    driver.lock("l", writer);
    driver.queue_shared("l", one);
    driver.queue_shared("l", two);
    const Token token = driver.run(ReleaseLock{.name = "l", .session = writer}).revision;
    ASSERT_TRUE(driver.machine().is_live("l", token, one));
    ASSERT_TRUE(driver.machine().is_live("l", token, two));
    driver.run(ReleaseLock{.name = "l", .session = one});

    const auto put = [&](SessionId session) {
        return driver.outcome(
            PutKey{.key = "k", .value = "v", .guard = Guard{"l", token, session}});
    };
    const auto compare = [&](SessionId session) {
        const Transact command{
            .compares = {
                {.kind = Compare::Kind::token, .name = "l", .number = token, .session = session}}};
        return std::get<Transacted>(driver.outcome(command)).succeeded;
    };
    EXPECT_EQ(put(one), Outcome(StaleToken{token}));
    EXPECT_FALSE(compare(one));
    for (const SessionId holds : {two, SessionId{0}}) {
        EXPECT_TRUE(std::holds_alternative<KeyPut>(put(holds))) << holds;
        EXPECT_TRUE(compare(holds)) << holds;
    }
    EXPECT_EQ(put(writer), Outcome(StaleToken{token}));
}

}  // namespace
}  // namespace gavel::statemachine
