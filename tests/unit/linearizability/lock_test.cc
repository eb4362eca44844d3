#include <gmock/gmock.h>

#include "tests/simulation/linearizability.h"

namespace gavel::linearizability {
namespace {

constexpr std::uint64_t ada = 11, bob = 12;

Verdict verdict_on(const History<Lock>& history) { return check(Lock{}, history).verdict; }

TEST(LockHistory, PassesWhenTheLockGoesFromHandToHand) {
    EXPECT_EQ(verdict_on({{1, 0, 1, Lock::inspect(), Lock::free()},
                          {1, 2, 3, Lock::acquire(ada), Lock::granted(20)},
                          {1, 4, 5, Lock::acquire(ada), Lock::granted(20)},
                          {2, 4, 5, Lock::acquire(bob), Lock::held(ada, 20)},
                          {2, 6, 9, Lock::acquire(bob), Lock::granted(25)},
                          {1, 7, 8, Lock::release(ada, 20), Lock::released()},
                          {1, 10, 11, Lock::release(ada), Lock::not_holder()},
                          {1, 12, 13, Lock::inspect(), Lock::held(bob, 25)}}),
              Verdict::linearizable);
}

TEST(LockHistory, FailsOnTwoHolders) {
    EXPECT_EQ(verdict_on({{1, 0, 1, Lock::acquire(ada), Lock::granted(20)},
                          {2, 0, 1, Lock::acquire(bob), Lock::granted(21)}}),
              Verdict::broken);
}

TEST(LockHistory, FailsWhenATokenGoesBack) {
    EXPECT_EQ(verdict_on({{1, 0, 1, Lock::acquire(ada), Lock::granted(20)},
                          {1, 2, 3, Lock::release(ada), Lock::released()},
                          {2, 4, 5, Lock::acquire(bob), Lock::granted(19)}}),
              Verdict::broken);
}

TEST(LockHistory, FailsWhenATokenIsGrantedTwice) {
    EXPECT_EQ(verdict_on({{1, 0, 1, Lock::acquire(ada), Lock::granted(20)},
                          {1, 2, 3, Lock::release(ada), Lock::released()},
                          {2, 4, 5, Lock::acquire(bob), Lock::granted(20)}}),
              Verdict::broken);
}

TEST(LockHistory, FailsWhenAHolderIsGivenAnotherToken) {
    EXPECT_EQ(verdict_on({{1, 0, 1, Lock::acquire(ada), Lock::granted(20)},
                          {1, 2, 3, Lock::acquire(ada), Lock::granted(21)}}),
              Verdict::broken);
}

TEST(LockHistory, FailsWhenAFreeLockIsCalledHeld) {
    EXPECT_EQ(verdict_on({{1, 0, 1, Lock::acquire(ada), Lock::granted(20)},
                          {1, 2, 3, Lock::release(ada), Lock::released()},
                          {2, 4, 5, Lock::acquire(bob), Lock::held(ada)}}),
              Verdict::broken);
}

TEST(LockHistory, FailsOnAStaleInspection) {
    EXPECT_EQ(verdict_on({{1, 0, 1, Lock::acquire(ada), Lock::granted(20)},
                          {2, 2, 3, Lock::inspect(), Lock::free()}}),
              Verdict::broken);
}

TEST(LockHistory, FailsOnAReleaseByAnotherSession) {
    EXPECT_EQ(verdict_on({{1, 0, 1, Lock::acquire(ada), Lock::granted(20)},
                          {2, 2, 3, Lock::release(bob), Lock::released()}}),
              Verdict::broken);
}

TEST(LockHistory, FailsOnAReleaseByAnOldToken) {
    const History<Lock> granted_twice{{1, 0, 1, Lock::acquire(ada), Lock::granted(20)},
                                      {1, 2, 3, Lock::release(ada), Lock::released()},
                                      {1, 4, 5, Lock::acquire(ada), Lock::granted(30)}};
    const auto with_release = [&](std::uint64_t token, Lock::Output output) {
        History<Lock> history = granted_twice;
        history.push_back({2, 6, 7, Lock::release(0, token), output});
        return history;
    };

    EXPECT_EQ(verdict_on(with_release(20, Lock::released())), Verdict::broken);
    EXPECT_EQ(verdict_on(with_release(20, Lock::not_holder())), Verdict::linearizable);
    EXPECT_EQ(verdict_on(with_release(30, Lock::released())), Verdict::linearizable);
    EXPECT_EQ(verdict_on(with_release(30, Lock::not_holder())), Verdict::broken);
}

TEST(LockHistory, FailsWhenARefusedReleaseFreedTheLock) {
    EXPECT_EQ(verdict_on({{1, 0, 1, Lock::acquire(ada), Lock::granted(20)},
                          {2, 2, 3, Lock::release(bob), Lock::not_holder()},
                          {2, 4, 5, Lock::acquire(bob), Lock::granted(25)}}),
              Verdict::broken);
}

TEST(LockHistory, LetsAWaiterLeaveTheQueueButNotAHolder) {
    const Operation<Lock::Input, Lock::Output> held{1, 0, 1, Lock::acquire(ada), Lock::granted(20)};

    EXPECT_EQ(verdict_on({held, {2, 2, 3, Lock::release(bob), Lock::left_queue()}}),
              Verdict::linearizable);
    EXPECT_EQ(verdict_on({held, {1, 2, 3, Lock::release(ada), Lock::left_queue()}}),
              Verdict::broken);
}

TEST(EndOfSession, FreesItsLockAndGrantsItNothingMore) {
    const History<Lock> ended{{1, 0, 1, Lock::acquire(ada), Lock::granted(20)},
                              {1, 2, 3, Lock::end(ada), Lock::ended()}};
    const auto followed_by = [&](Lock::Input input, Lock::Output output) {
        History<Lock> history = ended;
        history.push_back({2, 4, 5, input, output});
        return verdict_on(history);
    };

    EXPECT_EQ(followed_by(Lock::acquire(bob), Lock::granted(30)), Verdict::linearizable);
    EXPECT_EQ(followed_by(Lock::acquire(bob), Lock::held(ada)), Verdict::broken);
    EXPECT_EQ(followed_by(Lock::acquire(ada), Lock::granted(30)), Verdict::broken);
    EXPECT_EQ(followed_by(Lock::acquire(ada), Lock::no_session()), Verdict::linearizable);
    EXPECT_EQ(followed_by(Lock::end(ada), Lock::ended()), Verdict::broken);
    EXPECT_EQ(followed_by(Lock::end(ada), Lock::no_session()), Verdict::linearizable);
    EXPECT_EQ(followed_by(Lock::release(ada), Lock::released()), Verdict::broken);
}

TEST(EndOfSession, MayBeALapseThatNobodySaw) {
    const Operation<Lock::Input, Lock::Output> held{1, 0, 1, Lock::acquire(ada), Lock::granted(20)};
    const Operation<Lock::Input, Lock::Output> taken_over{2, 12, 13, Lock::acquire(bob),
                                                          Lock::granted(30)};

    EXPECT_EQ(verdict_on({held, {0, 10, never, Lock::end(ada), {}}, taken_over}),
              Verdict::linearizable);
    EXPECT_EQ(verdict_on({held, taken_over}), Verdict::broken);
    EXPECT_EQ(verdict_on({held, taken_over, {0, 14, never, Lock::end(ada), {}}}), Verdict::broken);
}

TEST(EndOfSession, DelaysTheNextGrantOnlyWhereItSaysSo) {
    const auto refused_after = [](Lock::Input end) {
        return verdict_on({{1, 0, 1, Lock::acquire(ada), Lock::granted(20)},
                           {0, 2, never, end, {}},
                           {2, 3, 4, Lock::acquire(bob), Lock::held(0)},
                           {2, 5, 6, Lock::acquire(bob), Lock::granted(30)}});
    };

    EXPECT_EQ(refused_after(Lock::end(ada, true)), Verdict::linearizable);
    EXPECT_EQ(refused_after(Lock::end(ada, false)), Verdict::broken);
}

TEST(UnansweredAcquire, MayHoldTheLockWithATokenThatShowsLater) {
    const Operation<Lock::Input, Lock::Output> lost{1, 0, never, Lock::acquire(ada), {}};

    EXPECT_EQ(verdict_on({lost,
                          {2, 1, 2, Lock::acquire(bob), Lock::held(ada, 7)},
                          {1, 3, 4, Lock::acquire(ada), Lock::granted(7)}}),
              Verdict::linearizable);
    EXPECT_EQ(verdict_on({lost,
                          {2, 1, 2, Lock::acquire(bob), Lock::held(ada, 7)},
                          {1, 3, 4, Lock::acquire(ada), Lock::granted(8)}}),
              Verdict::broken);
}

TEST(UnansweredAcquire, MayHaveFailed) {
    EXPECT_EQ(verdict_on({{1, 0, never, Lock::acquire(ada), {}},
                          {2, 1, 2, Lock::acquire(bob), Lock::granted(7)}}),
              Verdict::linearizable);
}

TEST(UnansweredRelease, MayHaveFreedTheLock) {
    const Operation<Lock::Input, Lock::Output> held{1, 0, 1, Lock::acquire(ada), Lock::granted(20)};
    const Operation<Lock::Input, Lock::Output> taken_over{2, 4, 5, Lock::acquire(bob),
                                                          Lock::granted(30)};

    EXPECT_EQ(verdict_on({held, {1, 2, never, Lock::release(ada), {}}, taken_over}),
              Verdict::linearizable);
    EXPECT_EQ(verdict_on({held, {1, 2, never, Lock::release(ada, 19), {}}, taken_over}),
              Verdict::broken);
}

}  // namespace
}  // namespace gavel::linearizability
