#include "tests/simulation/client.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "tests/simulation/failure.h"
#include "tests/simulation/world.h"

namespace gavel::simulation {

using linearizability::Register;
using statemachine::Precondition;
using statemachine::SessionId;

Client::Client(World& world, std::uint64_t number)
    : world_(world),
      number_(number),
      prng_(world.settings().seed * 131 + number),
      past_prng_(world.settings().seed * 139 + number),
      more_(world.settings().seed * 149 + number) {}

void Client::start() { think(); }
void Client::finish() { finishing_ = true; }

void Client::think() {
    world_.schedule().after(random_think(), [this] { act(); });
}

Time Client::random_think() { return prng_.below(2 * world_.settings().think) + 1; }

void Client::next() {
    busy_ = false;
    if (!finishing_) think();
}

void Client::act() {
    if (finishing_) return;
    busy_ = true;
    if (more_.chance(25)) return act_on_store();
    if (past_prng_.chance(world_.settings().looks_back_percent)) return act_on_the_past();
    if (prng_.chance(55)) return act_on_key();
    if (!session_) return open_session();
    if (prng_.chance(4)) return end_session();
    if (prng_.chance(3)) vanish();
    act_on_lock();
}

std::optional<Client::Held> Client::believes_in(const std::string& lock, Time now) const {
    if (!session_ || now >= session_->kept_until) return std::nullopt;
    const auto held = session_->held.find(lock);
    return held == session_->held.end() ? std::nullopt : std::optional(held->second);
}

// ---- Keys ---------------------------------------------------------------------------------------

void Client::act_on_key() {
    const std::string key = "k" + std::to_string(prng_.below(world_.settings().keys));
    const std::uint64_t dice = prng_.below(10);
    if (dice < 4) return get(key);
    if (dice < 8) return put(key);
    remove(key);
}

void Client::get(const std::string& key) {
    const bool stale = prng_.chance(world_.settings().stale_clients_percent);
    const std::size_t call = stale ? 0
                                   : world_.histories().keys.call(number_, world_.schedule().now(),
                                                                  Register::get().of(key));
    read(
        stale,
        [this, key, stale, call](const daemon::Core& core) -> Copied {
            const auto found = core.machine().key(key);
            const std::uint64_t applied = core.machine().applied();
            return [this, key, stale, call, found, applied] {
                expect(!stale || applied >= seen_revision_, "a client reads its own writes");
                seen_revision_ = std::max(seen_revision_, applied);
                key_revisions_[key] = found ? found->modified : 0;
                if (stale) return;
                world_.histories().keys.answer(
                    call, world_.schedule().now(),
                    found ? Register::found(std::string(found->value.view()), found->modified)
                          : Register::absent());
            };
        },
        4);
}

Register::Input Client::conditional(Register::Input input, const std::string& key) {
    using Condition = Register::Input::Condition;
    const bool puts = input.kind == Register::Input::Kind::put;
    const std::uint64_t dice = prng_.below(10);
    if (dice < 3 && key_revisions_[key] != 0) {
        input.condition = Condition::matches;
        input.revisions = {key_revisions_[key]};
    } else if (dice == 3) {
        input.condition = Condition::present;
    } else if (dice == 4 && puts) {
        input.condition = Condition::absent;
    } else if (dice == 5 && puts && key_revisions_[key] != 0) {
        input.condition = Condition::none_matches;
        input.revisions = {key_revisions_[key]};
    }
    return input;
}

namespace {

Precondition precondition(const Register::Input& input) {
    // The enumerations are alike.
    return {static_cast<Precondition::Kind>(input.condition), input.revisions};
}

}  // namespace

void Client::put(const std::string& key) {
    const std::string value = std::to_string(number_) + "-" + std::to_string(++last_value_);
    const auto input = conditional(Register::put(value), key);
    const std::size_t call =
        world_.histories().keys.call(number_, world_.schedule().now(), input.of(key));
    submit({.command = statemachine::PutKey{.key = key,
                                            .value = value,
                                            .content_type = "text/plain",
                                            .precondition = precondition(input),
                                            .guard = guard()},
            .done =
                [this, key, call](const api::Executed& executed) {
                    if (std::holds_alternative<statemachine::KeyPut>(executed.outcome)) {
                        key_revisions_[key] = executed.revision;
                    }
                    finish_key(call, executed);
                },
            .gave_up =
                [this, call](bool may_be_done) {
                    if (!may_be_done) world_.histories().keys.forget(call);
                }});
}

void Client::remove(const std::string& key) {
    const auto input = conditional(Register::remove(), key);
    const std::size_t call =
        world_.histories().keys.call(number_, world_.schedule().now(), input.of(key));
    submit({.command =
                statemachine::DeleteKey{
                    .key = key, .precondition = precondition(input), .guard = guard()},
            .done = [this, call](const api::Executed& executed) { finish_key(call, executed); },
            .gave_up =
                [this, call](bool may_be_done) {
                    if (!may_be_done) world_.histories().keys.forget(call);
                }});
}

void Client::finish_key(std::size_t call, const api::Executed& executed) {
    auto& keys = world_.histories().keys;
    const Time now = world_.schedule().now();
    using namespace statemachine;
    if (std::holds_alternative<KeyPut>(executed.outcome)) {
        keys.answer(call, now, Register::written(executed.revision));
    } else if (std::holds_alternative<KeyDeleted>(executed.outcome)) {
        keys.answer(call, now, Register::removed(executed.revision));
    } else if (std::holds_alternative<KeyNotFound>(executed.outcome)) {
        keys.answer(call, now, Register::absent());
    } else if (const auto* failed = std::get_if<PreconditionFailed>(&executed.outcome)) {
        keys.answer(call, now, Register::refused(failed->present));
    } else if (std::holds_alternative<StaleToken>(executed.outcome)) {
        keys.forget(call);
    } else {
        throw Failure("a key command has an outcome of its kind");
    }
}

// ---- The past ----------------------------------------------------------------------------------

void Client::act_on_the_past() {
    const std::string key = "p" + std::to_string(past_prng_.below(4));
    const std::uint64_t dice = past_prng_.below(10);
    if (dice < 4) return look_back();
    if (dice < 7) {
        return change(statemachine::PutKey{
            .key = key,
            .value = std::to_string(number_) + "/" + std::to_string(past_prng_.below(5))});
    }
    if (dice < 8) return change(statemachine::DeleteKey{.key = key});
    statemachine::RollBack back{.target = past_prng_.chance(50) ? "p" : key};
    back.is_prefix = back.target == "p";
    back.to = seen_revision_ - std::min(seen_revision_, past_prng_.below(80));
    change(back);
}

// What it changes is compared by the observer.
void Client::change(statemachine::Command command) {
    submit({.command = std::move(command),
            .done = [](const api::Executed&) {},
            .gave_up = [](bool) {}});
}

void Client::look_back() {
    const std::uint64_t back = past_prng_.below(past_prng_.chance(50) ? 20 : 400);
    const bool lists = past_prng_.chance(30);
    const std::string prefix = past_prng_.chance(50) ? "p" : "";
    const std::string key = past_prng_.chance(60)
                                ? "p" + std::to_string(past_prng_.below(4))
                                : "k" + std::to_string(past_prng_.below(world_.settings().keys));
    const std::size_t limit = 1 + past_prng_.below(5);
    const bool stale = past_prng_.chance(world_.settings().stale_clients_percent);
    read(
        stale,
        [this, back, lists, prefix, key, limit](const daemon::Core& core) -> Copied {
            const auto& machine = core.machine();
            const auto revision = machine.applied() - std::min(machine.applied(), back);
            const auto& archive = world_.observer().archive();
            if (lists) {
                archive.check_list(machine, prefix, limit, revision);
            } else {
                archive.check_key(machine, key, revision);
            }
            return [] {};
        },
        4);
}

// ---- Sessions -----------------------------------------------------------------------------------

void Client::open_session() {
    const Settings& settings = world_.settings();
    const Time sent = world_.schedule().now();
    const auto ttl = static_cast<std::int64_t>(settings.session_ttl_ms);
    submit(
        {.command =
             statemachine::OpenSession{"c" + std::to_string(number_), ttl,
                                       static_cast<std::int64_t>(settings.lock_delay_ms), ""},
         .done =
             [this, sent](const api::Executed& executed) {
                 const auto* opened = std::get_if<statemachine::SessionOpened>(&executed.outcome);
                 expect(opened != nullptr, "a session is opened");
                 on_session(opened->session, sent + world_.settings().session_ttl_ms * millisecond);
             },
         .gave_up = [](bool) {}});
}

void Client::on_session(SessionId id, Time kept_until) {
    if (world_.schedule().now() >= kept_until) return;  // It took too long.
    session_ = Session{.id = id, .kept_until = kept_until};
    world_.trace().line(world_.schedule().now(), "client", number_, "session", id, kept_until);
    watch_lease(id);
    keep_alive(id);
}

void Client::watch_lease(SessionId id) {
    world_.schedule().after(session_->kept_until - world_.schedule().now(), [this, id] {
        if (!session_ || session_->id != id) return;
        if (world_.schedule().now() >= session_->kept_until) return lose_session(false);
        watch_lease(id);
    });
}

void Client::keep_alive(SessionId id) {
    const Time ttl = world_.settings().session_ttl_ms * millisecond;
    world_.schedule().after(ttl / 6 + prng_.below(ttl / 4), [this, id, ttl] {
        if (finishing_ || !session_ || session_->id != id || !session_->keeps_alive) return;
        const Time sent = world_.schedule().now();
        const std::size_t call = world_.histories().sessions.call(
            number_, sent, {SessionModel::Input::Kind::keep_alive, std::to_string(id)});
        const auto forget = [this, call, id] {
            world_.histories().sessions.forget(call);
            if (session_ && session_->id == id) keep_alive(id);
        };
        send(
            [id, ttl](daemon::Core& core, std::uint64_t ticket) {
                core.keep_alive(ticket, id, ttl / 2 / millisecond);
            },
            [this, id, ttl, sent, call, forget](const daemon::Core&,
                                                const daemon::Turn::Answer& answer) -> Copied {
                const auto* kept =
                    std::get_if<api::KeptAlive>(&std::get<daemon::Turn::KeptAlive>(answer).result);
                if (kept == nullptr) return forget;
                return [this, id, ttl, sent, call, found = kept->found] {
                    auto& sessions = world_.histories().sessions;
                    if (found) {
                        sessions.answer(call, world_.schedule().now(), {true});
                    } else {
                        sessions.forget(call);
                    }
                    if (!session_ || session_->id != id) return;
                    if (!found) return lose_session(true);
                    session_->kept_until = std::max(session_->kept_until, sent + ttl);
                    world_.trace().line(world_.schedule().now(), "client", number_, "keeps", id,
                                        session_->kept_until);
                    keep_alive(id);
                };
            },
            forget, ttl / 2);
    });
}

// Told, or by its own clock, the client learns that its session has lapsed.
void Client::lose_session(bool told) {
    const Time now = world_.schedule().now();
    world_.trace().line(now, "client", number_, "loses", session_->id, session_->kept_until);
    expect(!told || now >= session_->kept_until, "a session lives for its full time");
    world_.counters().count(told ? "client told that its session ended"
                                 : "client gave its session up");
    const bool delays = world_.settings().lock_delay_ms > 0;
    const std::string object = std::to_string(session_->id);
    for (const auto& lock : session_->touched) {
        world_.histories().locks.end(number_, session_->kept_until, lock, session_->id, delays);
    }
    world_.histories().sessions.call(number_, session_->kept_until,
                                     {SessionModel::Input::Kind::end, object});
    for (const auto& [lock, held] : session_->held) old_tokens_[lock] = held.token;
    session_.reset();
}

void Client::end_session() {
    const Time now = world_.schedule().now();
    for (const auto& [lock, held] : session_->held) old_tokens_[lock] = held.token;
    const Session session = std::move(*session_);
    session_.reset();
    std::vector<LockHistories::Call> calls;
    for (const auto& lock : session.touched) {
        calls.push_back(world_.histories().locks.end(number_, now, lock, session.id, false));
    }
    const std::string object = std::to_string(session.id);
    const std::size_t call =
        world_.histories().sessions.call(number_, now, {SessionModel::Input::Kind::end, object});
    // Unless it ends in time, it lapses.
    const auto lapses = [this, session, object] {
        const bool delays = world_.settings().lock_delay_ms > 0;
        for (const auto& lock : session.touched) {
            world_.histories().locks.end(number_, session.kept_until, lock, session.id, delays);
        }
        world_.histories().sessions.call(number_, session.kept_until,
                                         {SessionModel::Input::Kind::end, object});
    };
    submit({.command = statemachine::EndSession{session.id},
            .done =
                [this, session, calls, call, lapses](const api::Executed& executed) {
                    const Time then = world_.schedule().now();
                    // Ended, but what it held is freed by and by.
                    const bool ending =
                        std::holds_alternative<statemachine::SessionEnding>(executed.outcome);
                    const bool ended = ending || std::holds_alternative<statemachine::SessionEnded>(
                                                     executed.outcome);
                    expect(ended || then >= session.kept_until,
                           "a session lives until it is ended or its time is over");
                    if (!ended) lapses();
                    for (const auto& each : calls) {
                        if (ending) break;
                        world_.histories().locks.answer_end(each, then, ended);
                    }
                    world_.histories().sessions.answer(call, then, {ended});
                },
            .gave_up =
                [this, calls, call, lapses](bool may_be_done) {
                    lapses();
                    if (may_be_done) return;
                    for (const auto& each : calls) world_.histories().locks.forget(each);
                    world_.histories().sessions.forget(call);
                }});
}

// ---- Requests -----------------------------------------------------------------------------------

std::chrono::milliseconds Client::timeout() const {
    return std::chrono::milliseconds(world_.settings().request_timeout / millisecond);
}

void Client::submit(Operation operation) {
    operation.attempts = static_cast<unsigned>(prng_.between(1, 6));
    if (prng_.chance(70)) {
        operation.key = statemachine::IdempotencyKey{
            std::to_string(number_) + "/" + std::to_string(++last_key_), number_ * 7 + last_key_};
    }
    attempt(std::make_shared<Operation>(std::move(operation)));
}

void Client::attempt(const std::shared_ptr<Operation>& operation) {
    const api::Submission submission{operation->command, operation->key, timeout()};
    send(
        [submission](daemon::Core& core, std::uint64_t ticket) { core.submit(ticket, submission); },
        [this, operation](const daemon::Core&, const daemon::Turn::Answer& answer) -> Copied {
            const auto& result = std::get<daemon::Turn::Submitted>(answer).result;
            return [this, operation, result] { on_result(operation, result); };
        },
        [this, operation] { on_result(operation, std::nullopt); },
        world_.settings().request_timeout + operation->wait_ms * millisecond + second);
}

void Client::on_result(const std::shared_ptr<Operation>& operation,
                       const std::optional<api::SubmitResult>& result) {
    // Asked of a member that was removed meanwhile: nothing was done.
    const auto* executed = result ? std::get_if<api::Executed>(&*result) : nullptr;
    const bool too_old = executed != nullptr &&
                         std::holds_alternative<statemachine::RequestTooOld>(executed->outcome);
    if (executed != nullptr && !too_old) {
        seen_revision_ = std::max(seen_revision_, executed->revision);
        if (statemachine::lacks_room(executed->outcome)) {
            world_.counters().count("client refused for want of room");
            operation->gave_up(operation->may_be_done);
            return next();
        }
        operation->done(*executed);
        if (operation->key && prng_.chance(15)) ask_again(*operation, *executed);
        return next();
    }
    const bool unknown = !too_old && (!result || std::get<api::Failure>(*result).kind ==
                                                     api::Failure::Kind::outcome_unknown);
    operation->may_be_done = operation->may_be_done || unknown;
    const bool may_repeat = operation->key || !operation->may_be_done;
    if (operation->attempts > 0) --operation->attempts;
    home_ = prng_.next();
    if (may_repeat && (operation->attempts > 0 || finishing_)) {
        world_.counters().count(unknown ? "request repeated" : "request refused");
        world_.schedule().after(random_think() / 2, [this, operation] { attempt(operation); });
        return;
    }
    world_.counters().count("request given up");
    operation->gave_up(operation->may_be_done);
    next();
}

// The same request again, long after its answer: it is answered alike and does nothing.
void Client::ask_again(const Operation& operation, const api::Executed& first) {
    const api::Submission submission{operation.command, operation.key, timeout()};
    const bool waited = operation.wait_ms > 0;
    send(
        [submission](daemon::Core& core, std::uint64_t ticket) { core.submit(ticket, submission); },
        [this, first, waited](const daemon::Core&, const daemon::Turn::Answer& answer) -> Copied {
            const auto& result = std::get<daemon::Turn::Submitted>(answer).result;
            const auto* executed = std::get_if<api::Executed>(&result);
            if (executed == nullptr ||
                std::holds_alternative<statemachine::RequestTooOld>(executed->outcome)) {
                return [] {};
            }
            world_.counters().count("request repeated after its answer");
            using statemachine::LockGranted;
            expect(executed->outcome.index() == first.outcome.index(),
                   "repeats are answered alike");
            if (const auto* granted = std::get_if<LockGranted>(&first.outcome)) {
                expect(std::get<LockGranted>(executed->outcome).token == granted->token,
                       "a repeated acquire is given the same token");
            } else if (!waited) {
                expect(executed->outcome == first.outcome && executed->revision == first.revision,
                       "a repeat has the first outcome and revision");
            }
            return [] {};
        },
        [] {}, world_.settings().request_timeout + operation.wait_ms * millisecond + second);
}

void Client::send(Member::Ask ask,
                  std::function<Copied(const daemon::Core&, const daemon::Turn::Answer&)> copy,
                  Copied unknown, Time limit) {
    auto settled = std::make_shared<bool>(false);
    const auto settle = [settled](const Copied& then) {
        if (!std::exchange(*settled, true)) then();
    };
    const bool faulty = !world_.is_healed();
    const bool asked = !faulty || !prng_.chance(world_.settings().lost_percent / 2);
    const bool answers = !faulty || !prng_.chance(world_.settings().lost_percent / 2);
    // Most stay with one member for a while.
    if (prng_.chance(25)) home_ = prng_.next();
    Member& member = world_.member(home_);

    world_.schedule().after(limit, [settle, unknown] { settle(unknown); });
    if (!asked) return;
    world_.schedule().after(
        world_.network().delay(),
        [this, &member, settle, answers, unknown, ask = std::move(ask), copy = std::move(copy)] {
            member.call(ask, [this, settle, answers, unknown, copy](
                                 const daemon::Core* core, const daemon::Turn::Answer* answer) {
                const Copied then = core == nullptr ? unknown : copy(*core, *answer);
                if (!answers) return;
                world_.schedule().after(world_.network().delay(), [settle, then] { settle(then); });
            });
        });
}

void Client::read(bool stale, std::function<Copied(const daemon::Core&)> copy, unsigned attempts) {
    const bool unconfirmed =
        stale || world_.settings().sabotage == Sabotage::reads_are_not_confirmed;
    const api::ReadOptions options{
        .stale = unconfirmed, .min_revision = stale ? seen_revision_ : 0, .timeout = timeout()};
    const auto again = [this, stale, copy, attempts] {
        if (attempts == 0 && !finishing_) return next();
        world_.counters().count("read repeated");
        world_.schedule().after(random_think() / 2, [this, stale, copy, attempts] {
            read(stale, copy, attempts == 0 ? 0 : attempts - 1);
        });
    };
    // What anybody executed before a linearizable read was asked it has to see.
    const auto seen_anywhere = unconfirmed ? 0 : world_.observer().executed_anywhere();
    send(
        [this, options](daemon::Core& core, std::uint64_t ticket) {
            const auto& replica = core.replica();
            if (!options.stale && replica.role() == paxos::Role::leader &&
                replica.ballot() < world_.observer().leading()) {
                world_.counters().count("read asked of a leader that was replaced");
            }
            core.read(ticket, options);
        },
        [this, copy, again, seen_anywhere](const daemon::Core& core,
                                           const daemon::Turn::Answer& answer) -> Copied {
            if (std::get<daemon::Turn::ReadReady>(answer).failure) return again;
            expect(core.machine().applied() >= seen_anywhere,
                   "a read sees what was executed anywhere before it was asked");
            const Copied copied = copy(core);
            return [this, copied] {
                copied();
                next();
            };
        },
        again, world_.settings().request_timeout + second);
}

}  // namespace gavel::simulation
