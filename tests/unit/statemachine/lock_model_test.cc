// Locks against a model of them that is as simple as can be.

#include <gmock/gmock.h>

#include <algorithm>
#include <map>

#include "base/prng.h"
#include "driver.h"

namespace gavel::statemachine {
namespace {

using Wanted = AcquireLocks::Wanted;

// Locks as one explains them at a blackboard: two lists that are searched from the front, and
// nothing that is kept twice.
class Model {
public:
    struct Hold {
        std::string lock{};
        SessionId session{};
        Token token{};
        LockMode mode{};
        std::uint64_t limit{};
    };
    // An acquire that waits, of one lock or of several.
    struct Wait {
        SessionId session{};
        std::vector<Wanted> locks{};
    };

    enum class Answer : std::uint8_t { granted, queued, held, refused, released, left, not_holder };

    Answer acquire(Revision now, SessionId session, const std::vector<Wanted>& locks, bool waits) {
        for (const Wanted& wanted : locks) {
            if (!goes_with_what_is(session, wanted)) return Answer::refused;
        }
        const auto has = std::ranges::count_if(
            locks, [&](const Wanted& one) { return holds(one.name, session) != nullptr; });
        const auto own = std::ranges::find_if(waits_, [&](const Wait& wait) {
            return wait.session == session && same_names(wait.locks, locks);
        });
        const bool awaits = std::ranges::any_of(
            locks, [&](const Wanted& one) { return is_waited_for_by(one.name, session); });
        if (has > 0) {
            const Token first = has == std::ssize(locks) ? holds(locks[0].name, session)->token : 0;
            const bool by_one_grant = std::ranges::all_of(locks, [&](const Wanted& one) {
                const Hold* hold = holds(one.name, session);
                return hold != nullptr && hold->token == first;
            });
            return by_one_grant ? Answer::granted : Answer::refused;
        }
        if (awaits && own == waits_.end()) return Answer::refused;
        if (own == waits_.end()) {
            waits_.push_back({session, locks});
            const std::size_t before = waits_.size();
            serve(now);
            if (waits_.size() < before) return Answer::granted;
            if (!waits) waits_.pop_back();
            return waits ? Answer::queued : Answer::held;
        }
        if (waits) return Answer::queued;
        waits_.erase(own);
        serve(now);
        return Answer::held;
    }

    Answer release(Revision now, const std::string& lock, SessionId session) {
        if (holds(lock, session) != nullptr) {
            std::erase_if(holds_, [&](const Hold& hold) {
                return hold.lock == lock && hold.session == session;
            });
            serve(now);
            return Answer::released;
        }
        const auto left = std::erase_if(
            waits_, [&](const Wait& wait) { return wait.session == session && names(wait, lock); });
        serve(now);
        return left > 0 ? Answer::left : Answer::not_holder;
    }

    Answer take_away(Revision now, const std::string& lock) {
        const auto broken =
            std::erase_if(holds_, [&](const Hold& hold) { return hold.lock == lock; });
        serve(now);
        return broken > 0 ? Answer::released : Answer::not_holder;
    }

    void end(Revision now, SessionId session) {
        std::erase_if(holds_, [&](const Hold& hold) { return hold.session == session; });
        std::erase_if(waits_, [&](const Wait& wait) { return wait.session == session; });
        serve(now);
    }

    // "s1 t5 shared", by token and session.
    std::vector<std::string> holders(const std::string& lock) const {
        std::vector<Hold> found;
        for (const Hold& hold : holds_) {
            if (hold.lock == lock) found.push_back(hold);
        }
        std::ranges::sort(found, {},
                          [](const Hold& one) { return std::pair(one.token, one.session); });
        std::vector<std::string> lines;
        for (const Hold& hold : found) lines.push_back(line(hold.session, hold.token, hold.mode));
        return lines;
    }
    std::vector<SessionId> queue(const std::string& lock) const {
        std::vector<SessionId> sessions;
        for (const Wait& wait : waits_) {
            if (names(wait, lock)) sessions.push_back(wait.session);
        }
        return sessions;
    }
    static std::string line(SessionId session, Token token, LockMode mode) {
        return "s" + std::to_string(session) + " t" + std::to_string(token) +
               (mode == LockMode::shared ? " shared" : "");
    }

private:
    static bool names(const Wait& wait, const std::string& lock) {
        return std::ranges::count(wait.locks, lock, &Wanted::name) > 0;
    }
    static bool same_names(const std::vector<Wanted>& one, const std::vector<Wanted>& other) {
        const auto within = [](const auto& inner, const auto& outer) {
            return std::ranges::all_of(inner, [&](const Wanted& wanted) {
                return std::ranges::count(outer, wanted.name, &Wanted::name) > 0;
            });
        };
        return within(one, other) && within(other, one);
    }
    const Hold* holds(const std::string& lock, SessionId session) const {
        for (const Hold& hold : holds_) {
            if (hold.lock == lock && hold.session == session) return &hold;
        }
        return nullptr;
    }
    bool is_waited_for_by(const std::string& lock, SessionId session) const {
        return std::ranges::any_of(
            waits_, [&](const Wait& wait) { return wait.session == session && names(wait, lock); });
    }

    // The mode of what the session has of it, and the limit of all who share it or wait to.
    bool goes_with_what_is(SessionId session, const Wanted& wanted) const {
        const auto fits = [&](SessionId whose, LockMode mode, std::uint64_t limit) {
            if (whose == session && mode != wanted.mode) return false;
            const bool both = mode == LockMode::shared && wanted.mode == LockMode::shared;
            return !both || limit == wanted.limit;
        };
        for (const Hold& hold : holds_) {
            if (hold.lock == wanted.name && !fits(hold.session, hold.mode, hold.limit))
                return false;
        }
        for (const Wait& wait : waits_) {
            for (const Wanted& one : wait.locks) {
                if (one.name == wanted.name && !fits(wait.session, one.mode, one.limit)) {
                    return false;
                }
            }
        }
        return true;
    }

    bool is_free_for(const Wanted& wanted) const {
        std::size_t sharing = 0;
        for (const Hold& hold : holds_) {
            if (hold.lock != wanted.name) continue;
            if (hold.mode == LockMode::exclusive || wanted.mode == LockMode::exclusive) {
                return false;
            }
            ++sharing;
        }
        return wanted.limit == 0 || sharing < wanted.limit;
    }

    bool is_first(const Wait& wait) const {
        for (const Wait& other : waits_) {
            if (&other == &wait) return true;
            for (const Wanted& wanted : wait.locks) {
                if (names(other, wanted.name)) return false;
            }
        }
        return false;
    }

    // Whoever is first everywhere and finds everything free gets it, until that is nobody.
    void serve(Revision now) {
        for (auto wait = waits_.begin(); wait != waits_.end();) {
            const bool now_or_later =
                is_first(*wait) && std::ranges::all_of(wait->locks, [&](const Wanted& one) {
                    return is_free_for(one);
                });
            if (!now_or_later) {
                ++wait;
                continue;
            }
            for (const Wanted& one : wait->locks) {
                holds_.push_back({one.name, wait->session, now, one.mode, one.limit});
            }
            waits_.erase(wait);
            wait = waits_.begin();
        }
    }

    std::vector<Hold> holds_;
    std::vector<Wait> waits_;  // In order of arrival.
};

Model::Answer answer_of(const Outcome& outcome) {
    using Answer = Model::Answer;
    if (std::holds_alternative<LockGranted>(outcome)) return Answer::granted;
    if (std::holds_alternative<LockQueued>(outcome)) return Answer::queued;
    if (std::holds_alternative<LockHeld>(outcome)) return Answer::held;
    if (std::holds_alternative<LockRefused>(outcome)) return Answer::refused;
    if (std::holds_alternative<LockReleased>(outcome)) return Answer::released;
    if (std::holds_alternative<LeftQueue>(outcome)) return Answer::left;
    return Answer::not_holder;
}

struct LocksByChance : testing::TestWithParam<std::uint64_t> {
    Prng prng{GetParam()};
    // Who waits for itself waits for ever here: the model knows nothing of deadlocks.
    Driver driver{{.deadlock_steps = 0}};
    Model model;
    std::vector<SessionId> sessions;
    std::map<Model::Answer, int> seen;

    Wanted wanted(const std::string& name) {
        if (prng.chance(40)) return {name, LockMode::exclusive, 0};
        return {name, LockMode::shared, prng.chance(85) ? 2U : prng.below(4)};
    }
    std::string name() { return "l" + std::to_string(prng.below(5)); }

    void acquire(SessionId session) {
        const bool waits = prng.chance(70);
        const DurationMs wait = waits ? 1'000 : 0;
        const Revision now = driver.next_slot();
        if (prng.chance(70)) {
            const Wanted one = wanted(name());
            compare(driver.outcome(AcquireLock{.name = one.name,
                                               .session = session,
                                               .wait = wait,
                                               .mode = one.mode,
                                               .limit = one.limit}),
                    model.acquire(now, session, {one}, waits));
            return;
        }
        AcquireLocks several{.session = session, .locks = {}, .wait = wait};
        for (int i = 0; i < 5; ++i) {
            if (prng.chance(40)) several.locks.push_back(wanted("l" + std::to_string(i)));
        }
        if (several.locks.empty()) several.locks.push_back(wanted("l0"));
        compare(driver.outcome(several), model.acquire(now, session, several.locks, waits));
    }

    void act() {
        const std::size_t who = prng.below(sessions.size());
        const Revision now = driver.next_slot();
        const std::uint64_t dice = prng.below(100);
        if (dice < 55) return acquire(sessions[who]);
        if (dice < 90) {
            const std::string lock = name();
            return compare(driver.outcome(ReleaseLock{.name = lock, .session = sessions[who]}),
                           model.release(now, lock, sessions[who]));
        }
        if (dice < 95) {
            const std::string lock = name();
            return compare(driver.outcome(ReleaseLock{.name = lock, .force = true}),
                           model.take_away(now, lock));
        }
        driver.run(EndSession{sessions[who]});
        model.end(now, sessions[who]);
        sessions[who] = driver.open();
    }

    void compare(const Outcome& outcome, Model::Answer expected) {
        ++seen[expected];
        ASSERT_EQ(answer_of(outcome), expected) << outcome.index();
    }

    void compare_states() {
        for (int i = 0; i < 5; ++i) {
            const std::string lock = "l" + std::to_string(i);
            std::vector<std::string> holders;
            std::vector<SessionId> queue;
            if (const auto found = driver.machine().lock(lock)) {
                for (const auto& held : found->holders) {
                    holders.push_back(Model::line(held->session, held->token, held->mode));
                }
                for (const auto& waiter : found->queue) queue.push_back(waiter->session);
            }
            ASSERT_EQ(holders, model.holders(lock)) << lock;
            ASSERT_EQ(queue, model.queue(lock)) << lock;
        }
    }
};

TEST_P(LocksByChance, AreAsTheModelSays) {
    for (int i = 0; i < 6; ++i) sessions.push_back(driver.open());
    for (int i = 0; i < 500; ++i) {
        ASSERT_NO_FATAL_FAILURE(act()) << "command " << i;
        ASSERT_NO_FATAL_FAILURE(compare_states()) << "command " << i;
        if (prng.chance(3)) driver.restart();
    }
    for (int answer = 0; answer <= static_cast<int>(Model::Answer::not_holder); ++answer) {
        EXPECT_GT(seen[static_cast<Model::Answer>(answer)], 0) << answer;
    }
}

INSTANTIATE_TEST_SUITE_P(Seeds, LocksByChance, testing::Range<std::uint64_t>(1, 31));

}  // namespace
}  // namespace gavel::statemachine
