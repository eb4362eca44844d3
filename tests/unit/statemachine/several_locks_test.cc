// Acquires of several locks at once, and acquires that bring their own session.

#include <gmock/gmock.h>

#include "driver.h"

namespace gavel::statemachine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Wanted = AcquireLocks::Wanted;

struct SeveralLocks : testing::Test {
    Driver driver;
    const Machine& machine = driver.machine();
    SessionId one = driver.open(), two = driver.open(), three = driver.open();

    Outcome ask(SessionId session, const std::vector<Wanted>& locks, DurationMs wait = 0) {
        return driver.outcome(AcquireLocks{.session = session, .locks = locks, .wait = wait});
    }
    Revision queue(SessionId session, const std::vector<Wanted>& locks) {
        return std::get<LockQueued>(ask(session, locks, 10'000)).attempt;
    }
    std::vector<std::string> release(const std::string& name, SessionId session) {
        return lines(driver.run(ReleaseLock{.name = name, .session = session}).events);
    }
};

TEST_F(SeveralLocks, AreGrantedTogetherUnderOneToken) {
    const Applied applied = driver.run(AcquireLocks{
        .session = one, .locks = {{"b"}, {"a", LockMode::shared, 2}}, .metadata = "{\"m\":1}"});

    EXPECT_EQ(applied.outcome,
              (Outcome{LockGranted{.token = 4, .since = driver.now(), .fresh = true}}));
    EXPECT_THAT(machine.held_by(one), ElementsAre("a", "b"));
    EXPECT_EQ(*machine.holder("a", one), (Holder{.lock = "a",
                                                 .session = one,
                                                 .token = 4,
                                                 .since = driver.now(),
                                                 .metadata = "{\"m\":1}",
                                                 .mode = LockMode::shared,
                                                 .limit = 2}));
    EXPECT_EQ(ask(one, {{"b"}, {"a", LockMode::shared, 2}}),
              (Outcome{LockGranted{.token = 4, .since = driver.now(), .fresh = false}}));
}

TEST_F(SeveralLocks, AreRefusedWholeWhenOneIsHeld) {
    driver.lock("b", two);

    EXPECT_EQ(ask(one, {{"a"}, {"b"}, {"c"}}),
              (Outcome{LockHeld{.holder = two, .token = 4, .position = 1, .lock = "b"}}));

    EXPECT_THAT(machine.held_by(one), IsEmpty());
    EXPECT_FALSE(machine.lock("a"));
}

TEST_F(SeveralLocks, AreGrantedAtOnceWhenTheLastOfThemIsFree) {
    driver.lock("a", two);
    driver.lock("b", three);
    queue(one, {{"a"}, {"b"}, {"c"}});

    EXPECT_THAT(release("a", two), ElementsAre("0! released a s2 t4"));
    EXPECT_THAT(machine.held_by(one), IsEmpty()) << "none before all";
    EXPECT_THAT(release("b", three), ElementsAre("0 released b s3 t5", "1 acquired a s1 t8",
                                                 "2 acquired b s1 t8", "3! acquired c s1 t8"));
    EXPECT_THAT(machine.waited_for_by(one), IsEmpty());
}

TEST_F(SeveralLocks, KeepTheirTurnInEachQueueAgainstThoseWhoComeLater) {
    driver.lock("a", two);
    queue(one, {{"a"}, {"b"}});

    EXPECT_EQ(driver.outcome(AcquireLock{.name = "b", .session = three}),
              (Outcome{LockHeld{.holder = 0, .token = 0, .position = 2}}))
        << "free, and another one's turn";
    driver.queue("b", three);
    release("a", two);

    EXPECT_THAT(machine.held_by(one), ElementsAre("a", "b"));
    EXPECT_THAT(release("b", one), ElementsAre("0 released b s1 t8", "1! acquired b s3 t9"));
}

TEST_F(SeveralLocks, GoInTheOrderOfArrivalWhateverTheOrderInTheRequest) {
    driver.lock("a", three);
    queue(one, {{"a"}, {"b"}});
    queue(two, {{"b"}, {"a"}});

    release("a", three);
    EXPECT_THAT(machine.held_by(one), ElementsAre("a", "b"));
    release("a", one);
    EXPECT_THAT(machine.held_by(two), IsEmpty());
    release("b", one);
    EXPECT_THAT(machine.held_by(two), ElementsAre("a", "b"));
}

TEST_F(SeveralLocks, KeepTheirPlacesWhenTheSameIsAskedAgain) {
    driver.lock("a", two);
    const Revision first = queue(one, {{"a"}, {"b"}});

    const Applied again =
        driver.run(AcquireLocks{.session = one, .locks = {{"b"}, {"a"}}, .wait = 7'000});

    EXPECT_EQ(again.outcome, (Outcome{LockQueued{.attempt = again.revision, .position = 1}}));
    EXPECT_THAT(driver.run(LeaveQueue{"b", one, first}).changed, IsEmpty());
    ASSERT_EQ(machine.waiters().size(), 1U);
    EXPECT_EQ(machine.waiters()[0]->attempt, again.revision);
    EXPECT_EQ(machine.waiters()[0]->place, first);
}

TEST_F(SeveralLocks, AreLeftTogether) {
    driver.lock("a", two);
    const std::vector<Wanted> both = {{"a"}, {"b"}};
    const Revision attempt = queue(one, both);
    EXPECT_EQ(driver.outcome(LeaveQueue{"b", one, attempt}),
              (Outcome{LockHeld{.holder = two, .token = 4, .position = 1, .lock = "a"}}));
    EXPECT_FALSE(machine.lock("b"));

    queue(one, both);
    EXPECT_EQ(driver.outcome(ReleaseLock{.name = "b", .session = one}), Outcome{LeftQueue{}});
    queue(one, both);
    EXPECT_TRUE(std::holds_alternative<LockHeld>(ask(one, both)));
    queue(one, both);
    driver.run(EndSession{one});

    EXPECT_EQ(machine.queue_length("a"), 0U);
    EXPECT_FALSE(machine.lock("b"));
}

TEST_F(SeveralLocks, LetThoseBehindThemOnWhenTheyLeave) {
    driver.lock("a", two);
    queue(one, {{"a"}, {"b"}});
    driver.queue("b", three);

    EXPECT_THAT(release("a", one), ElementsAre("0! acquired b s3 t7"));
}

TEST_F(SeveralLocks, AreRefusedWhereTheSessionHasSomeOfThem) {
    using Reason = LockRefused::Reason;
    driver.lock("a", one);
    EXPECT_EQ(ask(one, {{"a"}, {"b"}}), (Outcome{LockRefused{Reason::held, "a", 0}}));
    driver.lock("b", one);
    EXPECT_EQ(ask(one, {{"a"}, {"b"}}), (Outcome{LockRefused{Reason::held, "b", 0}}))
        << "by different grants";

    queue(two, {{"a"}, {"b"}});
    EXPECT_EQ(ask(two, {{"a"}}, 9), (Outcome{LockRefused{Reason::waiting, "a", 0}}));
    EXPECT_EQ(driver.outcome(AcquireLock{.name = "a", .session = two, .wait = 9}),
              (Outcome{LockRefused{Reason::waiting, "a", 0}}));
    EXPECT_EQ(ask(two, {{"a"}, {"b"}, {"c"}}, 9), (Outcome{LockRefused{Reason::waiting, "a", 0}}));
    EXPECT_EQ(ask(two, {{"a", LockMode::shared}, {"b"}}, 9),
              (Outcome{LockRefused{Reason::mode, "a", 0}}));
    driver.queue("a", three);
    EXPECT_EQ(ask(three, {{"a"}, {"c"}}, 9), (Outcome{LockRefused{Reason::waiting, "a", 0}}));
}

TEST_F(SeveralLocks, CountAgainstTheBoundsOneByOne) {
    Driver small({.locks_per_session = 3, .waiters = 3});
    const SessionId holder = small.open(), greedy = small.open(), other = small.open();
    small.lock("a", holder);
    const auto ask_small = [&](SessionId session, std::vector<Wanted> locks, DurationMs wait) {
        return small.outcome(
            AcquireLocks{.session = session, .locks = std::move(locks), .wait = wait});
    };
    const LimitReached own{LimitReached::What::locks_per_session};
    EXPECT_EQ(ask_small(greedy, {{"b"}, {"c"}, {"d"}, {"e"}}, 0), Outcome{own});
    EXPECT_EQ(ask_small(greedy, {{"a"}, {"c"}, {"d"}, {"e"}}, 9), Outcome{own});
    EXPECT_TRUE(std::holds_alternative<LockQueued>(ask_small(greedy, {{"a"}, {"c"}}, 9)));
    EXPECT_EQ(ask_small(other, {{"a"}, {"d"}}, 9),
              Outcome{LimitReached{LimitReached::What::waiters}});
}

TEST_F(SeveralLocks, CompleteTheIdempotencyKeyTheyWereAskedUnder) {
    driver.lock("a", two);
    const Entry entry{
        .request = {1, 1, 1},
        .stamp = driver.now(),
        .idempotency = IdempotencyKey{"k", 1},
        .command = AcquireLocks{.session = one, .locks = {{"a"}, {"b"}}, .wait = 10'000}};
    driver.run(entry);
    const Token token = driver.run(ReleaseLock{.name = "a", .session = two}).revision;

    Entry again = entry;
    again.request.number = 2;

    EXPECT_EQ(driver.run(again).outcome,
              (Outcome{LockGranted{.token = token, .since = driver.now(), .fresh = true}}));
}

// ---- An acquire without a session ---------------------------------------------------------------

struct OwnSession : SeveralLocks {
    AcquireLock acquire(DurationMs wait) const {
        return {.name = "l", .session = 0, .wait = wait, .ttl = 30'000};
    }
};

TEST_F(OwnSession, IsOpenedByTheAcquireThatIsGranted) {
    const Applied applied = driver.run(acquire(0));

    const SessionId made = applied.revision;
    EXPECT_EQ(applied.outcome,
              (Outcome{LockGranted{
                  .token = made, .since = driver.now(), .fresh = true, .session = made}}));
    EXPECT_EQ(*machine.session(made), (Session{.id = made,
                                               .ttl = 30'000,
                                               .metadata = "{}",
                                               .created_at = driver.now(),
                                               .ends_with_locks = true}));
}

TEST_F(OwnSession, IsNotOpenedForWhatIsNotGranted) {
    driver.lock("l", one);

    const Applied refused = driver.run(acquire(0));

    EXPECT_EQ(refused.outcome, (Outcome{LockHeld{.holder = one, .token = 4, .position = 1}}));
    EXPECT_EQ(machine.sessions().size(), 3U);
}

TEST_F(OwnSession, IsTheOneThatWaitsAndIsTold) {
    driver.lock("l", one);
    const Applied queued = driver.run(acquire(5'000));
    EXPECT_EQ(queued.outcome,
              (Outcome{LockQueued{
                  .attempt = queued.revision, .position = 1, .session = queued.revision}}));

    EXPECT_THAT(release("l", one), ElementsAre("0 released l s1 t4", "1! acquired l s5 t6"));
    EXPECT_NE(machine.session(queued.revision), nullptr);
}

TEST_F(OwnSession, EndsWithTheWaitThatTimedOut) {
    driver.lock("l", one);
    const Revision made = driver.run(acquire(5'000)).revision;

    EXPECT_EQ(driver.outcome(LeaveQueue{"l", made, made}),
              (Outcome{LockHeld{.holder = one, .token = 4, .position = 1}}));

    EXPECT_EQ(machine.session(made), nullptr);
    EXPECT_EQ(machine.queue_length("l"), 0U);
}

TEST_F(OwnSession, EndsWhenItLetsGoOfItsLastLock) {
    const SessionId made = driver.run(acquire(0)).revision;
    driver.lock("m", made);
    release("l", made);
    ASSERT_NE(machine.session(made), nullptr) << "it has another one";

    release("m", made);

    EXPECT_EQ(machine.session(made), nullptr);
}

TEST_F(OwnSession, EndsWhenItsLockIsBroken) {
    const SessionId made = driver.run(acquire(0)).revision;

    driver.run(ReleaseLock{.name = "l", .force = true});

    EXPECT_EQ(machine.session(made), nullptr);
}

TEST_F(OwnSession, IsOneForSeveralLocksAndEndsWithTheLastOfThem) {
    const AcquireLocks both{.locks = {{"l"}, {"m"}}, .ttl = 30'000};
    const Applied applied = driver.run(both);
    const SessionId made = applied.revision;
    EXPECT_EQ(applied.outcome,
              (Outcome{LockGranted{
                  .token = made, .since = driver.now(), .fresh = true, .session = made}}));
    EXPECT_THAT(machine.held_by(made), ElementsAre("l", "m"));
    EXPECT_EQ(machine.session(made)->ttl, 30'000);

    release("l", made);
    ASSERT_NE(machine.session(made), nullptr);
    release("m", made);

    EXPECT_EQ(machine.session(made), nullptr);
}

TEST_F(OwnSession, WaitsForSeveralLocksAndEndsWithTheWait) {
    driver.lock("m", one);
    const AcquireLocks both{.locks = {{"l"}, {"m"}}, .wait = 5'000, .ttl = 30'000};
    EXPECT_THAT(driver.outcome(AcquireLocks{.locks = {{"l"}, {"m"}}, .ttl = 30'000}),
                testing::VariantWith<LockHeld>(testing::_));
    EXPECT_EQ(machine.sessions().size(), 3U) << "not opened for what is not granted";
    const Revision made = driver.run(both).revision;
    EXPECT_THAT(machine.waited_for_by(made), ElementsAre("l", "m"));

    driver.run(LeaveQueue{"l", made, made});

    EXPECT_EQ(machine.session(made), nullptr);
    EXPECT_EQ(machine.queue_length("l") + machine.queue_length("m"), 0U);
}

TEST_F(OwnSession, IsAskedForLikeAnyOtherThatEndsWithItsLocks) {
    const Outcome opened = driver.outcome(OpenSession{.ttl = 1'000, .ends_with_locks = true});
    const SessionId session = std::get<SessionOpened>(opened).session;
    driver.lock("l", session);

    release("l", session);

    EXPECT_EQ(machine.session(session), nullptr);
}

TEST_F(OwnSession, NeedsRoomForASession) {
    Driver small({.sessions = 1});
    small.open();

    EXPECT_EQ(small.outcome(acquire(0)), Outcome{LimitReached{LimitReached::What::sessions}});
}

TEST_F(OwnSession, IsToldAgainUnderTheSameIdempotencyKey) {
    driver.lock("l", one);
    Entry entry{.request = {1, 1, 1},
                .stamp = driver.now(),
                .idempotency = IdempotencyKey{"k", 1},
                .command = acquire(5'000)};
    const SessionId made = driver.run(entry).revision;
    const Token token = driver.run(ReleaseLock{.name = "l", .session = one}).revision;

    entry.request.number = 2;

    EXPECT_EQ(driver.run(entry).outcome,
              (Outcome{LockGranted{
                  .token = token, .since = driver.now(), .fresh = true, .session = made}}));
    EXPECT_EQ(machine.sessions().size(), 4U) << "no second session was opened";
}

}  // namespace
}  // namespace gavel::statemachine
