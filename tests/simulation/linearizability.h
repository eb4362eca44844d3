#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

// Were the answers that clients saw possible, had one server executed every operation alone, at
// one moment between its call and its answer? The search is that of Wing and Gong ("Testing and
// Verifying Concurrent Objects", 1993) with the memory of Lowe ("Testing for Linearizability",
// 2017): a set of operations already placed is not tried twice with the same state, nor with more
// unanswered operations spent than were needed before.
namespace gavel::linearizability {

// The answer never came: the operation may have taken effect at any time since, or never.
inline constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

// Two operations of one instant count as concurrent: which came first nobody can tell.
template <class Input_, class Output_>
struct Operation {
    using Input = Input_;
    using Output = Output_;

    std::uint64_t client{};
    std::int64_t invoked{};
    std::int64_t returned{never};
    Input input{};
    Output output{};  // Without meaning when `returned` is never.
};

// What one server would do.
//
// `step` gives the state after an operation that was answered with `output`, or nothing when that
// answer is impossible in `state`. `step_unanswered` gives the one state that stands for every
// effect the operation can have had, or nothing when it has none.
//
// Two more may be there to keep the search small, for an unanswered operation doubles what there is
// to try unless its trying can be seen to be of no use. `bool covers(a, b)`: whatever can follow
// state b can follow state a; else they have to be equal. `bool is_spent(state, input)`: in no
// state that can follow has the operation an effect. `hash`: alike for states of which one covers
// the other.
template <class M>
concept Model = requires(const M model, const typename M::State state,
                         const typename M::Input input, const typename M::Output output) {
    { model.initial() } -> std::same_as<typename M::State>;
    { model.step(state, input, output) } -> std::same_as<std::optional<typename M::State>>;
    { model.step_unanswered(state, input) } -> std::same_as<std::optional<typename M::State>>;
    { model.hash(state) } -> std::same_as<std::uint64_t>;
    { state == state } -> std::convertible_to<bool>;
    { input == input } -> std::convertible_to<bool>;
};

template <Model M>
using OperationOf = Operation<typename M::Input, typename M::Output>;
template <Model M>
using History = std::vector<OperationOf<M>>;

enum class Verdict : std::uint8_t { linearizable, broken, undecided };

struct Report {
    Verdict verdict{Verdict::linearizable};
    // Indices into the history. When linearizable, an order that explains every answer; otherwise
    // the longest one found, so that what it leaves out is where to look.
    std::vector<std::size_t> order{};
    std::uint64_t steps{};
};

// Calls of the model for one search before it gives up undecided. Memory grows with it too: the
// search remembers a configuration for at most each of them.
inline constexpr std::uint64_t steps_max_default = 500'000;

using Bits = std::vector<std::uint64_t>;

// The operations that are not placed yet, by time. Knows nothing of what they mean.
class Timeline {
public:
    struct Interval {
        std::int64_t invoked{};
        std::int64_t returned{never};
    };

    explicit Timeline(const std::vector<Interval>& intervals);

    // The operations that may come next are those called before any other has returned: answered
    // ones first, for they must be placed. Gives the one after `previous`, in a fixed order.
    std::optional<std::size_t> candidate_after(std::optional<std::size_t> previous) const;

    void place(std::size_t operation);
    // The reverse of the last place() that has not been undone.
    void unplace(std::size_t operation);

    bool answered_are_placed() const { return answered_left_ == 0; }
    bool is_placed(std::size_t operation) const {
        return ((placed_[operation / 64] >> (operation % 64)) & 1U) != 0;
    }
    // A bit for each operation.
    const Bits& placed() const { return placed_; }
    const Bits& answered() const { return answered_; }
    const std::vector<std::size_t>& unanswered() const { return unanswered_; }

private:
    struct Node {
        std::size_t operation{};
        bool is_call{};
        std::size_t previous{};
        std::size_t next{};
    };

    void unlink(std::size_t node);
    void relink(std::size_t node);
    std::optional<std::size_t> unanswered_from(std::size_t position) const;

    std::vector<Interval> intervals_;
    std::vector<Node> nodes_;           // [0] closes the ring, which is ordered by time.
    std::vector<std::size_t> call_of_;  // By operation: its nodes; 0 when unanswered.
    std::vector<std::size_t> return_of_;
    std::vector<std::size_t> unanswered_;       // Operations, by call.
    std::vector<std::size_t> unanswered_rank_;  // By operation: its place in unanswered_.
    Bits placed_;
    Bits answered_;
    std::size_t answered_left_{};
};

std::uint64_t hash_of(const Bits& bits, const Bits& mask, std::uint64_t seed);
bool equal_within(const Bits& mask, const Bits& left, const Bits& right);
bool is_subset(const Bits& part, const Bits& whole);

// One search over one history. Depth is a vector, not the stack: histories are long.
template <Model M>
class Search {
public:
    Search(const M& model, const History<M>& history, std::uint64_t steps_max)
        : model_(model),
          history_(history),
          steps_max_(steps_max),
          timeline_(intervals_of(history)),
          state_(model.initial()) {
        find_twins();
    }

    Report run() {
        std::optional<std::size_t> previous;
        while (!timeline_.answered_are_placed()) {
            const auto candidate = timeline_.candidate_after(previous);
            if (!candidate) {
                if (path_.empty()) return finish(Verdict::broken);
                previous = go_back();
            } else if (steps_ == steps_max_) {
                return finish(Verdict::undecided);
            } else {
                previous = try_next(*candidate) ? std::nullopt : candidate;
            }
        }
        return finish(Verdict::linearizable);
    }

private:
    using State = typename M::State;

    struct Placed {
        std::size_t operation{};
        State before{};
    };
    struct Configuration {
        Bits placed{};
        State state{};
    };

    static std::vector<Timeline::Interval> intervals_of(const History<M>& history) {
        std::vector<Timeline::Interval> intervals;
        intervals.reserve(history.size());
        for (const auto& operation : history) {
            intervals.push_back({operation.invoked, operation.returned});
        }
        return intervals;
    }

    // Of unanswered operations with the same input, the one called first can do all that the
    // others can: trying them in that order alone spares the search their permutations.
    void find_twins() {
        twin_before_.resize(history_.size());
        std::vector<std::size_t> unanswered;
        for (std::size_t i = 0; i < history_.size(); ++i) {
            if (history_[i].returned == never) unanswered.push_back(i);
        }
        std::stable_sort(unanswered.begin(), unanswered.end(), [this](auto left, auto right) {
            return history_[left].invoked < history_[right].invoked;
        });
        for (auto at = unanswered.begin(); at != unanswered.end(); ++at) {
            const auto twin = std::find_if(
                std::make_reverse_iterator(at), unanswered.rend(),
                [&](std::size_t other) { return history_[other].input == history_[*at].input; });
            if (twin != unanswered.rend()) twin_before_[*at] = *twin;
        }
    }

    std::optional<State> state_after(std::size_t candidate) const {
        const auto& operation = history_[candidate];
        if (operation.returned != never) {
            return model_.step(state_, operation.input, operation.output);
        }
        const auto twin = twin_before_[candidate];
        if (twin && !timeline_.is_placed(*twin)) return std::nullopt;
        auto next = model_.step_unanswered(state_, operation.input);
        // Without effect it need not be placed; later it may yet have one.
        if (next && *next == state_) return std::nullopt;
        return next;
    }

    bool try_next(std::size_t candidate) {
        ++steps_;
        auto next = state_after(candidate);
        if (!next) return false;

        timeline_.place(candidate);
        if (!is_new(*next)) {
            timeline_.unplace(candidate);
            return false;
        }
        path_.push_back({candidate, std::exchange(state_, std::move(*next))});
        return true;
    }

    // Remembers what is placed now with the state that it led to, unless all that can follow could
    // follow a configuration seen before: one with the same answered operations, a state that
    // covers this one, and no unanswered operation gone that could still be of use here.
    bool is_new(const State& state) {
        const Bits& placed = timeline_.placed();
        Bits of_no_use = placed;
        for (const std::size_t i : timeline_.unanswered()) {
            if (is_spent(state, history_[i].input))
                of_no_use[i / 64] |= Bits::value_type{1} << (i % 64);
        }
        auto& seen = seen_[hash_of(placed, timeline_.answered(), model_.hash(state))];
        for (const Configuration& before : seen) {
            if (equal_within(timeline_.answered(), before.placed, placed) &&
                is_subset(before.placed, of_no_use) && covers(before.state, state)) {
                return false;
            }
        }
        seen.push_back({placed, state});
        return true;
    }

    bool covers(const State& state, const State& other) const {
        if constexpr (requires { model_.covers(state, other); }) {
            return model_.covers(state, other);
        } else {
            return state == other;
        }
    }

    bool is_spent(const State& state, const typename M::Input& input) const {
        if constexpr (requires { model_.is_spent(state, input); }) {
            return model_.is_spent(state, input);
        } else {
            return false;
        }
    }

    std::size_t go_back() {
        remember_path();
        Placed last = std::move(path_.back());
        path_.pop_back();
        timeline_.unplace(last.operation);
        state_ = std::move(last.before);
        return last.operation;
    }

    void remember_path() {
        if (path_.size() <= longest_.size()) return;
        longest_.clear();
        for (const auto& placed : path_) longest_.push_back(placed.operation);
    }

    Report finish(Verdict verdict) {
        if (verdict == Verdict::linearizable) longest_.clear();
        remember_path();
        return {verdict, longest_, steps_};
    }

    const M& model_;
    const History<M>& history_;
    std::uint64_t steps_max_;
    Timeline timeline_;
    State state_;
    std::vector<std::optional<std::size_t>> twin_before_;
    std::vector<Placed> path_;
    std::vector<std::size_t> longest_;
    std::unordered_map<std::uint64_t, std::vector<Configuration>> seen_;
    std::uint64_t steps_{};
};

template <Model M>
Report check(const M& model, const History<M>& history,
             std::uint64_t steps_max = steps_max_default) {
    return Search<M>(model, history, steps_max).run();
}

template <class Key>
struct PartitionedReport {
    Verdict verdict{Verdict::linearizable};
    std::optional<Key> key{};          // The first that is broken, else the first undecided.
    std::vector<std::size_t> order{};  // That key's Report::order, in indices of the whole history.
    std::uint64_t steps{};             // Over all keys.
};

// A history of independent objects is linearizable when each object's part is (Herlihy and Wing,
// "Linearizability", 1990, theorem 1), and small parts are searched much faster. An operation on
// several objects has to be in the history once for each. The budget is for one key.
template <Model M, class KeyOf>
auto check_by_key(const M& model, const History<M>& history, KeyOf key_of,
                  std::uint64_t steps_max = steps_max_default) {
    using Key = std::decay_t<std::invoke_result_t<KeyOf, const OperationOf<M>&>>;
    std::map<Key, std::vector<std::size_t>> parts;
    for (std::size_t i = 0; i < history.size(); ++i) parts[key_of(history[i])].push_back(i);

    PartitionedReport<Key> whole;
    for (const auto& [key, indices] : parts) {
        History<M> part;
        for (const std::size_t i : indices) part.push_back(history[i]);
        const Report report = check(model, part, steps_max);
        whole.steps += report.steps;
        const bool worse = report.verdict == Verdict::broken ||
                           (report.verdict == Verdict::undecided && !whole.key.has_value());
        if (!worse) continue;
        whole.verdict = report.verdict;
        whole.key = key;
        whole.order.clear();
        for (const std::size_t i : report.order) whole.order.push_back(indices[i]);
        if (whole.verdict == Verdict::broken) break;
    }
    return whole;
}

// The same, by the name that each operation gives its object: `Register::put("1").of("app/a")`.
template <Model M>
PartitionedReport<std::string> check_by_object(const M& model, const History<M>& history,
                                               std::uint64_t steps_max = steps_max_default) {
    const auto object_of = [](const OperationOf<M>& operation) { return operation.input.object; };
    return check_by_key(model, history, object_of, steps_max);
}

// One config key: its value, changed under compare-and-set over revisions, which only grow.
class Register {
public:
    struct Input {
        enum class Kind : std::uint8_t { get, put, remove };
        // Of a put or remove; revisions are those that the key must be at, or must not.
        enum class Condition : std::uint8_t { none, absent, present, matches, none_matches };

        Kind kind{Kind::get};
        std::string value{};  // Of a put.
        Condition condition{Condition::none};
        std::vector<std::uint64_t> revisions{};
        std::string object{};  // The key's name: only check_by_object looks at it.

        Input of(std::string name) const {
            Input named = *this;
            named.object = std::move(name);
            return named;
        }
        bool operator==(const Input&) const = default;
    };
    struct Output {
        enum class Kind : std::uint8_t {
            found,    // get: the value and the revision that put it
            absent,   // get, remove: there is no such key
            written,  // put: its revision
            removed,  // remove: its revision
            refused   // put, remove: the condition failed at this revision; 0: no such key
        };

        Kind kind{Kind::absent};
        std::string value{};
        std::uint64_t revision{};
        bool operator==(const Output&) const = default;
    };
    struct State {
        bool exists{};
        std::string value{};
        // Of the last change. After a put that was not answered only a bound is known: the
        // revision is above this one, until somebody sees it.
        std::uint64_t revision{};
        bool exact{true};
        bool operator==(const State&) const = default;
    };

    static Input get() { return {}; }
    static Input put(std::string value) { return {Input::Kind::put, std::move(value)}; }
    static Input put_if_absent(std::string value) {
        return {Input::Kind::put, std::move(value), Input::Condition::absent};
    }
    static Input put_if_revision(std::string value, std::uint64_t revision) {
        return {Input::Kind::put, std::move(value), Input::Condition::matches, {revision}};
    }
    static Input remove() { return {Input::Kind::remove}; }
    static Input remove_if_revision(std::uint64_t revision) {
        return {Input::Kind::remove, "", Input::Condition::matches, {revision}};
    }

    static Output found(std::string value, std::uint64_t revision) {
        return {Output::Kind::found, std::move(value), revision};
    }
    static Output absent() { return {Output::Kind::absent}; }
    static Output written(std::uint64_t revision) { return {Output::Kind::written, "", revision}; }
    static Output removed(std::uint64_t revision) { return {Output::Kind::removed, "", revision}; }
    static Output refused(std::uint64_t present) { return {Output::Kind::refused, "", present}; }

    State initial() const { return {}; }
    std::optional<State> step(const State& state, const Input& input, const Output& output) const;
    std::optional<State> step_unanswered(const State& state, const Input& input) const;
    bool covers(const State& state, const State& other) const;
    bool is_spent(const State& state, const Input& input) const;
    std::uint64_t hash(const State& state) const;
};

// One exclusive lock with fencing tokens. Sessions are numbers other than 0. A session that may
// have lapsed is an unanswered `end` from the moment on at which it may. That a session is gone is
// believed whoever is told so, unless it must hold the lock; from then on it is granted nothing.
class Lock {
public:
    struct Input {
        enum class Kind : std::uint8_t { acquire, release, inspect, end };

        Kind kind{Kind::inspect};
        std::uint64_t session{};  // 0 in a release by token alone.
        std::uint64_t token{};    // Of a release; 0: by session alone.
        bool delays{};            // Of an end: the lock may stay refused for a while (lock-delay).
        std::string object{};     // The lock's name: only check_by_object looks at it.

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
            held,        // acquire, inspect: by whom; session 0: nobody, under lock-delay
            free,        // inspect
            released,    // release
            left_queue,  // release: it only waited
            not_holder,  // release
            ended,       // end
            no_session   // acquire, release, end: it ended before
        };

        Kind kind{Kind::free};
        std::uint64_t session{};
        std::uint64_t token{};
        bool operator==(const Output&) const = default;
    };
    struct State {
        std::uint64_t holder{};  // 0: free.
        // Of the last grant. While a grant holds that was not answered only a bound is known.
        std::uint64_t token{};
        bool exact{true};
        bool delayed{};
        std::vector<std::uint64_t> ended{};  // Ascending.
        bool operator==(const State&) const = default;
    };

    static Input acquire(std::uint64_t session) { return {Input::Kind::acquire, session}; }
    static Input release(std::uint64_t session, std::uint64_t token = 0) {
        return {Input::Kind::release, session, token};
    }
    // From whoever holds it.
    static Input take_away() { return {Input::Kind::release}; }
    static Input inspect() { return {}; }
    static Input end(std::uint64_t session, bool delays = false) {
        return {Input::Kind::end, session, 0, delays};
    }

    static Output granted(std::uint64_t token) { return {Output::Kind::granted, 0, token}; }
    // Token 0: it was not told.
    static Output held(std::uint64_t by, std::uint64_t token = 0) {
        return {Output::Kind::held, by, token};
    }
    static Output free() { return {Output::Kind::free}; }
    static Output released() { return {Output::Kind::released}; }
    static Output left_queue() { return {Output::Kind::left_queue}; }
    static Output not_holder() { return {Output::Kind::not_holder}; }
    static Output ended() { return {Output::Kind::ended}; }
    static Output no_session() { return {Output::Kind::no_session}; }

    State initial() const { return {}; }
    std::optional<State> step(const State& state, const Input& input, const Output& output) const;
    std::optional<State> step_unanswered(const State& state, const Input& input) const;
    bool covers(const State& state, const State& other) const;
    bool is_spent(const State& state, const Input& input) const;
    std::uint64_t hash(const State& state) const;
};

}  // namespace gavel::linearizability
