#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/linearizability.h"

namespace gavel::linearizability {

// A few keys that transactions change together: one object, for what is done to one of them may
// depend on the others. Values and versions only, which a transaction decides by itself: so the
// state after one that was never answered is known, too.
class Store {
public:
    struct Compare {
        enum class Kind : std::uint8_t { exists, absent, version, value };
        Kind kind{};
        std::string key{};
        std::uint64_t version{};
        std::string value{};
        bool operator==(const Compare&) const = default;
    };
    struct Operation {
        enum class Kind : std::uint8_t { put, remove, remove_all, get };
        Kind kind{};
        std::string key{};  // Of remove_all: none, since it is all keys.
        std::string value{};
        bool operator==(const Operation&) const = default;
    };
    struct Input {
        std::vector<Compare> compares{};
        std::vector<Operation> then{};
        std::vector<Operation> otherwise{};
        std::string object{};
        bool operator==(const Input&) const = default;
    };
    // What an operation was answered.
    struct Result {
        std::uint64_t number{};  // put: the version; remove: how many; get: 1 when there is a key.
        std::optional<std::string> value{};  // get: as far as it was told.
        bool operator==(const Result&) const = default;
    };
    struct Output {
        bool succeeded{};
        std::vector<Result> results{};
        std::uint64_t revision{};  // 0: not told, by a read.
        bool operator==(const Output&) const = default;
    };
    struct State {
        struct Key {
            std::string value{};
            std::uint64_t version{};
            bool operator==(const Key&) const = default;
        };
        std::map<std::string, Key> keys{};
        std::uint64_t revision{};  // The latest that was told; each one lies above those before it.
        bool operator==(const State&) const = default;
    };

    // All keys as one read sees them.
    static Input read(const std::vector<std::string>& keys);

    State initial() const { return {}; }
    std::optional<State> step(const State& state, const Input& input, const Output& output) const;
    std::optional<State> step_unanswered(const State& state, const Input& input) const;
    bool covers(const State& state, const State& other) const {
        return state.keys == other.keys && state.revision <= other.revision;
    }
    bool is_spent(const State& state, const Input& input) const;
    std::uint64_t hash(const State& state) const;
};

// Who was told a revision was done in the order of revisions: not before anything that was told a
// smaller one was called, not after anything with a larger one was answered. What was told is
// judged alike either way, but the search has far fewer orders to try. Changes nothing where
// revisions contradict time: that is for the search to find.
void narrow(History<Store>& history);

}  // namespace gavel::linearizability
