#include "tests/simulation/store.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/hash.h"

namespace gavel::linearizability {
namespace {

using Keys = std::map<std::string, Store::State::Key>;

bool holds(const Keys& keys, const Store::Compare& compare) {
    using Kind = Store::Compare::Kind;
    const auto at = keys.find(compare.key);
    const bool exists = at != keys.end();
    switch (compare.kind) {
        case Kind::exists:
            return exists;
        case Kind::absent:
            return !exists;
        case Kind::version:
            return (exists ? at->second.version : 0) == compare.version;
        case Kind::value:
            return exists && at->second.value == compare.value;
    }
    return false;
}

// Does it, and says what it is answered.
Store::Result execute(Keys& keys, const Store::Operation& operation) {
    using Kind = Store::Operation::Kind;
    const auto at = keys.find(operation.key);
    switch (operation.kind) {
        case Kind::put: {
            const std::uint64_t version = at == keys.end() ? 1 : at->second.version + 1;
            keys[operation.key] = {operation.value, version};
            return {version, std::nullopt};
        }
        case Kind::remove:
            return {keys.erase(operation.key), std::nullopt};
        case Kind::remove_all: {
            const std::uint64_t count = keys.size();
            keys.clear();
            return {count, std::nullopt};
        }
        case Kind::get:
            if (at == keys.end()) return {0, std::nullopt};
            return {1, at->second.value};
    }
    return {};
}

bool succeeds(const Keys& keys, const Store::Input& input) {
    return std::ranges::all_of(input.compares,
                               [&](const auto& compare) { return holds(keys, compare); });
}

bool changes_anything(const std::vector<Store::Operation>& branch) {
    return std::ranges::any_of(branch, [](const auto& operation) {
        return operation.kind != Store::Operation::Kind::get;
    });
}

}  // namespace

Store::Input Store::read(const std::vector<std::string>& keys) {
    Input input;
    for (const auto& key : keys) input.then.push_back({Operation::Kind::get, key, ""});
    return input;
}

std::optional<Store::State> Store::step(const State& state, const Input& input,
                                        const Output& output) const {
    if (output.succeeded != succeeds(state.keys, input)) return std::nullopt;
    if (output.revision != 0 && output.revision <= state.revision) return std::nullopt;
    const auto& branch = output.succeeded ? input.then : input.otherwise;
    if (branch.size() != output.results.size()) return std::nullopt;
    State next = state;
    if (output.revision != 0) next.revision = output.revision;
    for (std::size_t i = 0; i < branch.size(); ++i) {
        const Result expected = execute(next.keys, branch[i]);
        const Result& told = output.results[i];
        if (told.number != expected.number) return std::nullopt;
        if (told.value && told.value != expected.value) return std::nullopt;
    }
    return next;
}

std::optional<Store::State> Store::step_unanswered(const State& state, const Input& input) const {
    State next = state;
    const auto& branch = succeeds(state.keys, input) ? input.then : input.otherwise;
    for (const auto& operation : branch) execute(next.keys, operation);
    return next;
}

bool Store::is_spent(const State&, const Input& input) const {
    return !changes_anything(input.then) && !changes_anything(input.otherwise);
}

void narrow(History<Store>& history) {
    std::vector<std::size_t> told;
    for (std::size_t i = 0; i < history.size(); ++i) {
        if (history[i].returned != never && history[i].output.revision != 0) told.push_back(i);
    }
    std::ranges::sort(told, {}, [&](std::size_t i) { return history[i].output.revision; });

    History<Store> narrowed = history;
    std::int64_t called = std::numeric_limits<std::int64_t>::min();
    for (const std::size_t i : told) {
        called = std::max(called, history[i].invoked);
        narrowed[i].invoked = called;
    }
    std::int64_t answered = never;
    for (auto i = told.rbegin(); i != told.rend(); ++i) {
        answered = std::min(answered, history[*i].returned);
        narrowed[*i].returned = answered;
    }
    const bool possible = std::ranges::all_of(
        narrowed, [](const auto& operation) { return operation.invoked <= operation.returned; });
    if (possible) history = std::move(narrowed);
}

std::uint64_t Store::hash(const State& state) const {
    std::uint64_t hash = 0;
    for (const auto& [key, at] : state.keys) {
        hash = hash64(at.value, hash64(key, hash + at.version));
    }
    return hash;
}

}  // namespace gavel::linearizability
