// Client: what it does with locks.

#include <algorithm>
#include <utility>

#include "tests/simulation/client.h"
#include "tests/simulation/failure.h"
#include "tests/simulation/world.h"

namespace gavel::simulation {

using statemachine::AcquireLock;
using statemachine::AcquireLocks;
using statemachine::LockMode;
using statemachine::ReleaseLock;
using statemachine::SessionId;

namespace {

// Those that nobody asks for but by an acquire that brings its own session.
const std::vector<std::string> locks_with_session{"o", "p"};

}  // namespace

// Of three kinds: never shared; of readers and writers; a semaphore.
std::string Client::some_lock() {
    if (prng_.chance(60)) return "l" + std::to_string(prng_.below(world_.settings().locks));
    return prng_.chance(50) ? "r" : "s";
}

LockMode Client::some_mode(const std::string& lock) {
    if (!LockHistories::may_be_shared(lock)) return LockMode::exclusive;
    return prng_.chance(25) ? LockMode::exclusive : LockMode::shared;
}

std::int64_t Client::some_wait() {
    return prng_.chance(40) ? 0 : static_cast<std::int64_t>(prng_.between(1, 3'000));
}

void Client::act_on_lock() {
    const std::string lock = some_lock();
    if (prng_.chance(15)) return inspect(lock);
    if (prng_.chance(3))
        return take_away(prng_.chance(80) ? lock : locks_with_session[prng_.below(2)]);
    if (prng_.chance(8)) return use_own_session();
    if (session_->held.contains(lock) || (session_->unsure.contains(lock) && prng_.chance(50))) {
        return release(lock);
    }
    if (prng_.chance(20)) return acquire_several();
    acquire(lock);
}

void Client::inspect(const std::string& lock) {
    const auto call = world_.histories().locks.inspect(number_, world_.schedule().now(), lock);
    read(
        false,
        [this, lock, call](const daemon::Core& core) -> Copied {
            const auto found = core.machine().lock(lock);
            return [this, call, found] {
                world_.histories().locks.answer_inspection(call, world_.schedule().now(), found);
            };
        },
        4);
}

void Client::acquire(const std::string& lock) {
    const LockMode mode = some_mode(lock);
    const bool shared = mode == LockMode::shared;
    const std::int64_t wait = some_wait();
    acquire({{lock, mode}},
            AcquireLock{.name = lock,
                        .session = session_->id,
                        .wait = wait,
                        .mode = mode,
                        .limit = shared ? LockHistories::limit_of(lock) : 0},
            wait);
}

void Client::acquire_several() {
    AcquireLocks command{.session = session_->id, .locks = {}, .wait = some_wait()};
    std::map<std::string, LockMode> modes;
    while (modes.size() < 2) {
        const std::string lock = some_lock();
        if (!modes.try_emplace(lock, some_mode(lock)).second && prng_.chance(50)) break;
    }
    for (const auto& [lock, mode] : modes) {
        const bool shared = mode == LockMode::shared;
        command.locks.push_back({lock, mode, shared ? LockHistories::limit_of(lock) : 0});
    }
    const std::int64_t wait = command.wait;
    acquire(modes, std::move(command), wait);
}

void Client::acquire(const std::map<std::string, LockMode>& locks, statemachine::Command command,
                     std::int64_t wait) {
    const SessionId id = session_->id;
    std::vector<Asked> asked;
    for (const auto& [lock, mode] : locks) {
        session_->touched.insert(lock);
        asked.push_back(
            {lock, mode,
             world_.histories().locks.acquire(number_, world_.schedule().now(), lock, id, mode)});
    }
    submit({.command = std::move(command),
            .wait_ms = static_cast<std::uint64_t>(wait),
            .done = [this, id,
                     asked](const api::Executed& executed) { on_acquired(id, asked, executed); },
            .gave_up =
                [this, id, asked](bool may_be_done) {
                    for (const Asked& each : asked) {
                        if (!may_be_done) {
                            world_.histories().locks.forget(each.call);
                        } else if (session_ && session_->id == id) {
                            session_->unsure.insert(each.lock);
                        }
                    }
                }});
}

void Client::on_acquired(SessionId session, const std::vector<Asked>& asked,
                         const api::Executed& executed) {
    auto& histories = world_.histories().locks;
    const Time now = world_.schedule().now();
    const bool mine = session_ && session_->id == session;
    const auto* held = std::get_if<statemachine::LockHeld>(&executed.outcome);
    for (const Asked& each : asked) {
        // Of several locks it tells which one was in the way, and nothing of the others.
        const bool told = held == nullptr || asked.size() == 1 || held->lock == each.lock;
        if (told) {
            histories.answer(each.call, now, executed.outcome);
        } else {
            histories.forget(each.call);
        }
    }
    if (const auto* granted = std::get_if<statemachine::LockGranted>(&executed.outcome)) {
        if (!mine || now >= session_->kept_until) return;
        for (const Asked& each : asked) {
            session_->held[each.lock] = {granted->token, each.mode};
            session_->unsure.erase(each.lock);
            world_.on_hold(*this, each.lock, session_->held[each.lock]);
        }
    } else if (std::holds_alternative<statemachine::SessionNotFound>(executed.outcome)) {
        if (mine) lose_session(true);
    }
}

void Client::release(const std::string& lock) {
    const SessionId id = session_->id;
    const auto held = session_->held.find(lock);
    std::uint64_t token = held == session_->held.end() ? 0 : held->second.token;
    const std::uint64_t dice = prng_.below(3);
    if (dice == 0) token = 0;
    // Of a lock that is shared a token may be that of several.
    const bool by_session = token == 0 || dice == 1 || LockHistories::may_be_shared(lock);
    if (held != session_->held.end()) {
        old_tokens_[lock] = held->second.token;
        session_->held.erase(held);
    }
    session_->unsure.erase(lock);

    ReleaseLock command{.name = lock};
    if (by_session) command.session = id;
    if (token != 0) command.token = token;
    const auto call = world_.histories().locks.release(number_, world_.schedule().now(), lock,
                                                       by_session ? id : 0, token);
    submit({.command = command,
            .done = [this, call,
                     id](const api::Executed& executed) { on_released(call, id, executed); },
            .gave_up =
                [this, call, id](bool may_be_done) {
                    if (!may_be_done) return world_.histories().locks.forget(call);
                    // It may yet free what this session is told that it holds: start anew.
                    if (session_ && session_->id == id) lose_session(false);
                }});
}

void Client::on_released(LockHistories::Call call, SessionId session,
                         const api::Executed& executed) {
    world_.histories().locks.answer(call, world_.schedule().now(), executed.outcome);
    const bool ended = std::holds_alternative<statemachine::SessionNotFound>(executed.outcome);
    if (ended && session_ && session_->id == session) lose_session(true);
}

// As an operator, from whoever holds it.
void Client::take_away(const std::string& lock) {
    const ReleaseLock command{.name = lock, .force = true, .reason = "chaos"};
    if (std::ranges::count(locks_with_session, lock) > 0) {
        return submit(
            {.command = command, .done = [](const api::Executed&) {}, .gave_up = [](bool) {}});
    }
    const auto call = world_.histories().locks.take_away(number_, world_.schedule().now(), lock);
    submit({.command = command,
            .done =
                [this, call](const api::Executed& executed) {
                    world_.histories().locks.answer(call, world_.schedule().now(),
                                                    executed.outcome);
                },
            .gave_up =
                [this, call](bool may_be_done) {
                    if (!may_be_done) world_.histories().locks.forget(call);
                }});
}

// An acquire of one lock or of both that makes its session, or the release of what it got.
void Client::use_own_session() {
    if (!own_locks_.empty()) {
        const ReleaseLock release{.name = own_locks_.back(), .token = own_token_};
        own_locks_.pop_back();
        return submit(
            {.command = release, .done = [](const api::Executed&) {}, .gave_up = [](bool) {}});
    }
    const std::int64_t wait = some_wait();
    const auto ttl = static_cast<std::int64_t>(world_.settings().session_ttl_ms);
    const auto& any = locks_with_session[prng_.below(2)];
    const bool both = prng_.chance(40);
    const auto locks = both ? locks_with_session : std::vector<std::string>{any};
    statemachine::Command command = AcquireLock{.name = any, .wait = wait, .ttl = ttl};
    if (both) command = AcquireLocks{.locks = {{"p"}, {"o"}}, .wait = wait, .ttl = ttl};
    submit({.command = std::move(command),
            .wait_ms = static_cast<std::uint64_t>(wait),
            .done =
                [this, locks](const api::Executed& executed) {
                    const auto* granted = std::get_if<statemachine::LockGranted>(&executed.outcome);
                    expect(granted != nullptr ||
                               std::holds_alternative<statemachine::LockHeld>(executed.outcome),
                           "an acquire that makes its session gets the lock or does not");
                    if (granted == nullptr) return;
                    expect(granted->session != 0, "it is told its session with the grant");
                    own_token_ = granted->token;
                    own_locks_ = locks;
                },
            .gave_up = [](bool) {}});
}

}  // namespace gavel::simulation
