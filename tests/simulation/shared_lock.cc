#include "tests/simulation/shared_lock.h"

#include <algorithm>

namespace gavel::linearizability {

namespace {

using Input = SharedLock::Input;
using Output = SharedLock::Output;
using State = SharedLock::State;
using Hold = SharedLock::Hold;

bool has_ended(const State& state, std::uint64_t session) {
    return std::ranges::binary_search(state.ended, session);
}

auto hold_of(const State& state, std::uint64_t session) {
    return std::ranges::find(state.holders, session, &Hold::session);
}
bool holds(const State& state, std::uint64_t session) {
    return session != 0 && hold_of(state, session) != state.holders.end();
}

bool token_can_be(const Hold& hold, std::uint64_t token) {
    return hold.exact ? token == hold.token : token > hold.token;
}

// The same state, with the token of that session known now.
State seen_with(State state, std::uint64_t session, std::uint64_t token) {
    const auto hold = std::ranges::find(state.holders, session, &Hold::session);
    hold->token = token;
    hold->exact = true;
    return state;
}

State with(State state, Hold hold) {
    const auto place = std::ranges::lower_bound(state.holders, hold.session, {}, &Hold::session);
    state.holders.insert(place, hold);
    state.delayed = false;
    return state;
}

State without(State state, std::uint64_t session) {
    std::erase_if(state.holders, [&](const Hold& hold) { return hold.session == session; });
    return state;
}

State without_session(State state, std::uint64_t session) {
    const auto place = std::ranges::lower_bound(state.ended, session);
    if (place == state.ended.end() || *place != session) state.ended.insert(place, session);
    return state;
}

State after_end(const State& state, const Input& end) {
    State next = without_session(without(state, end.session), end.session);
    if (holds(state, end.session)) next.delayed = state.delayed || end.delays;
    return next;
}

bool can_join(const State& state, const Input& input) {
    if (state.holders.empty()) return true;
    const bool shared = !input.alone && !state.holders.front().alone;
    return shared && (input.limit == 0 || state.holders.size() < input.limit);
}

// A grant's token lies above it. Those who are granted a lock together have one token.
std::uint64_t bound_for(const State& state, const Input& input) {
    const bool together = !input.alone && !state.holders.empty() && state.token > 0;
    return together ? state.token - 1 : state.token;
}

std::optional<State> step_granted(const State& state, const Input& input, std::uint64_t token) {
    if (has_ended(state, input.session)) return std::nullopt;
    if (holds(state, input.session)) {
        const Hold& own = *hold_of(state, input.session);
        if (own.alone != input.alone || !token_can_be(own, token)) return std::nullopt;
        return seen_with(state, input.session, token);
    }
    if (!can_join(state, input) || token <= bound_for(state, input)) return std::nullopt;
    State next = with(state, {.session = input.session, .token = token, .alone = input.alone});
    next.token = token;
    return next;
}

std::optional<State> step_held(const State& state, const Input& input, const Output& output) {
    if (has_ended(state, input.session) || holds(state, input.session)) return std::nullopt;
    if (output.session == 0) {
        if (!state.holders.empty() || !state.delayed) return std::nullopt;
        return state;
    }
    if (!holds(state, output.session)) return std::nullopt;
    if (output.count != 0 && output.count != state.holders.size()) return std::nullopt;
    if (output.token == 0) return state;
    if (!token_can_be(*hold_of(state, output.session), output.token)) return std::nullopt;
    return seen_with(state, output.session, output.token);
}

std::optional<State> step_list(const State& state, const Output& output) {
    if (output.holders.size() != state.holders.size()) return std::nullopt;
    State next = state;
    for (const auto& [session, token] : output.holders) {
        if (!holds(next, session) || !token_can_be(*hold_of(next, session), token)) {
            return std::nullopt;
        }
        next = seen_with(std::move(next), session, token);
    }
    return next;
}

bool can_release(const State& state, const Input& input) {
    return holds(state, input.session) &&
           (input.token == 0 || token_can_be(*hold_of(state, input.session), input.token));
}

std::optional<State> step_release(const State& state, const Input& input, const Output& output) {
    const bool gone = has_ended(state, input.session);
    switch (output.kind) {
        case Output::Kind::released:
            if (!can_release(state, input)) return std::nullopt;
            return without(state, input.session);
        case Output::Kind::left_queue:
            if (gone || holds(state, input.session)) return std::nullopt;
            return state;
        case Output::Kind::not_holder: {
            const bool unsure = input.token != 0 && holds(state, input.session) &&
                                !hold_of(state, input.session)->exact;
            if (!unsure && can_release(state, input)) return std::nullopt;
            return state;
        }
        default:
            return std::nullopt;
    }
}

std::optional<State> taken_away(State state) {
    if (state.holders.empty() && !state.delayed) return std::nullopt;
    state.holders.clear();
    state.delayed = false;
    return state;
}

}  // namespace

std::optional<State> SharedLock::step(const State& state, const Input& input,
                                      const Output& output) const {
    if (output.kind == Output::Kind::no_session) {
        const bool possible = input.session != 0 && !holds(state, input.session);
        return possible ? std::optional(without_session(state, input.session)) : std::nullopt;
    }
    switch (input.kind) {
        case Input::Kind::acquire:
            if (output.kind == Output::Kind::held) return step_held(state, input, output);
            if (output.kind != Output::Kind::granted) return std::nullopt;
            return step_granted(state, input, output.token);
        case Input::Kind::release:
            return step_release(state, input, output);
        case Input::Kind::take_away:
            if (output.kind == Output::Kind::released) return taken_away(state);
            if (output.kind != Output::Kind::not_holder || !state.holders.empty()) {
                return std::nullopt;
            }
            return state;
        case Input::Kind::inspect:
            if (output.kind != Output::Kind::list) return std::nullopt;
            return step_list(state, output);
        case Input::Kind::end:
            if (output.kind != Output::Kind::ended || has_ended(state, input.session)) {
                return std::nullopt;
            }
            return after_end(state, input);
    }
    return std::nullopt;
}

std::optional<State> SharedLock::step_unanswered(const State& state, const Input& input) const {
    switch (input.kind) {
        case Input::Kind::acquire:
            if (has_ended(state, input.session) || holds(state, input.session)) break;
            if (!can_join(state, input)) break;
            return with(state, {.session = input.session,
                                .token = bound_for(state, input),
                                .exact = false,
                                .alone = input.alone});
        case Input::Kind::release:
            if (!can_release(state, input)) break;
            return without(state, input.session);
        case Input::Kind::take_away:
            return taken_away(state);
        case Input::Kind::inspect:
            break;
        case Input::Kind::end:
            if (!holds(state, input.session)) break;
            return after_end(state, input);
    }
    return std::nullopt;
}

bool SharedLock::covers(const State& state, const State& other) const {
    const auto wider = [](const Hold& hold, const Hold& than) {
        if (hold.session != than.session || hold.alone != than.alone) return false;
        if (hold.exact) return than.exact && hold.token == than.token;
        return than.exact ? token_can_be(hold, than.token) : hold.token <= than.token;
    };
    return std::ranges::equal(state.holders, other.holders, wider) &&
           state.delayed >= other.delayed && state.token <= other.token &&
           std::ranges::includes(other.ended, state.ended);
}

bool SharedLock::is_spent(const State& state, const Input& input) const {
    return input.kind == Input::Kind::inspect ||
           (input.session != 0 && has_ended(state, input.session));
}

std::uint64_t SharedLock::hash(const State& state) const {
    std::uint64_t hash = state.holders.size();
    for (const Hold& hold : state.holders) hash = hash * 1'000'003 + hold.session;
    return hash;
}

}  // namespace gavel::linearizability
