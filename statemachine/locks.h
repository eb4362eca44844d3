#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "statemachine/claims.h"
#include "statemachine/commands.h"
#include "statemachine/limits.h"
#include "statemachine/machine.h"
#include "statemachine/sessions.h"
#include "statemachine/step.h"

namespace gavel::statemachine {

// The locks: who holds each, who waits in which order, and how it was last released.
//
// A lock is held, or it is under the delay after a lapsed holder, or it is idle: free, with nobody
// waiting, remembered for its last release until newer ones need the room. Nothing else is kept,
// so a free lock never has a queue. All operations take one lock's queue as O(log n), but a place
// is counted from the front.
class Locks {
public:
    Locks(const Limits& limits, const Sessions& sessions) : limits_(limits), sessions_(sessions) {}

    // `idempotency_key` is the command's own, to be settled when the wait ends; may be empty.
    Outcome acquire(Step& step, const AcquireLock& command, std::string_view idempotency_key);
    Outcome release(Step& step, const ReleaseLock& command);
    Outcome leave_queue(Step& step, const LeaveQueue& command);
    void end_delay(Step& step, const EndLockDelay& command);
    // The session is gone: what it held goes on to the next, where it waited others move up.
    // `delay` is how long what it held stays with nobody.
    void end_session(Step& step, SessionId session, ReleaseReason reason, DurationMs delay);

    // Locks and waiters in any order; finish_load() then connects them.
    void load(Ptr<Lock> lock, std::uint64_t hash);
    void load(Ptr<Waiter> waiter);
    // False: they do not fit together.
    [[nodiscard]] bool finish_load();

    Ptr<Lock> find(std::string_view name) const;
    // Whether whoever was granted the lock with this token has it still.
    bool is_live(std::string_view name, Token token) const;
    Token live_token(std::string_view name) const;  // The latest one; 0: nobody has the lock.
    Machine::LockView explain(std::string_view name) const;
    std::size_t queue_length(std::string_view name) const;
    std::uint64_t position(std::string_view name, SessionId session) const;
    std::vector<Ptr<Lock>> list(std::string_view prefix, std::string_view after,
                                std::size_t limit) const;
    std::vector<Ptr<Waiter>> waiters() const;
    std::vector<Ptr<Lock>> delayed() const;
    const Claim& claim_of(SessionId session) const { return claims_.of(session); }
    void append_rows(std::vector<Row>& rows) const;
    void check_invariants() const;

private:
    struct Entry {
        Ptr<Lock> lock{};
        std::uint64_t hash{};
        std::map<Revision, Ptr<Waiter>> queue{};  // By place.
    };
    using Table = std::map<std::string, Entry, std::less<>>;

    static std::uint64_t position_of(const Entry& entry, Revision place);
    static LockHeld refusal(const Entry& entry, std::uint64_t position);

    Outcome take(Step& step, const AcquireLock& command);
    Outcome enqueue(Step& step, Table::iterator at, const AcquireLock& command,
                    std::string_view idempotency_key);
    Outcome ask_again(Step& step, Table::iterator at, Revision place, const AcquireLock& command,
                      std::string_view idempotency_key);

    Token grant(Step& step, Table::iterator at, SessionId session, const std::string& metadata);
    void vacate(Step& step, Table::iterator at, ReleaseReason reason, DurationMs delay);
    void hand_on(Step& step, Table::iterator at);
    Ptr<Waiter> dequeue(Step& step, Table::iterator at, Revision place);
    void give_up_place(Step& step, Table::iterator at, Revision place, const Outcome& outcome);
    void settle(Step& step, Ptr<Waiter> waiter, const Outcome& outcome) const;
    void remember_idle(Step& step, Table::iterator at);
    void store(Step& step, Entry& entry, Lock lock);
    void index(Table::iterator at);

    const Limits& limits_;
    const Sessions& sessions_;
    Table locks_;
    Claims claims_;
    std::size_t held_{};
    std::size_t waiting_{};
    std::set<std::string_view> delayed_;
    std::set<std::pair<Revision, std::string_view>> idle_;  // The oldest release first.
    std::vector<Ptr<Waiter>> loaded_waiters_;
};

}  // namespace gavel::statemachine
