#include "tests/simulation/histories.h"

#include "tests/simulation/failure.h"

namespace gavel::simulation {
namespace {

using linearizability::Verdict;
using statemachine::LockMode;
using statemachine::SessionId;
using statemachine::Token;

template <class M>
void check(const Log<M>& log, const std::string& kind, Reached& reached) {
    const auto report = log.check();
    reached.count("operations on a " + kind + " checked", log.size());
    if (report.verdict == Verdict::undecided) reached.count("history undecided");
    if (report.verdict != Verdict::broken) return;
    throw Failure("what clients saw of the " + kind + " " + report.key.value_or("?") +
                  " is not linearizable (" + std::to_string(report.order.size()) +
                  " operations can be explained)");
}

}  // namespace

LockHistories::Call LockHistories::call(std::uint64_t client, Time now, const std::string& lock,
                                        const Lock::Input& alone, const SharedLock::Input& shared) {
    if (may_be_shared(lock)) return {shared_.call(client, now, shared.of(lock)), true};
    return {alone_.call(client, now, alone.of(lock)), false};
}

void LockHistories::answer(Call call, Time now, const Lock::Output& alone,
                           const SharedLock::Output& shared) {
    if (call.may_be_shared) {
        shared_.answer(call.index, now, shared);
    } else {
        alone_.answer(call.index, now, alone);
    }
}

void LockHistories::forget(Call call) {
    if (call.may_be_shared) {
        shared_.forget(call.index);
    } else {
        alone_.forget(call.index);
    }
}

LockHistories::Call LockHistories::acquire(std::uint64_t client, Time now, const std::string& lock,
                                           SessionId session, LockMode mode) {
    const auto shared = mode == LockMode::exclusive ? SharedLock::acquire_alone(session)
                                                    : SharedLock::acquire(session, limit_of(lock));
    return call(client, now, lock, Lock::acquire(session), shared);
}

LockHistories::Call LockHistories::release(std::uint64_t client, Time now, const std::string& lock,
                                           SessionId session, Token token) {
    return call(client, now, lock, Lock::release(session, token),
                SharedLock::release(session, token));
}

LockHistories::Call LockHistories::take_away(std::uint64_t client, Time now,
                                             const std::string& lock) {
    return call(client, now, lock, Lock::take_away(), SharedLock::take_away());
}

LockHistories::Call LockHistories::inspect(std::uint64_t client, Time now,
                                           const std::string& lock) {
    return call(client, now, lock, Lock::inspect(), SharedLock::inspect());
}

LockHistories::Call LockHistories::end(std::uint64_t client, Time now, const std::string& lock,
                                       SessionId session, bool delays) {
    return call(client, now, lock, Lock::end(session, delays), SharedLock::end(session, delays));
}

void LockHistories::answer(Call call, Time now, const statemachine::Outcome& outcome) {
    using namespace statemachine;
    if (const auto* granted = std::get_if<LockGranted>(&outcome)) {
        answer(call, now, Lock::granted(granted->token), SharedLock::granted(granted->token));
    } else if (const auto* held = std::get_if<LockHeld>(&outcome)) {
        // Free, but another one's turn: nothing that these models know of.
        if (held->holder == 0 && held->token == 0) return forget(call);
        answer(call, now, Lock::held(held->holder, held->token),
               SharedLock::held(held->holder, held->token, held->others + 1));
    } else if (std::holds_alternative<LockReleased>(outcome)) {
        answer(call, now, Lock::released(), SharedLock::released());
    } else if (std::holds_alternative<LeftQueue>(outcome)) {
        answer(call, now, Lock::left_queue(), SharedLock::left_queue());
    } else if (std::holds_alternative<NotHolder>(outcome)) {
        answer(call, now, Lock::not_holder(), SharedLock::not_holder());
    } else if (std::holds_alternative<SessionNotFound>(outcome)) {
        answer(call, now, Lock::no_session(), SharedLock::no_session());
    } else if (std::holds_alternative<Deadlock>(outcome) ||
               std::holds_alternative<LockRefused>(outcome)) {
        forget(call);
    } else {
        throw Failure("a lock's command has an outcome of its kind");
    }
}

void LockHistories::answer_inspection(Call call, Time now,
                                      const std::optional<statemachine::Machine::LockView>& lock) {
    Lock::Output alone = Lock::free();
    SharedLock::Output::Holders holders;
    if (lock && lock->holder_count > 0) {
        alone = Lock::held(lock->holders[0]->session, lock->holders[0]->token);
        for (const auto& holder : lock->holders) {
            holders.emplace_back(holder->session, holder->token);
        }
    }
    answer(call, now, alone, SharedLock::list(std::move(holders)));
}

void LockHistories::answer_end(Call call, Time now, bool ended) {
    answer(call, now, ended ? Lock::ended() : Lock::no_session(),
           ended ? SharedLock::ended() : SharedLock::no_session());
}

void LockHistories::check(Reached& reached) const {
    simulation::check(alone_, "lock", reached);
    simulation::check(shared_, "lock that is shared", reached);
}

void Histories::check(Reached& reached) const {
    simulation::check(keys, "key", reached);
    locks.check(reached);
    simulation::check(sessions, "session", reached);
    simulation::check(stores, "store", reached);
}

}  // namespace gavel::simulation
