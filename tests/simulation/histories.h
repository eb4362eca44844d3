#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "statemachine/machine.h"

#include "tests/simulation/linearizability.h"
#include "tests/simulation/reached.h"
#include "tests/simulation/shared_lock.h"
#include "tests/simulation/store.h"
#include "tests/simulation/trace.h"

namespace gavel::simulation {

// A session as its client sees it: kept alive until it ends, never after.
class SessionModel {
public:
    struct Input {
        enum class Kind : std::uint8_t { keep_alive, end };
        Kind kind{Kind::keep_alive};
        std::string object{};
        bool operator==(const Input&) const = default;
    };
    struct Output {
        bool lives{};  // keep_alive: kept; end: it lived until now.
    };
    struct State {
        bool ended{};
        bool operator==(const State&) const = default;
    };

    State initial() const { return {}; }
    std::optional<State> step(const State& state, const Input& input, const Output& output) const {
        if (output.lives == state.ended) return std::nullopt;
        return State{state.ended || input.kind == Input::Kind::end};
    }
    std::optional<State> step_unanswered(const State& state, const Input& input) const {
        return State{state.ended || input.kind == Input::Kind::end};
    }
    std::uint64_t hash(const State& state) const { return state.ended ? 1 : 0; }
};

// What clients asked and were answered, of one kind of object.
template <class M>
class Log {
public:
    using Input = typename M::Input;
    using Output = typename M::Output;

    std::size_t call(std::uint64_t client, Time now, Input input) {
        operations_.push_back(
            {client, static_cast<std::int64_t>(now), linearizability::never, std::move(input), {}});
        forgotten_.push_back(false);
        return operations_.size() - 1;
    }
    void answer(std::size_t call, Time now, Output output) {
        operations_[call].returned = static_cast<std::int64_t>(now);
        operations_[call].output = std::move(output);
    }
    // It was never done, as the client knows.
    void forget(std::size_t call) { forgotten_[call] = true; }

    linearizability::PartitionedReport<std::string> check() const {
        linearizability::History<M> history;
        for (std::size_t i = 0; i < operations_.size(); ++i) {
            if (!forgotten_[i]) history.push_back(operations_[i]);
        }
        if constexpr (requires { narrow(history); }) narrow(history);
        constexpr std::uint64_t steps_max = 200'000;
        return linearizability::check_by_object(M{}, history, steps_max);
    }
    std::size_t size() const { return operations_.size(); }
    const linearizability::History<M>& operations() const { return operations_; }

private:
    linearizability::History<M> operations_;
    std::vector<bool> forgotten_;
};

// What clients asked of locks: those named l… are never shared, and have a model of their own.
class LockHistories {
public:
    struct Call {
        std::size_t index{};
        bool may_be_shared{};
    };

    static bool may_be_shared(const std::string& lock) { return !lock.starts_with('l'); }
    // Those named s… are semaphores.
    static std::uint64_t limit_of(const std::string& lock) { return lock.starts_with('s') ? 2 : 0; }

    Call acquire(std::uint64_t client, Time now, const std::string& lock,
                 statemachine::SessionId session, statemachine::LockMode mode);
    // Session 0: by token alone.
    Call release(std::uint64_t client, Time now, const std::string& lock,
                 statemachine::SessionId session, statemachine::Token token);
    Call take_away(std::uint64_t client, Time now, const std::string& lock);
    Call inspect(std::uint64_t client, Time now, const std::string& lock);
    Call end(std::uint64_t client, Time now, const std::string& lock,
             statemachine::SessionId session, bool delays);

    // By what the command's outcome says of this lock. Forgotten if that is nothing.
    void answer(Call call, Time now, const statemachine::Outcome& outcome);
    void answer_inspection(Call call, Time now,
                           const std::optional<statemachine::Machine::LockView>& lock);
    void answer_end(Call call, Time now, bool ended);
    void forget(Call call);

    void check(Reached& reached) const;

private:
    using Lock = linearizability::Lock;
    using SharedLock = linearizability::SharedLock;

    Call call(std::uint64_t client, Time now, const std::string& lock, const Lock::Input& alone,
              const SharedLock::Input& shared);
    void answer(Call call, Time now, const Lock::Output& alone, const SharedLock::Output& shared);

    Log<Lock> alone_{};
    Log<SharedLock> shared_{};
};

struct Histories {
    Log<linearizability::Register> keys{};
    LockHistories locks{};
    Log<SessionModel> sessions{};
    Log<linearizability::Store> stores{};

    // Throws Failure for an answer that no order of the operations explains.
    void check(Reached& reached) const;
};

}  // namespace gavel::simulation
