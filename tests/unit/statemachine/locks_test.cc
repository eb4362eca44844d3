#include <gmock/gmock.h>

#include "driver.h"

namespace gavel::statemachine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Lock : testing::Test {
    Driver driver;
    const Machine& machine = driver.machine();
    SessionId one = driver.open(), two = driver.open(), three = driver.open();

    Outcome acquire(SessionId session, DurationMs wait) {
        return driver.outcome(AcquireLock{.name = "deploy", .session = session, .wait = wait});
    }
    SessionId holder() const {
        const auto lock = machine.lock("deploy");
        return lock && !lock->holders.empty() ? lock->holders.front()->session : 0;
    }
};

TEST_F(Lock, IsGrantedWhenFreeWithTheSlotAsToken) {
    const Revision slot = driver.next_slot();

    const Applied applied =
        driver.run(AcquireLock{.name = "deploy", .session = one, .metadata = "{\"who\":\"ci\"}"});

    EXPECT_EQ(applied.outcome,
              (Outcome{LockGranted{.token = slot, .since = driver.now(), .fresh = true}}));
    EXPECT_THAT(lines(applied.events), ElementsAre("0! acquired deploy s1 t4"));
    EXPECT_EQ(*machine.holder("deploy", one), (Holder{.lock = "deploy",
                                                      .session = one,
                                                      .token = slot,
                                                      .since = driver.now(),
                                                      .metadata = "{\"who\":\"ci\"}"}));
    EXPECT_THAT(machine.held_by(one), ElementsAre("deploy"));
}

TEST_F(Lock, IsNotGrantedToASessionThatDoesNotExist) {
    EXPECT_EQ(acquire(99, 0), Outcome{SessionNotFound{99}});
    EXPECT_FALSE(machine.lock("deploy"));

    driver.lock("deploy", one);
    EXPECT_EQ(acquire(99, 10'000), Outcome{SessionNotFound{99}});
    EXPECT_EQ(machine.queue_length("deploy"), 0U);
}

TEST_F(Lock, KeepsItsTokenWhenItsHolderAsksAgain) {
    const Token token = driver.lock("deploy", one);
    const TimeMs since = driver.now();
    driver.pass(1'000);

    const Applied again = driver.run(AcquireLock{.name = "deploy", .session = one, .wait = 5'000});

    EXPECT_EQ(again.outcome,
              (Outcome{LockGranted{.token = token, .since = since, .fresh = false}}));
    EXPECT_THAT(again.changed, IsEmpty());
}

TEST_F(Lock, NeverQueuesWithoutAWait) {
    const Token token = driver.lock("deploy", one);
    driver.queue("deploy", two);

    EXPECT_EQ(acquire(three, 0), (Outcome{LockHeld{.holder = one, .token = token, .position = 2}}));
    EXPECT_EQ(machine.queue_length("deploy"), 1U);
}

TEST_F(Lock, QueuesInOrderOfArrival) {
    driver.lock("deploy", one);

    EXPECT_EQ(acquire(three, 10'000), (Outcome{LockQueued{.attempt = 5, .position = 1}}));
    EXPECT_EQ(acquire(two, 10'000), (Outcome{LockQueued{.attempt = 6, .position = 2}}));

    EXPECT_EQ(machine.position("deploy", three), 1U);
    EXPECT_EQ(machine.position("deploy", two), 2U);
    EXPECT_EQ(machine.position("deploy", one), 0U);
    EXPECT_EQ(machine.waiters().size(), 2U);
    EXPECT_EQ(machine.lock("deploy")->queue.at(0)->session, three);
    EXPECT_THAT(machine.waited_for_by(two), ElementsAre("deploy"));
}

TEST_F(Lock, GoesToTheNextWaiterWithAHigherToken) {
    const Token token = driver.lock("deploy", one);
    driver.queue("deploy", two);
    driver.queue("deploy", three);
    driver.pass(50);

    const Applied applied = driver.run(ReleaseLock{.name = "deploy", .session = one});

    EXPECT_EQ(applied.outcome, Outcome{LockReleased{token}});
    EXPECT_THAT(lines(applied.events),
                ElementsAre("0 released deploy s1 t4", "1! acquired deploy s2 t7"));
    EXPECT_EQ(
        *machine.holder("deploy", two),
        (Holder{
            .lock = "deploy", .session = two, .token = applied.revision, .since = driver.now()}));
    EXPECT_EQ(machine.lock("deploy")->lock->last_release->reason, ReleaseReason::released);
    EXPECT_EQ(machine.position("deploy", three), 1U);
    EXPECT_THAT(machine.waited_for_by(two), IsEmpty());
}

TEST_F(Lock, GoesToTheNextWaiterWhenTheHoldersSessionLapses) {
    driver.run(LeaderStart{1});
    driver.lock("deploy", one);
    driver.queue("deploy", two);

    const Applied applied = driver.run(ExpireSession{one, 4});

    EXPECT_THAT(lines(applied.events),
                ElementsAre("0 expired deploy s1 t5", "1! acquired deploy s2 t7"));
}

TEST_F(Lock, PassesOverASessionThatEndedWhileItWaited) {
    driver.lock("deploy", one);
    driver.queue("deploy", two);
    driver.queue("deploy", three);
    driver.run(EndSession{two});

    driver.run(ReleaseLock{.name = "deploy", .session = one});

    EXPECT_EQ(holder(), three);
}

TEST_F(Lock, KeepsThePlaceOfAWaiterThatAsksAgain) {
    driver.lock("deploy", one);
    driver.queue("deploy", two);
    driver.queue("deploy", three);
    const TimeMs since = driver.now();
    driver.pass(100);

    const Applied again =
        driver.run(AcquireLock{.name = "deploy", .session = two, .metadata = "[2]", .wait = 7'000});

    EXPECT_EQ(again.outcome, (Outcome{LockQueued{.attempt = again.revision, .position = 1}}));
    EXPECT_EQ(*machine.lock("deploy")->queue.at(0), (Waiter{.lock = "deploy",
                                                            .session = two,
                                                            .place = 5,
                                                            .attempt = again.revision,
                                                            .wait = 7'000,
                                                            .since = since,
                                                            .metadata = "[2]"}));
}

TEST_F(Lock, LosesAWaiterThatAsksAgainWithoutAWait) {
    const Token token = driver.lock("deploy", one);
    driver.queue("deploy", two);
    driver.queue("deploy", three);

    EXPECT_EQ(acquire(three, 0), (Outcome{LockHeld{.holder = one, .token = token, .position = 2}}));

    EXPECT_EQ(machine.queue_length("deploy"), 1U);
    EXPECT_EQ(machine.position("deploy", three), 0U);
}

TEST_F(Lock, LosesAWaiterWhoseWaitTimedOut) {
    const Token token = driver.lock("deploy", one);
    const Revision attempt = driver.queue("deploy", two);

    EXPECT_EQ(driver.outcome(LeaveQueue{"deploy", two, attempt}),
              (Outcome{LockHeld{.holder = one, .token = token, .position = 1}}));

    EXPECT_EQ(machine.queue_length("deploy"), 0U);
    EXPECT_THAT(machine.waited_for_by(two), IsEmpty());
}

TEST_F(Lock, KeepsAWaiterWhoseEarlierAttemptTimedOut) {
    driver.lock("deploy", one);
    const Revision earlier = driver.queue("deploy", two);
    const Revision later = driver.queue("deploy", two);

    const Applied applied = driver.run(LeaveQueue{"deploy", two, earlier});

    EXPECT_EQ(applied.outcome, (Outcome{LockQueued{.attempt = later, .position = 1}}));
    EXPECT_THAT(applied.changed, IsEmpty());
}

TEST_F(Lock, StaysWithAWaiterWhoseGrantCameBeforeTheTimeOut) {
    driver.lock("deploy", one);
    const Revision attempt = driver.queue("deploy", two);
    const Revision grant = driver.run(ReleaseLock{.name = "deploy", .session = one}).revision;

    EXPECT_EQ(driver.outcome(LeaveQueue{"deploy", two, attempt}),
              (Outcome{LockGranted{.token = grant, .since = driver.now(), .fresh = true}}));

    EXPECT_EQ(holder(), two);
}

TEST_F(Lock, HasNothingToLeaveForOneThatNeverWaited) {
    EXPECT_EQ(driver.outcome(LeaveQueue{"deploy", two, 1}), Outcome{LockHeld{}});
    driver.lock("deploy", one);
    EXPECT_EQ(driver.outcome(LeaveQueue{"deploy", two, 1}),
              (Outcome{LockHeld{.holder = one, .token = 5, .position = 1}}));
    EXPECT_EQ(driver.outcome(LeaveQueue{"deploy", 99, 1}), Outcome{SessionNotFound{99}});
}

TEST_F(Lock, IsReleasedBySessionOrTokenOrBothThatAgree) {
    struct Case {
        bool by_session, by_token;
    };
    for (const auto& [by_session, by_token] : {Case{true, false}, {false, true}, {true, true}}) {
        const Token token = driver.lock("deploy", one);
        ReleaseLock command{.name = "deploy"};
        if (by_session) command.session = one;
        if (by_token) command.token = token;

        EXPECT_EQ(driver.outcome(command), Outcome{LockReleased{token}});
        EXPECT_EQ(holder(), 0U);
    }
}

TEST_F(Lock, IsNotReleasedByOthers) {
    EXPECT_EQ(driver.outcome(ReleaseLock{.name = "deploy", .session = one}), Outcome{NotHolder{}});
    const Token old = driver.lock("deploy", one);
    driver.run(ReleaseLock{.name = "deploy", .token = old});
    EXPECT_EQ(driver.outcome(ReleaseLock{.name = "deploy", .session = one}), Outcome{NotHolder{}});
    const Token token = driver.lock("deploy", one);

    const std::vector<ReleaseLock> refused = {{.name = "deploy", .session = two},
                                              {.name = "deploy", .token = old},
                                              {.name = "deploy", .session = one, .token = old},
                                              {.name = "deploy", .session = two, .token = token},
                                              {.name = "deploy"}};
    for (const ReleaseLock& command : refused) {
        const Applied applied = driver.run(command);
        EXPECT_EQ(applied.outcome, Outcome{NotHolder{one}});
        EXPECT_THAT(applied.changed, IsEmpty());
    }
}

TEST_F(Lock, IsLeftByAWaiterThatReleases) {
    driver.lock("deploy", one);
    driver.queue("deploy", two);

    EXPECT_EQ(driver.outcome(ReleaseLock{.name = "deploy", .session = two, .token = 4}),
              Outcome{NotHolder{one}});
    EXPECT_EQ(driver.outcome(ReleaseLock{.name = "deploy", .session = two}), Outcome{LeftQueue{}});

    EXPECT_EQ(machine.queue_length("deploy"), 0U);
    EXPECT_EQ(holder(), one);
}

TEST_F(Lock, IsGrantedToNobodyDuringTheDelayAfterALapse) {
    driver.run(LeaderStart{1});
    const SessionId careful = driver.open(2'000);
    const Token token = driver.lock("deploy", careful);
    driver.queue("deploy", one);

    const Applied lapse = driver.run(ExpireSession{careful, 4});

    EXPECT_THAT(lines(lapse.events), ElementsAre("0! expired deploy s5 t6"));
    EXPECT_EQ(machine.lock("deploy")->lock->delay, 2'000);
    EXPECT_EQ(machine.delayed_locks().size(), 1U);
    EXPECT_EQ(acquire(two, 0), (Outcome{LockHeld{.holder = 0, .token = token, .position = 2}}));
    EXPECT_EQ(acquire(two, 9'000), (Outcome{LockQueued{.attempt = 10, .position = 2}}));

    EXPECT_THAT(driver.run(EndLockDelay{"deploy", lapse.revision + 1}).changed, IsEmpty());
    const Applied end = driver.run(EndLockDelay{"deploy", lapse.revision});
    EXPECT_EQ(end.outcome, Outcome{Done{}});
    EXPECT_THAT(lines(end.events), ElementsAre("0! acquired deploy s1 t12"));
    EXPECT_THAT(machine.delayed_locks(), IsEmpty());
    EXPECT_THAT(driver.run(EndLockDelay{"deploy", lapse.revision}).changed, IsEmpty());
}

TEST_F(Lock, IsFreeOnceItsDelayEndsWithNobodyWaiting) {
    driver.run(LeaderStart{1});
    const SessionId careful = driver.open(2'000);
    driver.lock("deploy", careful);
    const Revision lapse = driver.run(ExpireSession{careful, 4}).revision;

    driver.run(EndLockDelay{"deploy", lapse});

    EXPECT_EQ(machine.lock("deploy")->lock->delay, 0);
    driver.lock("deploy", one);
}

TEST_F(Lock, HasNoDelayWhenItsHolderLetsGo) {
    const SessionId careful = driver.open(2'000);
    driver.lock("deploy", careful);
    driver.lock("other", careful);

    driver.run(ReleaseLock{.name = "deploy", .session = careful});
    driver.run(EndSession{careful});

    driver.lock("deploy", one);
    driver.lock("other", one);
}

TEST_F(Lock, IsRememberedAfterItsReleaseUntilNewerOnesNeedTheRoom) {
    Driver small({.free_locks = 2});
    const SessionId session = small.open();
    for (const char* name : {"c", "a", "b"}) small.lock(name, session);
    small.run(ReleaseLock{.name = "c", .session = session});
    small.run(ReleaseLock{.name = "a", .session = session});

    small.run(ReleaseLock{.name = "b", .session = session});

    EXPECT_FALSE(small.machine().lock("c"));
    EXPECT_TRUE(small.machine().lock("a"));
    EXPECT_TRUE(small.machine().lock("b"));
}

TEST_F(Lock, ThatIsTakenAgainIsNotForgotten) {
    Driver small({.free_locks = 1});
    const SessionId session = small.open();
    small.lock("a", session);
    small.run(ReleaseLock{.name = "a", .session = session});
    const Token token = small.lock("a", session);
    small.lock("b", session);

    small.run(ReleaseLock{.name = "b", .session = session});

    EXPECT_EQ(small.machine().holder("a", session)->token, token);
}

TEST_F(Lock, GetsAHigherTokenAfterItWasForgotten) {
    Driver small({.free_locks = 0});
    const SessionId session = small.open();
    const Token token = small.lock("a", session);
    small.run(ReleaseLock{.name = "a", .session = session});
    ASSERT_FALSE(small.machine().lock("a"));

    EXPECT_GT(small.lock("a", session), token);
}

TEST_F(Lock, IsRefusedWhenTooManyAreHeld) {
    Driver small({.locks_held = 2});
    const SessionId session = small.open(), careful = small.open(1'000);
    small.run(LeaderStart{1});
    small.lock("a", session);
    small.lock("b", careful);
    const Revision lapse = small.run(ExpireSession{careful, 3}).revision;

    // "b" is under delay, and will be held again: its room is not given away.
    EXPECT_EQ(small.outcome(AcquireLock{.name = "c", .session = session}),
              Outcome{LimitReached{LimitReached::What::locks}});
    small.run(EndLockDelay{"b", lapse});
    small.lock("c", session);
}

TEST_F(Lock, IsRefusedToASessionThatHasTooMany) {
    Driver small({.locks_per_session = 2});
    const SessionId greedy = small.open(), other = small.open();
    small.lock("a", other);
    small.lock("x", other);
    small.queue("a", greedy);
    small.lock("b", greedy);

    const Outcome refused{LimitReached{LimitReached::What::locks_per_session}};
    EXPECT_EQ(small.outcome(AcquireLock{.name = "c", .session = greedy}), refused);
    EXPECT_EQ(small.outcome(AcquireLock{.name = "x", .session = greedy, .wait = 9}), refused);
    EXPECT_FALSE(small.machine().lock("c"));

    // What it has already it may ask for again.
    small.queue("a", greedy);
    small.lock("b", greedy);
}

TEST_F(Lock, QueuesNobodyWhenTooManyWait) {
    Driver small({.waiters = 1});
    const SessionId holder = small.open(), a = small.open(), b = small.open();
    small.lock("x", holder);
    small.queue("x", a);

    EXPECT_EQ(small.outcome(AcquireLock{.name = "x", .session = b, .wait = 9}),
              Outcome{LimitReached{LimitReached::What::waiters}});
    small.run(ReleaseLock{.name = "x", .session = a});
    small.queue("x", b);
}

TEST_F(Lock, IsListedByPrefixInPages) {
    for (const char* name : {"app/a", "app/b", "app/c", "apq", "b"}) driver.lock(name, one);
    const auto names = [&](std::string_view prefix, std::string_view after, std::size_t limit) {
        std::vector<std::string> found;
        for (const auto& lock : machine.locks(prefix, after, limit, {})) found.push_back(lock.name);
        return found;
    };

    EXPECT_THAT(names("app/", "", 2), ElementsAre("app/a", "app/b"));
    EXPECT_THAT(names("app/", "app/b", 2), ElementsAre("app/c"));
    EXPECT_THAT(names("app/", "app/c", 2), IsEmpty());
    EXPECT_THAT(names("", "app/c", 9), ElementsAre("apq", "b"));
    EXPECT_EQ(names("", "", 9).size(), 5U);
}

TEST_F(Lock, HandsOnThroughALongQueueInOrder) {
    constexpr std::size_t length = 2'000;
    Machine busy({}, 1, {});
    Revision slot = 0;
    const auto run = [&](Command command) {
        return busy.apply(++slot, {.command = std::move(command)});
    };
    std::vector<SessionId> sessions;
    for (std::size_t i = 0; i <= length; ++i) {
        sessions.push_back(std::get<SessionOpened>(run(OpenSession{}).outcome).session);
    }
    for (const SessionId session : sessions) {
        run(AcquireLock{.name = "hot", .session = session, .wait = 1});
    }

    for (std::size_t i = 0; i < length; ++i) {
        ASSERT_EQ(busy.lock("hot")->holders.at(0)->session, sessions[i]);
        ASSERT_EQ(busy.queue_length("hot"), length - i);
        run(ReleaseLock{.name = "hot", .session = sessions[i]});
    }

    EXPECT_EQ(busy.lock("hot")->holders.at(0)->session, sessions[length]);
    busy.check_invariants();
}

TEST(LockDelay, IsToldOfWhenAnOperatorEndsIt) {
    Driver driver;
    const SessionId holder = driver.open(5'000), next = driver.open();
    const Token token = driver.lock("l", holder);
    driver.pass(100);
    driver.run(ExpireSession{holder, 0});
    EXPECT_EQ(driver.machine().lock("l")->lock->delayed_since, driver.now());
    driver.queue("l", next);

    const Applied ended =
        driver.run(ReleaseLock{.name = "l", .force = true, .reason = "known", .author = "ada"});

    EXPECT_THAT(lines(ended.events),
                testing::ElementsAre("0 delay of l s" + std::to_string(holder) + " t" +
                                         std::to_string(token) + " by ada: known",
                                     "1! acquired l s" + std::to_string(next) + " t" +
                                         std::to_string(ended.revision)));
    EXPECT_EQ(driver.machine().lock("l")->lock->delayed_since, 0);
}

}  // namespace
}  // namespace gavel::statemachine
