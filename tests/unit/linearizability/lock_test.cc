#include <gmock/gmock.h>

#include "base/prng.h"
#include "tests/simulation/linearizability.h"
#include "tests/unit/linearizability/definition.h"

namespace gavel::linearizability {
namespace {

constexpr std::uint64_t ada = 11, bob = 12;

Verdict verdict_on(const History<Lock>& history) { return check(Lock{}, history).verdict; }

// Gives histories of one lock that are right: clients with a session each, some of which lapse
// unseen, and answers of which some are lost.
class RightServer {
public:
    explicit RightServer(std::uint64_t seed, std::uint64_t lost_percent = 3)
        : prng_(seed), lost_percent_(lost_percent) {}

    History<Lock> serve(std::size_t operations, std::size_t clients) {
        History<Lock> history;
        std::vector<std::int64_t> free_at(clients, 0);
        for (std::size_t client = 0; client < clients; ++client) sessions_.push_back(++slot_);
        for (std::size_t i = 0; i < operations; ++i) {
            const auto client = static_cast<std::size_t>(prng_.below(clients));
            now_ += 10;
            if (prng_.chance(5)) {
                const Lock::Input end = Lock::end(sessions_[client], prng_.chance(50));
                history.push_back({client, now_ - jitter(), never, end, {}});
                lapse(client, end.delays);
            }
            const std::int64_t called = std::max(free_at[client], now_ - jitter());
            now_ = std::max(now_, called);
            const auto [input, output] = execute(sessions_[client]);
            const bool lost = prng_.chance(lost_percent_);
            const std::int64_t returned = lost ? never : now_ + jitter();
            free_at[client] = (lost ? now_ : returned) + 1;
            history.push_back({client, called, returned, input, output});
        }
        return history;
    }

private:
    std::int64_t jitter() { return static_cast<std::int64_t>(prng_.below(60)); }

    void lapse(std::size_t client, bool delays) {
        if (holder_ == sessions_[client]) {
            holder_ = 0;
            delayed_ = delays;
        }
        sessions_[client] = ++slot_;
    }

    std::pair<Lock::Input, Lock::Output> execute(std::uint64_t session) {
        ++slot_;
        if (prng_.chance(20)) delayed_ = false;
        switch (prng_.below(3)) {
            case 0:
                if (delayed_) return {Lock::acquire(session), Lock::held(0)};
                if (holder_ != 0 && holder_ != session) {
                    return {Lock::acquire(session), Lock::held(holder_, token_)};
                }
                if (holder_ == 0) token_ = slot_;
                holder_ = session;
                return {Lock::acquire(session), Lock::granted(token_)};
            case 1:
                if (holder_ != session) return {Lock::release(session), Lock::not_holder()};
                holder_ = 0;
                return {Lock::release(session), Lock::released()};
            default:
                if (holder_ == 0) return {Lock::inspect(), Lock::free()};
                return {Lock::inspect(), Lock::held(holder_, token_)};
        }
    }

    Prng prng_;
    std::uint64_t lost_percent_;
    std::int64_t now_{100};
    std::uint64_t slot_{};
    std::vector<std::uint64_t> sessions_;  // By client: the one it has now.
    std::uint64_t holder_{}, token_{};
    bool delayed_{};
};

TEST(LockHistory, IsJudgedAsTheDefinitionSays) {
    int broken = 0;
    for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
        Prng prng{seed};
        History<Lock> history = RightServer{seed, 30}.serve(5, 3);
        while (history.size() > 6) history.pop_back();
        if (prng.chance(70)) {
            auto& output = history[prng.below(history.size())].output;
            output = prng.chance(50) ? history[prng.below(history.size())].output
                                     : Lock::granted(output.token + prng.below(5));
        }

        const Verdict verdict = check(Lock{}, history).verdict;

        const bool right = is_linearizable_by_definition(Lock{}, history);
        ASSERT_EQ(verdict, right ? Verdict::linearizable : Verdict::broken) << "seed " << seed;
        broken += right ? 0 : 1;
    }
    EXPECT_GT(broken, 200);
    EXPECT_LT(broken, 800);
}

TEST(LockHistory, PassesWhateverARightServerAnswers) {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        const History<Lock> history = RightServer{seed}.serve(300, 8);

        const Report report = check(Lock{}, history);

        ASSERT_EQ(report.verdict, Verdict::linearizable)
            << "seed " << seed << ", " << report.steps << " steps";
    }
}

TEST(LockHistory, FailsWhenOneGrantAmongManyIsALie) {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        History<Lock> history = RightServer{seed}.serve(300, 8);
        const auto held = std::find_if(history.begin() + 150, history.end(), [](const auto& one) {
            return one.returned != never && one.input.kind == Lock::Input::Kind::acquire &&
                   one.output.kind == Lock::Output::Kind::held && one.output.session != 0;
        });
        ASSERT_NE(held, history.end());
        auto lie = *held;
        lie.output = Lock::granted(held->output.token);
        history.push_back(lie);

        const Report report = check(Lock{}, history);

        ASSERT_EQ(report.verdict, Verdict::broken)
            << "seed " << seed << ", " << report.steps << " steps";
    }
}

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
    EXPECT_EQ(followed_by(Lock::release(ada), Lock::no_session()), Verdict::linearizable);
    EXPECT_EQ(followed_by(Lock::release(ada), Lock::released()), Verdict::broken);
}

TEST(EndOfSession, IsNotBelievedWhileTheLockIsHeld) {
    const History<Lock> told{{1, 0, 1, Lock::acquire(ada), Lock::granted(20)},
                             {1, 2, 3, Lock::release(ada), Lock::no_session()}};
    History<Lock> told_after_a_lapse = told;
    told_after_a_lapse.push_back({0, 1, never, Lock::end(ada), {}});
    History<Lock> granted_afterwards = told_after_a_lapse;
    granted_afterwards.push_back({1, 4, 5, Lock::acquire(ada), Lock::granted(30)});

    EXPECT_EQ(verdict_on(told), Verdict::broken);
    EXPECT_EQ(verdict_on(told_after_a_lapse), Verdict::linearizable);
    EXPECT_EQ(verdict_on(granted_afterwards), Verdict::broken);
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
