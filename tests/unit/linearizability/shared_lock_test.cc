#include "tests/simulation/shared_lock.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "base/prng.h"
#include "tests/simulation/linearizability.h"
#include "tests/unit/linearizability/definition.h"

namespace gavel::linearizability {
namespace {

using Lock = SharedLock;
using Call = Operation<Lock::Input, Lock::Output>;

constexpr std::uint64_t ada = 11, bob = 12, eve = 13;

Verdict verdict_on(const History<Lock>& history) { return check(Lock{}, history).verdict; }

// Gives histories of one lock that are right: clients with a session each, some of which lapse
// unseen, writers among them, and answers of which some are lost.
class RightServer {
public:
    RightServer(std::uint64_t seed, std::uint64_t limit, std::uint64_t lost_percent)
        : prng_(seed), limit_(limit), lost_percent_(lost_percent) {}

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
        if (holders_.erase(sessions_[client]) != 0) delayed_ = delayed_ || delays;
        sessions_[client] = ++slot_;
    }

    std::pair<Lock::Input, Lock::Output> execute(std::uint64_t session) {
        ++slot_;
        if (prng_.chance(20)) delayed_ = false;
        switch (prng_.below(7)) {
            case 0:
            case 1:
                return acquire(session, Lock::acquire(session, limit_));
            case 2:
                return acquire(session, Lock::acquire_alone(session));
            case 3:
            case 4:
                if (holders_.erase(session) == 0) {
                    return {Lock::release(session), Lock::not_holder()};
                }
                return {Lock::release(session), Lock::released()};
            case 5: {
                const bool any = !holders_.empty() || delayed_;
                holders_.clear();
                delayed_ = false;
                return {Lock::take_away(), any ? Lock::released() : Lock::not_holder()};
            }
            default: {
                Lock::Output::Holders list;
                for (const auto& [who, hold] : holders_) list.emplace_back(who, hold.first);
                return {Lock::inspect(), Lock::list(list)};
            }
        }
    }

    std::pair<Lock::Input, Lock::Output> acquire(std::uint64_t session, const Lock::Input& input) {
        if (const auto own = holders_.find(session); own != holders_.end()) {
            if (own->second.second == input.alone) return {input, Lock::granted(own->second.first)};
            return {Lock::release(session, 1), Lock::not_holder()};
        }
        const bool fits = holders_.empty() || (!input.alone && !holders_.begin()->second.second &&
                                               (limit_ == 0 || holders_.size() < limit_));
        if (fits && !delayed_) {
            holders_[session] = {slot_, input.alone};
            return {input, Lock::granted(slot_)};
        }
        if (holders_.empty()) return {input, Lock::held(0)};
        const auto& [who, hold] = *holders_.begin();
        return {input, Lock::held(who, hold.first, holders_.size())};
    }

    Prng prng_;
    std::uint64_t limit_;
    std::uint64_t lost_percent_;
    std::int64_t now_{100};
    std::uint64_t slot_{};
    std::vector<std::uint64_t> sessions_;  // By client: the one it has now.
    std::map<std::uint64_t, std::pair<std::uint64_t, bool>> holders_;  // Token, alone.
    bool delayed_{};
};

TEST(SharedLockHistory, IsJudgedAsTheDefinitionSays) {
    int broken = 0;
    for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
        Prng prng{seed};
        History<Lock> history = RightServer{seed, seed % 3, 30}.serve(5, 3);
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

TEST(SharedLockHistory, PassesWhateverARightServerAnswers) {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        const History<Lock> history = RightServer{seed, seed % 4, 3}.serve(300, 8);

        const Report report = check(Lock{}, history);

        ASSERT_EQ(report.verdict, Verdict::linearizable)
            << "seed " << seed << ", " << report.steps << " steps";
    }
}

TEST(SharedLockHistory, FailsWhenOneRefusalAmongManyWasAGrant) {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        History<Lock> history = RightServer{seed, 2, 3}.serve(300, 8);
        const auto held = std::find_if(history.begin() + 150, history.end(), [](const auto& one) {
            return one.returned != never && one.input.kind == Lock::Input::Kind::acquire &&
                   one.input.alone && one.output.kind == Lock::Output::Kind::held &&
                   one.output.session != 0;
        });
        ASSERT_NE(held, history.end());
        Call lie = *held;
        lie.output = Lock::granted(held->output.token);
        history.push_back(lie);

        ASSERT_EQ(verdict_on(history), Verdict::broken) << "seed " << seed;
    }
}

TEST(SharedLockHistory, PassesWithReadersTogetherAndAWriterAfterThem) {
    EXPECT_EQ(verdict_on({{1, 0, 1, Lock::acquire(ada), Lock::granted(20)},
                          {2, 2, 3, Lock::acquire(bob), Lock::granted(21)},
                          {3, 4, 5, Lock::inspect(), Lock::list({{ada, 20}, {bob, 21}})},
                          {3, 6, 7, Lock::acquire_alone(eve), Lock::held(ada, 20, 2)},
                          {1, 8, 9, Lock::release(ada), Lock::released()},
                          {2, 10, 11, Lock::release(bob, 21), Lock::released()},
                          {3, 12, 13, Lock::acquire_alone(eve), Lock::granted(25)}}),
              Verdict::linearizable);
}

TEST(SharedLockHistory, FailsOnAWriterBesideAReader) {
    const Call reader{1, 0, 1, Lock::acquire(ada), Lock::granted(20)};
    const Call writer{1, 0, 1, Lock::acquire_alone(ada), Lock::granted(20)};

    EXPECT_EQ(verdict_on({reader, {2, 2, 3, Lock::acquire_alone(bob), Lock::granted(21)}}),
              Verdict::broken);
    EXPECT_EQ(verdict_on({writer, {2, 2, 3, Lock::acquire(bob), Lock::granted(21)}}),
              Verdict::broken);
    EXPECT_EQ(verdict_on({reader, {2, 2, 3, Lock::acquire(bob), Lock::granted(21)}}),
              Verdict::linearizable);
}

TEST(SharedLockHistory, FailsOnMoreHoldersThanTheLimit) {
    const History<Lock> full{{1, 0, 1, Lock::acquire(ada, 2), Lock::granted(20)},
                             {2, 2, 3, Lock::acquire(bob, 2), Lock::granted(21)}};
    const auto followed_by = [&](Lock::Input input, Lock::Output output) {
        History<Lock> history = full;
        history.push_back({3, 4, 5, input, output});
        return verdict_on(history);
    };

    EXPECT_EQ(followed_by(Lock::acquire(eve, 2), Lock::granted(22)), Verdict::broken);
    EXPECT_EQ(followed_by(Lock::acquire(eve, 3), Lock::granted(22)), Verdict::linearizable);
    EXPECT_EQ(followed_by(Lock::acquire(eve, 2), Lock::held(ada, 20, 2)), Verdict::linearizable);
    EXPECT_EQ(followed_by(Lock::acquire(eve, 2), Lock::held(ada, 20, 3)), Verdict::broken);
    EXPECT_EQ(followed_by(Lock::acquire(eve, 2), Lock::held(eve, 20, 2)), Verdict::broken);
    EXPECT_EQ(followed_by(Lock::inspect(), Lock::list({{ada, 20}})), Verdict::broken);
    EXPECT_EQ(followed_by(Lock::inspect(), Lock::list({{ada, 20}, {bob, 20}})), Verdict::broken);
}

TEST(SharedLockHistory, LetsOnlyThoseWhoShareItHaveOneToken) {
    EXPECT_EQ(verdict_on({{1, 0, 1, Lock::acquire(ada), Lock::granted(20)},
                          {2, 0, 1, Lock::acquire(bob), Lock::granted(20)}}),
              Verdict::linearizable);
    EXPECT_EQ(verdict_on({{1, 0, 1, Lock::acquire(ada), Lock::granted(20)},
                          {1, 2, 3, Lock::release(ada), Lock::released()},
                          {2, 4, 5, Lock::acquire_alone(bob), Lock::granted(20)}}),
              Verdict::broken);
    EXPECT_EQ(verdict_on({{1, 0, 1, Lock::acquire(ada), Lock::granted(20)},
                          {2, 2, 3, Lock::acquire(bob), Lock::granted(19)}}),
              Verdict::broken);
}

TEST(SharedLockHistory, IsOverForAllWhenItIsTakenAway) {
    const History<Lock> taken{{1, 0, 1, Lock::acquire(ada), Lock::granted(20)},
                              {2, 2, 3, Lock::acquire(bob), Lock::granted(21)},
                              {3, 4, 5, Lock::take_away(), Lock::released()}};
    const auto followed_by = [&](Lock::Input input, Lock::Output output) {
        History<Lock> history = taken;
        history.push_back({2, 6, 7, input, output});
        return verdict_on(history);
    };

    EXPECT_EQ(followed_by(Lock::release(bob), Lock::released()), Verdict::broken);
    EXPECT_EQ(followed_by(Lock::release(bob), Lock::not_holder()), Verdict::linearizable);
    EXPECT_EQ(followed_by(Lock::acquire_alone(bob), Lock::granted(30)), Verdict::linearizable);
    EXPECT_EQ(followed_by(Lock::take_away(), Lock::released()), Verdict::broken);
    EXPECT_EQ(followed_by(Lock::take_away(), Lock::not_holder()), Verdict::linearizable);
}

TEST(SharedLockHistory, EndsForOneWhenItsSessionDoes) {
    const auto followed_by = [](Lock::Input end, Lock::Input input, Lock::Output output) {
        return verdict_on({{1, 0, 1, Lock::acquire(ada), Lock::granted(20)},
                           {2, 2, 3, Lock::acquire(bob), Lock::granted(21)},
                           {1, 4, 5, end, Lock::ended()},
                           {3, 6, 7, input, output}});
    };
    const auto end = Lock::end(ada);

    EXPECT_EQ(followed_by(end, Lock::inspect(), Lock::list({{bob, 21}})), Verdict::linearizable);
    EXPECT_EQ(followed_by(end, Lock::acquire(ada), Lock::granted(30)), Verdict::broken);
    EXPECT_EQ(followed_by(end, Lock::acquire(ada), Lock::no_session()), Verdict::linearizable);
    EXPECT_EQ(followed_by(end, Lock::acquire(bob), Lock::no_session()), Verdict::broken)
        << "it holds the lock";
}

TEST(SharedLockHistory, IsDelayedForNewcomersOnly) {
    const auto verdict = [](bool delays) {
        return verdict_on({{1, 0, 1, Lock::acquire(ada), Lock::granted(20)},
                           {1, 2, never, Lock::end(ada, delays), {}},
                           {2, 3, 4, Lock::acquire(bob), Lock::held(0)},
                           {2, 5, 6, Lock::acquire(bob), Lock::granted(30)}});
    };

    EXPECT_EQ(verdict(true), Verdict::linearizable);
    EXPECT_EQ(verdict(false), Verdict::broken);
}

TEST(SharedLockHistory, TakesAnUnansweredAcquireForAHoldWithATokenThatShowsLater) {
    const Call lost{1, 0, never, Lock::acquire(ada), {}};

    EXPECT_EQ(verdict_on({lost,
                          {2, 1, 2, Lock::acquire_alone(bob), Lock::held(ada, 7, 1)},
                          {1, 3, 4, Lock::acquire(ada), Lock::granted(7)}}),
              Verdict::linearizable);
    EXPECT_EQ(verdict_on({lost,
                          {2, 1, 2, Lock::acquire_alone(bob), Lock::held(ada, 7, 1)},
                          {1, 3, 4, Lock::acquire(ada), Lock::granted(8)}}),
              Verdict::broken);
    EXPECT_EQ(verdict_on({lost, {2, 1, 2, Lock::acquire_alone(bob), Lock::granted(7)}}),
              Verdict::linearizable);
}

}  // namespace
}  // namespace gavel::linearizability
