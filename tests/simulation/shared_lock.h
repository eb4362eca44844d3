#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace gavel::linearizability {

// One lock that several may share: readers and writers, or under a limit a semaphore. As of Lock,
// sessions are numbers other than 0, and one that may have lapsed is an unanswered `end`.
class SharedLock {
public:
    struct Input {
        enum class Kind : std::uint8_t { acquire, release, take_away, inspect, end };

        Kind kind{Kind::inspect};
        std::uint64_t session{};
        std::uint64_t token{};  // Of a release; 0: by session alone.
        bool alone{};           // Of an acquire: not shared.
        std::uint64_t limit{};  // Of an acquire: at most so many share it; 0: any number.
        bool delays{};          // Of an end: the lock may stay refused for a while (lock-delay).
        std::string object{};   // The lock's name: only check_by_object looks at it.

        Input of(std::string name) const {
            Input named = *this;
            named.object = std::move(name);
            return named;
        }
        bool operator==(const Input&) const = default;
    };
    struct Output {
        enum class Kind : std::uint8_t {
            granted,     // acquire: the token
            held,        // acquire: by whom, and by how many; session 0: nobody, under lock-delay
            list,        // inspect: who holds it, with which tokens
            released,    // release, take_away
            left_queue,  // release: it only waited
            not_holder,  // release, take_away
            ended,       // end
            no_session   // acquire, release, end: it ended before
        };
        using Holders = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

        Kind kind{Kind::list};
        std::uint64_t session{};
        std::uint64_t token{};
        std::uint64_t count{};  // Holders; 0: not told.
        Holders holders{};      // Session and token.
        bool operator==(const Output&) const = default;
    };
    struct Hold {
        std::uint64_t session{};
        // Of a grant that was not answered only a bound is known: the token is above this one.
        std::uint64_t token{};
        bool exact{true};
        bool alone{};
        bool operator==(const Hold&) const = default;
    };
    struct State {
        std::vector<Hold> holders{};  // By session.
        std::uint64_t token{};        // No later grant has a smaller one.
        bool delayed{};
        std::vector<std::uint64_t> ended{};  // Ascending.
        bool operator==(const State&) const = default;
    };

    static Input acquire(std::uint64_t session, std::uint64_t limit = 0) {
        return {.kind = Input::Kind::acquire, .session = session, .limit = limit};
    }
    static Input acquire_alone(std::uint64_t session) {
        return {.kind = Input::Kind::acquire, .session = session, .alone = true};
    }
    static Input release(std::uint64_t session, std::uint64_t token = 0) {
        return {.kind = Input::Kind::release, .session = session, .token = token};
    }
    static Input take_away() { return {.kind = Input::Kind::take_away}; }
    static Input inspect() { return {}; }
    static Input end(std::uint64_t session, bool delays = false) {
        return {.kind = Input::Kind::end, .session = session, .delays = delays};
    }

    static Output granted(std::uint64_t token) {
        return {.kind = Output::Kind::granted, .token = token};
    }
    static Output held(std::uint64_t by, std::uint64_t token = 0, std::uint64_t count = 0) {
        return {.kind = Output::Kind::held, .session = by, .token = token, .count = count};
    }
    static Output list(Output::Holders holders) {
        return {.kind = Output::Kind::list, .holders = std::move(holders)};
    }
    static Output released() { return {.kind = Output::Kind::released}; }
    static Output left_queue() { return {.kind = Output::Kind::left_queue}; }
    static Output not_holder() { return {.kind = Output::Kind::not_holder}; }
    static Output ended() { return {.kind = Output::Kind::ended}; }
    static Output no_session() { return {.kind = Output::Kind::no_session}; }

    State initial() const { return {}; }
    std::optional<State> step(const State& state, const Input& input, const Output& output) const;
    std::optional<State> step_unanswered(const State& state, const Input& input) const;
    bool covers(const State& state, const State& other) const;
    bool is_spent(const State& state, const Input& input) const;
    std::uint64_t hash(const State& state) const;
};

}  // namespace gavel::linearizability
