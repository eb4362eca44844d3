#include "tests/simulation/linearizability.h"

#include <string_view>

#include "base/hash.h"
#include "base/invariant.h"

namespace gavel::linearizability {

namespace {

constexpr std::size_t ring = 0;

constexpr std::uint64_t bit_of(std::size_t operation) {
    return std::uint64_t{1} << (operation % 64);
}

// Whether everything that a number can be, exactly `other` or anything above it, it can be by
// `bound` too.
bool bound_covers(bool exact, std::uint64_t bound, bool other_exact, std::uint64_t other) {
    if (exact) return other_exact && bound == other;
    return other_exact ? other > bound : other >= bound;
}

bool contains(const std::vector<std::uint64_t>& numbers, std::uint64_t wanted) {
    return std::find(numbers.begin(), numbers.end(), wanted) != numbers.end();
}

template <class State>
std::optional<State> when(bool possible, State next) {
    return possible ? std::optional{std::move(next)} : std::nullopt;
}

}  // namespace

std::uint64_t hash_of(const Bits& bits, const Bits& mask, std::uint64_t seed) {
    std::uint64_t hash = seed;
    for (std::size_t i = 0; i < bits.size(); ++i) {
        hash = (hash ^ (bits[i] & mask[i])) * 0x9E3779B97F4A7C15ULL;
        hash ^= hash >> 29;
    }
    return hash;
}

bool equal_within(const Bits& mask, const Bits& left, const Bits& right) {
    for (std::size_t i = 0; i < mask.size(); ++i) {
        if (((left[i] ^ right[i]) & mask[i]) != 0) return false;
    }
    return true;
}

bool is_subset(const Bits& part, const Bits& whole) {
    for (std::size_t i = 0; i < part.size(); ++i) {
        if ((part[i] & ~whole[i]) != 0) return false;
    }
    return true;
}

// Timeline

Timeline::Timeline(const std::vector<Interval>& intervals)
    : intervals_(intervals),
      nodes_{Node{}},
      call_of_(intervals.size()),
      return_of_(intervals.size()),
      unanswered_rank_(intervals.size()),
      placed_((intervals.size() + 63) / 64),
      answered_(placed_.size()) {
    struct Moment {
        std::int64_t at{};
        bool is_return{};
        std::size_t operation{};
        auto operator<=>(const Moment&) const = default;
    };
    std::vector<Moment> moments;
    for (std::size_t i = 0; i < intervals.size(); ++i) {
        const auto [invoked, returned] = intervals[i];
        invariant(invoked <= returned, "no operation is answered before it is called");
        if (returned == never) {
            unanswered_.push_back(i);
        } else {
            moments.push_back({invoked, false, i});
            moments.push_back({returned, true, i});
            answered_[i / 64] |= bit_of(i);
        }
    }
    answered_left_ = moments.size() / 2;

    // Of one instant, calls stand before returns: what may have overlapped did.
    std::sort(moments.begin(), moments.end());
    for (const auto& moment : moments) {
        const std::size_t node = nodes_.size();
        nodes_.push_back({moment.operation, !moment.is_return, node - 1, ring});
        nodes_[node - 1].next = node;
        (moment.is_return ? return_of_ : call_of_)[moment.operation] = node;
    }
    nodes_[ring].previous = nodes_.size() - 1;

    std::stable_sort(unanswered_.begin(), unanswered_.end(), [&](auto left, auto right) {
        return intervals[left].invoked < intervals[right].invoked;
    });
    for (std::size_t i = 0; i < unanswered_.size(); ++i) unanswered_rank_[unanswered_[i]] = i;
}

std::optional<std::size_t> Timeline::candidate_after(std::optional<std::size_t> previous) const {
    if (previous && call_of_[*previous] == 0) {
        return unanswered_from(unanswered_rank_[*previous] + 1);
    }
    const std::size_t next = nodes_[previous ? call_of_[*previous] : ring].next;
    if (next != ring && nodes_[next].is_call) return nodes_[next].operation;
    return unanswered_from(0);
}

std::optional<std::size_t> Timeline::unanswered_from(std::size_t position) const {
    std::size_t first_return = nodes_[ring].next;
    while (first_return != ring && nodes_[first_return].is_call) {
        first_return = nodes_[first_return].next;
    }
    const std::int64_t end =
        first_return == ring ? never : intervals_[nodes_[first_return].operation].returned;

    for (; position < unanswered_.size(); ++position) {
        const std::size_t operation = unanswered_[position];
        if (intervals_[operation].invoked > end) break;
        if (!is_placed(operation)) return operation;
    }
    return std::nullopt;
}

void Timeline::unlink(std::size_t node) {
    nodes_[nodes_[node].previous].next = nodes_[node].next;
    nodes_[nodes_[node].next].previous = nodes_[node].previous;
}

void Timeline::relink(std::size_t node) {
    nodes_[nodes_[node].previous].next = node;
    nodes_[nodes_[node].next].previous = node;
}

void Timeline::place(std::size_t operation) {
    placed_[operation / 64] |= bit_of(operation);
    if (call_of_[operation] == 0) return;
    unlink(call_of_[operation]);
    unlink(return_of_[operation]);
    --answered_left_;
}

void Timeline::unplace(std::size_t operation) {
    placed_[operation / 64] &= ~(bit_of(operation));
    if (call_of_[operation] == 0) return;
    relink(return_of_[operation]);
    relink(call_of_[operation]);
    ++answered_left_;
}

// Register

namespace {

using RegisterInput = Register::Input;
using RegisterOutput = Register::Output;
using RegisterState = Register::State;

bool revision_can_be(const RegisterState& state, std::uint64_t revision) {
    return state.exact ? revision == state.revision : revision > state.revision;
}

bool holds_at(const RegisterInput& input, std::uint64_t revision) {
    switch (input.condition) {
        case RegisterInput::Condition::none:
            return true;
        case RegisterInput::Condition::absent:
            return false;
        case RegisterInput::Condition::present:
            return true;
        case RegisterInput::Condition::matches:
            return contains(input.revisions, revision);
        case RegisterInput::Condition::none_matches:
            return !contains(input.revisions, revision);
    }
    return false;
}

bool holds_when_absent(const RegisterInput& input) {
    return input.condition != RegisterInput::Condition::present &&
           input.condition != RegisterInput::Condition::matches;
}

// Whether the condition can hold in a state whose revision lies below `bound`.
bool can_hold(const RegisterState& state, const RegisterInput& input, std::uint64_t bound) {
    if (!state.exists) return holds_when_absent(input);
    if (state.exact) return holds_at(input, state.revision);
    if (input.condition != RegisterInput::Condition::matches) {
        return input.condition != RegisterInput::Condition::absent;
    }
    return std::any_of(input.revisions.begin(), input.revisions.end(), [&](auto revision) {
        return revision_can_be(state, revision) && revision < bound;
    });
}

// The same state, with its revision known now.
RegisterState seen_at(RegisterState state, std::uint64_t revision) {
    state.revision = revision;
    state.exact = true;
    return state;
}

std::optional<RegisterState> step_refused(const RegisterState& state, const RegisterInput& input,
                                          std::uint64_t present) {
    if (present == 0) return when(!state.exists && !holds_when_absent(input), state);
    const bool possible =
        state.exists && revision_can_be(state, present) && !holds_at(input, present);
    return when(possible, seen_at(state, present));
}

std::optional<RegisterState> step_changed(const RegisterState& state, const RegisterInput& input,
                                          std::uint64_t revision) {
    const bool possible = revision > state.revision && can_hold(state, input, revision);
    const bool puts = input.kind == RegisterInput::Kind::put;
    return when(possible && (puts || state.exists),
                RegisterState{puts, input.value, revision, true});
}

}  // namespace

std::optional<RegisterState> Register::step(const State& state, const Input& input,
                                            const Output& output) const {
    const bool gets = input.kind == Input::Kind::get;
    switch (output.kind) {
        case Output::Kind::found:
            return when(gets && state.exists && state.value == output.value &&
                            revision_can_be(state, output.revision),
                        seen_at(state, output.revision));
        case Output::Kind::absent:
            return when(input.kind != Input::Kind::put && !state.exists, state);
        case Output::Kind::written:
            if (input.kind != Input::Kind::put) return std::nullopt;
            return step_changed(state, input, output.revision);
        case Output::Kind::removed:
            if (input.kind != Input::Kind::remove) return std::nullopt;
            return step_changed(state, input, output.revision);
        case Output::Kind::refused:
            if (gets) return std::nullopt;
            return step_refused(state, input, output.revision);
    }
    return std::nullopt;
}

std::optional<RegisterState> Register::step_unanswered(const State& state,
                                                       const Input& input) const {
    if (input.kind == Input::Kind::get || !can_hold(state, input, never)) return std::nullopt;
    const bool puts = input.kind == Input::Kind::put;
    // Of a key that is not there the revision can only be a bound, so it is exact as such.
    return when(puts || state.exists, State{puts, input.value, state.revision, !puts});
}

bool Register::covers(const State& state, const State& other) const {
    if (state.exists != other.exists || state.value != other.value) return false;
    if (!state.exists) return state.revision <= other.revision;
    return bound_covers(state.exact, state.revision, other.exact, other.revision);
}

bool Register::is_spent(const State& state, const Input& input) const {
    if (input.kind == Input::Kind::get) return true;
    if (input.condition != Input::Condition::matches) return false;
    const bool last_may_match = state.exists && state.exact;
    return std::none_of(input.revisions.begin(), input.revisions.end(), [&](auto revision) {
        return revision > state.revision || (last_may_match && revision == state.revision);
    });
}

std::uint64_t Register::hash(const State& state) const {
    return hash64(state.value, state.exists ? 1 : 0);
}

// Lock

namespace {

using LockInput = Lock::Input;
using LockOutput = Lock::Output;
using LockState = Lock::State;

bool token_can_be(const LockState& state, std::uint64_t token) {
    return state.exact ? token == state.token : token > state.token;
}

LockState held_with(LockState state, std::uint64_t holder, std::uint64_t token) {
    state.holder = holder;
    state.token = token;
    state.exact = true;
    state.delayed = false;
    return state;
}

// Of a free lock the token can only be a bound for the next one, so it is exact as such.
LockState freed(LockState state) {
    state.holder = 0;
    state.exact = true;
    return state;
}

LockState without_session(LockState state, std::uint64_t session) {
    const auto place = std::lower_bound(state.ended.begin(), state.ended.end(), session);
    if (place == state.ended.end() || *place != session) state.ended.insert(place, session);
    return state;
}

LockState after_end(const LockState& state, const LockInput& end) {
    LockState next = without_session(state, end.session);
    if (state.holder != end.session) return next;
    next = freed(std::move(next));
    next.delayed = end.delays;
    return next;
}

std::optional<LockState> step_no_session(const LockState& state, std::uint64_t session) {
    if (session == 0 || session == state.holder) return std::nullopt;
    return without_session(state, session);
}

std::optional<LockState> step_granted(const LockState& state, const LockInput& input,
                                      std::uint64_t token) {
    if (contains(state.ended, input.session)) return std::nullopt;
    const bool again = state.holder == input.session && token_can_be(state, token);
    const bool fresh = state.holder == 0 && token > state.token;
    return when(again || fresh, held_with(state, input.session, token));
}

std::optional<LockState> step_held(const LockState& state, const LockInput& input,
                                   const LockOutput& output) {
    if (contains(state.ended, input.session)) return std::nullopt;
    if (output.session == 0) return when(state.holder == 0 && state.delayed, state);
    if (state.holder != output.session || input.session == output.session) return std::nullopt;
    if (output.token == 0) return state;
    return when(token_can_be(state, output.token), held_with(state, state.holder, output.token));
}

// Whether the release finds the lock held by the session and with the token that it names.
bool can_release(const LockState& state, const LockInput& input) {
    return state.holder != 0 && (input.session == 0 || input.session == state.holder) &&
           (input.token == 0 || token_can_be(state, input.token));
}

LockState after_release(const LockState& state, const LockInput& input) {
    return freed(input.token == 0 ? state : held_with(state, state.holder, input.token));
}

std::optional<LockState> step_release(const LockState& state, const LockInput& input,
                                      const LockOutput& output) {
    const bool gone = contains(state.ended, input.session);
    switch (output.kind) {
        case LockOutput::Kind::released: {
            // Who takes the lock from anybody ends its delay as well.
            const bool of_anybody = input.session == 0 && input.token == 0;
            if (of_anybody && state.holder == 0 && state.delayed) {
                LockState next = state;
                next.delayed = false;
                return next;
            }
            return when(can_release(state, input), after_release(state, input));
        }
        case LockOutput::Kind::left_queue:
            return when(input.session != 0 && input.session != state.holder && !gone, state);
        case LockOutput::Kind::not_holder: {
            const bool unsure = input.token != 0 && !state.exact;
            return when(unsure || !can_release(state, input), state);
        }
        case LockOutput::Kind::no_session:
            return when(gone, state);
        default:
            return std::nullopt;
    }
}

}  // namespace

std::optional<LockState> Lock::step(const State& state, const Input& input,
                                    const Output& output) const {
    if (output.kind == Output::Kind::no_session && input.kind != Input::Kind::inspect) {
        return step_no_session(state, input.session);
    }
    switch (input.kind) {
        case Input::Kind::acquire:
            if (output.kind == Output::Kind::held) return step_held(state, input, output);
            if (output.kind != Output::Kind::granted) return std::nullopt;
            return step_granted(state, input, output.token);
        case Input::Kind::release:
            return step_release(state, input, output);
        case Input::Kind::inspect:
            if (output.kind == Output::Kind::held) return step_held(state, input, output);
            return when(output.kind == Output::Kind::free && state.holder == 0, state);
        case Input::Kind::end: {
            const bool gone = contains(state.ended, input.session);
            return when(output.kind == Output::Kind::ended && !gone, after_end(state, input));
        }
    }
    return std::nullopt;
}

std::optional<LockState> Lock::step_unanswered(const State& state, const Input& input) const {
    switch (input.kind) {
        case Input::Kind::acquire: {
            if (state.holder != 0 || contains(state.ended, input.session)) return std::nullopt;
            State next = held_with(state, input.session, state.token);
            next.exact = false;
            return next;
        }
        case Input::Kind::release:
            return when(can_release(state, input), after_release(state, input));
        case Input::Kind::inspect:
            return std::nullopt;
        // Of one that does not hold the lock nobody can tell.
        case Input::Kind::end:
            return when(state.holder == input.session, after_end(state, input));
    }
    return std::nullopt;
}

bool Lock::covers(const State& state, const State& other) const {
    const bool ended_less = std::includes(other.ended.begin(), other.ended.end(),
                                          state.ended.begin(), state.ended.end());
    if (state.holder != other.holder || state.delayed < other.delayed || !ended_less) return false;
    if (state.holder == 0) return state.token <= other.token;
    return bound_covers(state.exact, state.token, other.exact, other.token);
}

bool Lock::is_spent(const State& state, const Input& input) const {
    if (input.kind == Input::Kind::inspect || contains(state.ended, input.session)) return true;
    return input.kind == Input::Kind::release && input.token != 0 && input.token < state.token;
}

std::uint64_t Lock::hash(const State& state) const { return state.holder; }

}  // namespace gavel::linearizability
