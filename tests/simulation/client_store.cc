// Clients: keys that transactions change together, writes that rest on a lock, ephemeral keys.

#include <utility>

#include "tests/simulation/client.h"
#include "tests/simulation/failure.h"
#include "tests/simulation/world.h"

namespace gavel::simulation {

using linearizability::Store;
using statemachine::SessionId;

namespace {

// All below "t", so that a recursive delete has them all.
constexpr const char* store_root = "t";
const std::vector<std::string> store_keys{"t/0", "t/1", "t/2"};

statemachine::Compare command_of(const Store::Compare& compare) {
    using Kind = statemachine::Compare::Kind;
    constexpr Kind kinds[] = {Kind::exists, Kind::absent, Kind::version, Kind::value};
    return {kinds[static_cast<std::size_t>(compare.kind)], compare.key, compare.version,
            Bytes(compare.value)};
}

std::vector<statemachine::Operation> command_of(const std::vector<Store::Operation>& branch) {
    using Kind = Store::Operation::Kind;
    std::vector<statemachine::Operation> operations;
    for (const auto& operation : branch) {
        if (operation.kind == Kind::put) {
            operations.emplace_back(statemachine::PutOperation{
                .key = operation.key, .value = operation.value, .content_type = "text/plain"});
        } else if (operation.kind == Kind::get) {
            operations.emplace_back(statemachine::GetOperation{operation.key});
        } else {
            const bool all = operation.kind == Kind::remove_all;
            operations.emplace_back(
                statemachine::DeleteOperation{all ? store_root : operation.key, all});
        }
    }
    return operations;
}

}  // namespace

void Client::act_on_store() {
    const std::uint64_t dice = more_.below(20);
    if (dice < 4) return read_store();
    if (dice < 5) return remove_store();
    if (dice < 8 && session_) return put_ephemeral();
    if (dice < 10 && session_ && !session_->keys.empty()) return look_for_ephemeral();
    transact();
}

// Now and then a write rests on a lock: mostly on one that is held, as far as the client knows,
// else on one that it had.
std::optional<statemachine::Guard> Client::guard() {
    const bool holds = session_ && !session_->held.empty();
    if (holds && more_.chance(40)) {
        const auto& [lock, held] = *session_->held.begin();
        // Half of them are for nobody else who shares the token.
        return statemachine::Guard{lock, held.token, held.token % 2 == 0 ? session_->id : 0};
    }
    if (old_tokens_.empty() || !more_.chance(5)) return std::nullopt;
    const auto& [lock, token] = *old_tokens_.begin();
    return statemachine::Guard{lock, token};
}

void Client::transact() {
    const auto key = [this] { return store_keys[more_.below(store_keys.size())]; };
    const auto value = [this] {
        return std::to_string(number_) + "-" + std::to_string(more_.below(3));
    };
    const auto branch = [&](std::uint64_t more_percent) {
        std::vector<Store::Operation> operations;
        do {
            const std::uint64_t dice = more_.below(20);
            using Kind = Store::Operation::Kind;
            if (dice < 9) {
                operations.push_back({Kind::put, key(), value()});
            } else if (dice < 13) {
                operations.push_back({Kind::remove, key(), ""});
            } else if (dice < 14) {
                operations.push_back({Kind::remove_all, "", ""});
            } else {
                operations.push_back({Kind::get, key(), ""});
            }
        } while (more_.chance(more_percent));
        return operations;
    };
    Store::Input input{.then = branch(60), .otherwise = branch(40), .object = store_root};
    while (more_.chance(45)) {
        input.compares.push_back(
            {static_cast<Store::Compare::Kind>(more_.below(4)), key(), more_.below(4), value()});
    }
    statemachine::Transact command{
        .then = command_of(input.then), .otherwise = command_of(input.otherwise), .guard = guard()};
    for (const auto& compare : input.compares) command.compares.push_back(command_of(compare));
    auto& stores = world_.histories().stores;
    const std::size_t call = stores.call(number_, world_.schedule().now(), input);
    submit({.command = std::move(command),
            .done = [this, call,
                     input](const api::Executed& executed) { finish_store(call, input, executed); },
            .gave_up =
                [this, call](bool may_be_done) {
                    if (!may_be_done) world_.histories().stores.forget(call);
                }});
}

void Client::finish_store(std::size_t call, const Store::Input& input,
                          const api::Executed& executed) {
    using Kind = statemachine::Transacted::Result::Kind;
    auto& stores = world_.histories().stores;
    if (std::holds_alternative<statemachine::StaleToken>(executed.outcome)) {
        return stores.forget(call);
    }
    const auto* outcome = std::get_if<statemachine::Transacted>(&executed.outcome);
    expect(outcome != nullptr, "a transaction has an outcome of its kind");
    world_.counters().count(outcome->succeeded ? "transaction did its then branch"
                                               : "transaction did its else branch");
    const auto& branch = outcome->succeeded ? input.then : input.otherwise;
    expect(outcome->results.size() == branch.size(), "each operation has its result");
    Store::Output output{outcome->succeeded, {}, executed.revision};
    auto got = executed.got.begin();
    for (const auto& [kind, number] : outcome->results) {
        Store::Result result{number, std::nullopt};
        if (kind == Kind::got) {
            expect(got != executed.got.end(), "a get has what it found");
            result.number = number != 0 ? 1 : 0;
            // A repeat is not told what has been replaced since.
            expect(*got != nullptr || number == 0 || executed.repeated,
                   "a get is told the value that it found");
            if (*got != nullptr) {
                expect((*got)->modified == number, "a get is told the value of its revision");
                result.value = std::string((*got)->value.view());
            }
            ++got;
        }
        output.results.push_back(std::move(result));
    }
    stores.answer(call, world_.schedule().now(), std::move(output));
}

// Several keys, as one read sees them.
void Client::read_store() {
    auto input = Store::read(store_keys);
    input.object = store_root;
    const std::size_t call =
        world_.histories().stores.call(number_, world_.schedule().now(), std::move(input));
    read(
        false,
        [this, call](const daemon::Core& core) -> Copied {
            Store::Output output{.succeeded = true};
            for (const auto& key : store_keys) {
                const auto found = core.machine().key(key);
                Store::Result result{found ? 1U : 0U, std::nullopt};
                if (found) result.value = std::string(found->value.view());
                output.results.push_back(std::move(result));
            }
            return [this, call, output] {
                world_.histories().stores.answer(call, world_.schedule().now(), output);
            };
        },
        4);
}

void Client::remove_store() {
    const Store::Input input{.then = {{Store::Operation::Kind::remove_all, "", ""}},
                             .object = store_root};
    const std::size_t call =
        world_.histories().stores.call(number_, world_.schedule().now(), input);
    submit({.command = statemachine::DeletePrefix{.key = store_root, .guard = guard()},
            .done =
                [this, call](const api::Executed& executed) {
                    auto& stores = world_.histories().stores;
                    using namespace statemachine;
                    if (std::holds_alternative<StaleToken>(executed.outcome)) {
                        return stores.forget(call);
                    }
                    const auto* deleted = std::get_if<PrefixDeleted>(&executed.outcome);
                    expect(
                        deleted != nullptr || std::holds_alternative<KeyNotFound>(executed.outcome),
                        "a recursive delete has an outcome of its kind");
                    const std::uint64_t count = deleted != nullptr ? deleted->count : 0;
                    stores.answer(call, world_.schedule().now(),
                                  {true, {{count, std::nullopt}}, executed.revision});
                },
            .gave_up =
                [this, call](bool may_be_done) {
                    if (!may_be_done) world_.histories().stores.forget(call);
                }});
}

void Client::put_ephemeral() {
    const SessionId id = session_->id;
    // Of this session alone: an earlier one may be alive, and a put of it under way.
    const std::string key = "e/" + std::to_string(id) + "/" + std::to_string(more_.below(3));
    submit({.command = statemachine::PutKey{.key = key,
                                            .value = std::to_string(id),
                                            .content_type = "text/plain",
                                            .session = id},
            .done =
                [this, id, key](const api::Executed& executed) {
                    const bool mine = session_ && session_->id == id;
                    using namespace statemachine;
                    if (std::holds_alternative<SessionNotFound>(executed.outcome)) {
                        if (mine) lose_session(true);
                        return;
                    }
                    expect(std::holds_alternative<KeyPut>(executed.outcome),
                           "an ephemeral put has an outcome of its kind");
                    if (mine) session_->keys.insert(key);
                },
            .gave_up = [](bool) {}});
}

// While the client knows that its session lives, what it put is there.
void Client::look_for_ephemeral() {
    const SessionId id = session_->id;
    const std::string key = *session_->keys.begin();
    read(
        false,
        [this, id, key](const daemon::Core& core) -> Copied {
            const auto found = core.machine().key(key);
            return [this, id, key, found] {
                const bool lives = session_ && session_->id == id &&
                                   world_.schedule().now() < session_->kept_until;
                if (!lives) return;
                expect(found != nullptr && found->session == id,
                       "an ephemeral key stays while its session lives");
                world_.counters().count("ephemeral key seen while its session lives");
            };
        },
        4);
}

}  // namespace gavel::simulation
