// Locks that several hold: readers and writers, semaphores; and how an operator breaks one.

#include <gmock/gmock.h>

#include "driver.h"

namespace gavel::statemachine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct SharedLock : testing::Test {
    Driver driver;
    const Machine& machine = driver.machine();
    SessionId one = driver.open(), two = driver.open(), three = driver.open(), four = driver.open();

    std::vector<SessionId> holders(const std::string& name = "l") const {
        std::vector<SessionId> sessions;
        const auto lock = machine.lock(name);
        if (!lock) return sessions;
        for (const auto& holder : lock->holders) sessions.push_back(holder->session);
        return sessions;
    }
    Outcome ask(SessionId session, LockMode mode, std::uint64_t limit = 0, DurationMs wait = 0) {
        return driver.outcome(AcquireLock{
            .name = "l", .session = session, .wait = wait, .mode = mode, .limit = limit});
    }
    std::vector<std::string> release(SessionId session) {
        return lines(driver.run(ReleaseLock{.name = "l", .session = session}).events);
    }
};

TEST_F(SharedLock, IsHeldByManyEachWithTheSlotOfItsGrant) {
    const Token first = driver.share("l", one);
    const Token second = driver.share("l", two);

    EXPECT_GT(second, first);
    EXPECT_THAT(holders(), ElementsAre(one, two));
    EXPECT_EQ(machine.holder("l", two)->mode, LockMode::shared);
    EXPECT_EQ(machine.lock("l")->limit, 0U);
}

TEST_F(SharedLock, IsKeptFromAWriterUntilTheLastReaderIsGone) {
    driver.share("l", one);
    driver.share("l", two);
    EXPECT_EQ(ask(three, LockMode::exclusive),
              (Outcome{LockHeld{.holder = one, .token = 5, .position = 1, .others = 1}}));
    driver.queue("l", three);

    EXPECT_THAT(release(one), ElementsAre("0! released l s1 t5 shared"));
    EXPECT_THAT(release(two), ElementsAre("0 released l s2 t6 shared", "1! acquired l s3 t10"));
}

TEST_F(SharedLock, MakesReadersWaitBehindAWriterThatWaits) {
    driver.share("l", one);
    driver.queue("l", two);

    EXPECT_EQ(ask(three, LockMode::shared),
              (Outcome{LockHeld{.holder = one, .token = 5, .position = 2}}));
    driver.queue_shared("l", three);
    release(one);

    EXPECT_THAT(holders(), ElementsAre(two));
    EXPECT_EQ(machine.position("l", three), 1U);
}

TEST_F(SharedLock, GoesToAllReadersAtTheFrontAtOnceUnderOneToken) {
    driver.lock("l", one);
    driver.queue_shared("l", two);
    driver.queue_shared("l", three);
    driver.queue("l", four);

    EXPECT_THAT(release(one), ElementsAre("0 released l s1 t5", "1 acquired l s2 t9 shared",
                                          "2! acquired l s3 t9 shared"));

    EXPECT_EQ(machine.position("l", four), 1U);
    EXPECT_TRUE(machine.is_live("l", 9));
    EXPECT_FALSE(machine.is_live("l", 5));
    EXPECT_FALSE(machine.is_live("k", 9));
}

TEST_F(SharedLock, GoesToReadersOnceTheWriterBeforeThemGivesUp) {
    driver.share("l", one);
    const Revision attempt = driver.queue("l", two);
    driver.queue_shared("l", three);

    const Applied left = driver.run(LeaveQueue{"l", two, attempt});

    EXPECT_THAT(lines(left.events), ElementsAre("0! acquired l s3 t8 shared"));
    EXPECT_THAT(holders(), ElementsAre(one, three));
}

TEST_F(SharedLock, IsNeverSharedWithAWriter) {
    driver.lock("l", one);

    EXPECT_EQ(ask(two, LockMode::shared),
              (Outcome{LockHeld{.holder = one, .token = 5, .position = 1}}));
}

TEST_F(SharedLock, KeepsItsModeWhenItsHolderAsksForAnother) {
    const auto refused = [](std::uint64_t limit = 0) {
        return Outcome{LockRefused{LockRefused::Reason::mode, "l", limit}};
    };
    driver.share("l", one);
    EXPECT_EQ(ask(one, LockMode::exclusive, 0, 9'000), refused());
    EXPECT_EQ(ask(one, LockMode::shared),
              (Outcome{LockGranted{.token = 5, .since = driver.now(), .fresh = false}}));
    driver.queue("l", two);
    EXPECT_EQ(ask(two, LockMode::shared, 0, 9'000), refused());
    release(one);
    EXPECT_EQ(ask(two, LockMode::shared), refused());
    EXPECT_THAT(holders(), ElementsAre(two));
}

TEST_F(SharedLock, WithALimitIsASemaphore) {
    driver.share("l", one, 2);
    driver.share("l", two, 2);

    EXPECT_EQ(ask(three, LockMode::shared, 2),
              (Outcome{LockHeld{.holder = one, .token = 5, .position = 1, .others = 1}}));
    driver.queue_shared("l", three, 2);
    driver.queue_shared("l", four, 2);
    EXPECT_EQ(machine.lock("l")->limit, 2U);

    EXPECT_THAT(release(one),
                ElementsAre("0 released l s1 t5 shared", "1! acquired l s3 t10 shared"));
    EXPECT_THAT(holders(), ElementsAre(two, three));
}

TEST_F(SharedLock, HasOneLimitForAsLongAsAnybodySharesItOrWaitsTo) {
    const auto refused = [](std::uint64_t limit) {
        return Outcome{LockRefused{LockRefused::Reason::limit, "l", limit}};
    };
    driver.share("l", one, 2);
    EXPECT_EQ(ask(two, LockMode::shared, 3), refused(2));
    EXPECT_EQ(ask(two, LockMode::shared), refused(2));
    EXPECT_EQ(ask(one, LockMode::shared, 3), refused(2));
    // A writer names no limit, and leaves that of others alone.
    driver.queue("l", two);
    driver.queue_shared("l", three, 2);
    release(one);
    EXPECT_EQ(ask(four, LockMode::shared, 3), refused(2)) << "the third waits under it";
    driver.run(EndSession{three});

    EXPECT_EQ(machine.lock("l")->limit, 0U);
    driver.queue_shared("l", four, 3);
    EXPECT_EQ(machine.lock("l")->limit, 3U);
}

TEST_F(SharedLock, HasABoundWithoutALimitToo) {
    Driver small({.holders_per_lock = 2});
    const SessionId a = small.open(), b = small.open(), c = small.open();
    small.share("l", a);
    small.share("l", b);

    small.queue_shared("l", c);
    small.run(ReleaseLock{.name = "l", .session = a});

    EXPECT_NE(small.machine().holder("l", c), nullptr);
    const auto d = small.open();
    EXPECT_EQ(
        small.outcome(AcquireLock{.name = "l", .session = d, .mode = LockMode::shared, .limit = 9}),
        (Outcome{LockRefused{LockRefused::Reason::limit, "l", 0}}));
}

TEST_F(SharedLock, LeavesTheRowsOfOtherHoldersAlone) {
    for (const SessionId session : {one, two, three}) driver.share("l", session);

    const Applied joined =
        driver.run(AcquireLock{.name = "l", .session = four, .mode = LockMode::shared});
    const Applied left = driver.run(ReleaseLock{.name = "l", .session = four});

    const auto rows = [](const Applied& applied) {
        std::vector<Table> tables;
        for (const Row& row : applied.changed) tables.push_back(row.key.table);
        return tables;
    };
    EXPECT_THAT(rows(joined), ElementsAre(Table::history, Table::holders));
    EXPECT_THAT(rows(left), ElementsAre(Table::locks, Table::history, Table::holders));
}

TEST_F(SharedLock, IsReleasedByTokenOnlyWhereThatNamesOneHolder) {
    driver.lock("l", one);
    driver.queue_shared("l", two);
    driver.queue_shared("l", three);
    const Token token = driver.run(ReleaseLock{.name = "l", .session = one}).revision;

    EXPECT_EQ(driver.outcome(ReleaseLock{.name = "l", .token = token}),
              (Outcome{NotHolder{.holder = two, .sharing = 2}}));
    EXPECT_EQ(driver.outcome(ReleaseLock{.name = "l", .session = three, .token = token}),
              Outcome{LockReleased{token}});
    EXPECT_EQ(driver.outcome(ReleaseLock{.name = "l", .token = token}),
              Outcome{LockReleased{token}});
    EXPECT_THAT(holders(), IsEmpty());
}

TEST_F(SharedLock, IsDelayedForNewcomersWhileOthersGoOnSharingIt) {
    driver.run(LeaderStart{1});
    const Revision start = machine.applied();
    const SessionId slow = driver.open(5'000), quick = driver.open(1'000);
    driver.share("l", slow);
    driver.share("l", quick);
    driver.share("l", one);

    driver.run(ExpireSession{slow, start});
    const Revision lapse = driver.run(ExpireSession{quick, start}).revision;
    release(one);

    EXPECT_EQ(machine.lock("l")->lock->delay, 5'000) << "the longer of the two, from the later on";
    EXPECT_EQ(ask(two, LockMode::shared),
              (Outcome{LockHeld{.holder = 0, .token = 8 + 2, .position = 1}}));
    driver.run(EndLockDelay{"l", lapse - 1});
    driver.queue_shared("l", two);
    EXPECT_THAT(lines(driver.run(EndLockDelay{"l", lapse}).events),
                ElementsAre("0! acquired l s2 t17 shared"));
}

TEST_F(SharedLock, IsTakenByForceFromEverybody) {
    driver.share("l", one);
    driver.share("l", two);
    driver.queue("l", three);

    const Applied broken =
        driver.run(ReleaseLock{.name = "l", .force = true, .reason = "stuck", .author = "ada"});

    EXPECT_EQ(broken.outcome, Outcome{LockReleased{6}});
    EXPECT_THAT(lines(broken.events),
                ElementsAre("0 broken l s1 t5 shared by ada: stuck",
                            "1 broken l s2 t6 shared by ada: stuck", "2! acquired l s3 t8"));
    EXPECT_EQ(*machine.lock("l")->lock->last_release, (LastRelease{.session = two,
                                                                   .token = 6,
                                                                   .at = driver.now(),
                                                                   .revision = 8,
                                                                   .reason = ReleaseReason::forced,
                                                                   .author = "ada",
                                                                   .comment = "stuck"}));
    EXPECT_NE(machine.session(one), nullptr) << "the session goes on";
    driver.run(ReleaseLock{.name = "l", .session = three});
    EXPECT_THAT(lines(driver.restored().history(7, 1).at(0)->events),
                ElementsAre("0 broken l s1 t5 shared by ada: stuck",
                            "1 broken l s2 t6 shared by ada: stuck", "2! acquired l s3 t8"))
        << "the next release does not take it away";
}

TEST_F(SharedLock, IsTakenByForceFromOneHolder) {
    driver.share("l", one);
    const Token token = driver.share("l", two);
    const auto by_force = [&](std::optional<SessionId> session, std::optional<Token> which) {
        return driver.outcome(
            ReleaseLock{.name = "l", .session = session, .token = which, .force = true});
    };

    EXPECT_EQ(by_force(two, 5), Outcome{NotHolder{one}});
    EXPECT_EQ(by_force(three, {}), Outcome{NotHolder{one}});
    EXPECT_EQ(by_force({}, token), Outcome{LockReleased{token}});
    EXPECT_EQ(by_force(one, {}), Outcome{LockReleased{5}});
    EXPECT_EQ(by_force({}, {}), Outcome{NotHolder{}});
}

TEST_F(SharedLock, IsNoLongerDelayedOnceItIsTakenByForce) {
    driver.run(LeaderStart{1});
    const Revision start = machine.applied();
    const SessionId careful = driver.open(5'000);
    const Token token = driver.lock("l", careful);
    driver.run(ExpireSession{careful, start});
    driver.queue("l", one);

    const Applied broken = driver.run(ReleaseLock{.name = "l", .force = true});

    EXPECT_EQ(broken.outcome, Outcome{LockReleased{token}});
    EXPECT_THAT(holders(), ElementsAre(one));
    EXPECT_THAT(machine.delayed_locks(), IsEmpty());
}

TEST_F(SharedLock, IsHandedOnInPiecesThatAreBounded) {
    Driver small({.grants_per_command = 2});
    const SessionId writer = small.open();
    small.lock("l", writer);
    std::vector<SessionId> readers;
    for (int i = 0; i < 5; ++i) readers.push_back(small.open());
    for (const SessionId reader : readers) small.queue_shared("l", reader);

    Revision piece = small.run(ReleaseLock{.name = "l", .session = writer}).revision;

    // The rest follows by the leader's command, which is due at once.
    for (const std::size_t held : {2U, 4U}) {
        ASSERT_EQ(small.machine().lock("l")->holder_count, held);
        ASSERT_EQ(small.machine().delayed_locks().size(), 1U);
        EXPECT_EQ(small.machine().delayed_locks()[0]->delayed_at, piece);
        piece = small.run(EndLockDelay{"l", piece}).revision;
    }
    EXPECT_EQ(small.machine().lock("l")->holder_count, 5U);
    EXPECT_THAT(small.machine().delayed_locks(), IsEmpty());
}

TEST_F(SharedLock, MakesRoomForNobodyWhomTheBoundsForbid) {
    Driver small({.locks_held = 2, .waiters = 2});
    const SessionId writer = small.open(), a = small.open(), b = small.open(), c = small.open();
    small.lock("l", writer);
    small.lock("m", writer);
    small.queue_shared("l", a);
    small.queue_shared("l", b);
    small.run(ReleaseLock{.name = "l", .session = writer});
    ASSERT_EQ(small.machine().lock("l")->holder_count, 2U) << "who waited gets it";

    const LimitReached locks{LimitReached::What::locks}, waiters{LimitReached::What::waiters};
    EXPECT_EQ(small.outcome(AcquireLock{.name = "n", .session = c}), Outcome{locks});
    small.queue("m", c);
    const SessionId d = small.open();
    EXPECT_EQ(small.outcome(AcquireLock{.name = "m", .session = d, .wait = 9}), Outcome{waiters})
        << "as many hold or wait as may";
}

}  // namespace
}  // namespace gavel::statemachine
