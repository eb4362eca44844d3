#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/prng.h"
#include "tests/simulation/histories.h"
#include "tests/simulation/member.h"

namespace gavel::simulation {

class World;

// A client: one request at a time, each through a member of its choice, again through another when
// the outcome is unknown and it has an idempotency key for it. Keeps its session as `gavel lock`
// does: it counts the time to live from when it sent the last keep-alive that was confirmed, and
// believes in its locks for no longer.
class Client {
public:
    Client(World& world, std::uint64_t number);

    void start();
    // Keeps its session alive no longer, as if it had died.
    void vanish() {
        if (session_) session_->keeps_alive = false;
    }
    // Asks for nothing more; what is under way ends.
    void finish();
    bool is_idle() const { return finishing_ && !busy_; }
    // How it holds the lock, as far as the client can know.
    struct Held {
        statemachine::Token token{};
        statemachine::LockMode mode{};
    };
    std::optional<Held> believes_in(const std::string& lock, Time now) const;
    std::uint64_t number() const { return number_; }

private:
    struct Operation {
        statemachine::Command command{};
        std::optional<statemachine::IdempotencyKey> key{};
        std::uint64_t wait_ms{};
        unsigned attempts{};
        bool may_be_done{};  // An attempt of unknown outcome was made.
        std::function<void(const api::Executed&)> done{};
        // It will not be asked again. False: it was never done.
        std::function<void(bool may_be_done)> gave_up{};
    };
    struct Session {
        statemachine::SessionId id{};
        Time kept_until{};
        bool keeps_alive{true};
        std::set<std::string> touched{};  // Locks whose history it is part of.
        std::map<std::string, Held> held{};
        std::set<std::string> unsure{};
        std::set<std::string> keys{};  // Ephemeral ones that it put.
    };
    using Copied = std::function<void()>;

    void think();
    void act();
    void next();

    // Keys.
    void act_on_key();
    void get(const std::string& key);
    void put(const std::string& key);
    void remove(const std::string& key);
    linearizability::Register::Input conditional(linearizability::Register::Input input,
                                                 const std::string& key);
    void finish_key(std::size_t call, const api::Executed& executed);

    // Keys that transactions change together, writes under a lock, ephemeral keys
    // (client_store.cc).
    void act_on_store();
    void transact();
    void read_store();
    void remove_store();
    void put_ephemeral();
    void look_for_ephemeral();
    std::optional<statemachine::Guard> guard();
    void finish_store(std::size_t call, const linearizability::Store::Input& input,
                      const api::Executed& executed);
    // The past. Of keys of its own where it changes any: what a roll back puts is none of the
    // values that a register is told of.
    void act_on_the_past();
    void look_back();
    void change(statemachine::Command command);

    // Sessions.
    void open_session();
    void on_session(statemachine::SessionId id, Time kept_until);
    void keep_alive(statemachine::SessionId id);
    void watch_lease(statemachine::SessionId id);
    void end_session();
    void lose_session(bool told);

    // Locks.
    void act_on_lock();
    void inspect(const std::string& lock);
    struct Asked {
        std::string lock{};
        statemachine::LockMode mode{};
        LockHistories::Call call{};
    };
    std::string some_lock();
    statemachine::LockMode some_mode(const std::string& lock);
    std::int64_t some_wait();
    void acquire(const std::string& lock);
    void acquire_several();
    void acquire(const std::map<std::string, statemachine::LockMode>& locks,
                 statemachine::Command command, std::int64_t wait);
    void on_acquired(statemachine::SessionId session, const std::vector<Asked>& asked,
                     const api::Executed& executed);
    void release(const std::string& lock);
    void on_released(LockHistories::Call call, statemachine::SessionId session,
                     const api::Executed& executed);
    void take_away(const std::string& lock);
    void use_own_session();

    // Requests.
    void submit(Operation operation);
    void attempt(const std::shared_ptr<Operation>& operation);
    void on_result(const std::shared_ptr<Operation>& operation,
                   const std::optional<api::SubmitResult>& result);
    void ask_again(const Operation& operation, const api::Executed& first);
    void send(Member::Ask ask,
              std::function<Copied(const daemon::Core&, const daemon::Turn::Answer&)> copy,
              Copied unknown, Time limit);
    void read(bool stale, std::function<Copied(const daemon::Core&)> copy, unsigned attempts);
    Time random_think();
    std::chrono::milliseconds timeout() const;

    World& world_;
    std::uint64_t number_;
    Prng prng_;
    Prng past_prng_;
    std::uint64_t home_ = 0;  // The member it talks to.
    bool finishing_ = false;
    bool busy_ = false;
    std::uint64_t last_value_ = 0;
    std::uint64_t last_key_ = 0;
    std::uint64_t seen_revision_ = 0;
    std::map<std::string, std::uint64_t> key_revisions_;
    std::optional<Session> session_;
    // Of what was added to a client's ways since seeds were first given names: by numbers of its
    // own, so that they mean much of what they meant.
    Prng more_;
    std::map<std::string, statemachine::Token> old_tokens_;  // The latest that it lost.
    std::vector<std::string> own_locks_{};  // Got by an acquire that made its session.
    statemachine::Token own_token_{};       // Theirs.
};

}  // namespace gavel::simulation
