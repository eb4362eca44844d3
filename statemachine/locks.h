#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
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
// A lock has one exclusive holder, or some that share it, at most as many as its limit says; the
// limit is that of whoever shares it or waits to, and goes with the last of them. Its queue is
// served strictly from the front: whoever stands behind somebody that cannot be granted the lock
// yet waits, too, so that readers do not starve a writer. An acquire of several locks stands in the
// queue of each and is granted all of them once it is at the front of each and each would do.
//
// A lock that nobody holds or waits for, and that is not under the delay after a lapsed holder, is
// idle: remembered for its last release until newer ones need the room. All operations take one
// lock's queue as O(log n), but a place is counted from the front.
class Locks {
public:
    Locks(const Limits& limits, Sessions& sessions) : limits_(limits), sessions_(sessions) {}

    // `idempotency_key` is the command's own, to be settled when the wait ends; may be empty.
    Outcome acquire(Step& step, const AcquireLock& command, std::string_view idempotency_key);
    Outcome acquire(Step& step, const AcquireLocks& command, std::string_view idempotency_key);
    Outcome release(Step& step, const ReleaseLock& command);
    Outcome leave_queue(Step& step, const LeaveQueue& command);
    void end_delay(Step& step, const EndLockDelay& command);
    using Names = std::vector<std::string>;
    // The session has ended: it leaves the queues that it stands in, and lets go of what it held,
    // at most so many locks of it; gives how many. `delay` is how long they stay with nobody.
    // Others move up by hand_on() with the names that were added to `touched`.
    void leave_queues(Step& step, SessionId session, Names& touched);
    std::size_t free_held(Step& step, SessionId session, ReleaseReason reason, DurationMs delay,
                          std::size_t most, Names& touched);
    void hand_on(Step& step, Names touched);

    // Locks, holders and waiters in any order; finish_load() then connects them.
    void load(Ptr<Lock> lock, std::uint64_t hash);
    void load(Ptr<Holder> holder, std::uint64_t hash);
    void load(Ptr<Waiter> waiter);
    // False: they do not fit together.
    [[nodiscard]] bool finish_load();

    // Whether that session holds the lock with that token; 0: anybody.
    bool is_live(std::string_view name, Token token, SessionId session) const {
        return session == 0 ? holder_with(name, token) != nullptr
                            : claims_.token(session, name) == token;
    }
    Token live_token(std::string_view name) const;  // The latest one; 0: nobody has the lock.
    Ptr<Holder> holder_with(std::string_view name, Token token) const;
    Ptr<Holder> holder(std::string_view name, SessionId session) const;
    std::optional<Machine::LockView> find(std::string_view name, Machine::LockShown shown) const;
    std::size_t queue_length(std::string_view name) const;
    Revision place(std::string_view name, SessionId session) const {
        return claims_.place(session, name).value_or(0);
    }
    std::uint64_t position(std::string_view name, SessionId session) const;
    std::vector<Machine::LockView> list(std::string_view prefix, std::string_view after,
                                        std::size_t limit, Machine::LockShown shown) const;
    std::vector<Ptr<Waiter>> waiters() const;
    std::vector<Ptr<Lock>> delayed() const;
    const Claim& claim_of(SessionId session) const { return claims_.of(session); }
    void append_rows(std::vector<Row>& rows) const;
    void check_invariants() const;

private:
    using Wanted = AcquireLocks::Wanted;
    struct Held {
        Ptr<Holder> holder{};
        std::uint64_t hash{};
    };
    using Holders = std::map<std::pair<Token, SessionId>, Held>;
    using Queue = std::map<Revision, Ptr<Waiter>>;  // By place.
    struct Entry {
        Ptr<Lock> record{};  // Null: there is nothing to remember.
        std::uint64_t hash{};
        Holders holders{};
        Queue queue{};
        std::size_t sharing{};  // Who share it or wait to.
        std::uint64_t limit{};  // Theirs.
    };
    using Table = std::map<std::string, Entry, std::less<>>;
    struct Asked {  // An acquire.
        SessionId session{};
        std::span<const Wanted> locks{};
        std::string_view metadata{};
        DurationMs wait{};
        DurationMs ttl{};
        std::string_view idempotency_key{};
    };
    struct Letting {  // Why and how a holder lets go.
        ReleaseReason reason{};
        DurationMs delay{};
        std::string_view author{};
        std::string_view comment{};
    };

    // locks.cc
    Outcome acquire(Step& step, const Asked& asked);
    std::optional<Outcome> from_before(Step& step, const Asked& asked);
    Outcome take(Step& step, const Asked& asked);
    Outcome enqueue(Step& step, const Asked& asked, const std::string& blocked);
    Outcome ask_again(Step& step, Revision place, const Asked& asked);
    std::optional<Outcome> no_room_to_wait(const Asked& asked) const;
    SessionId session_of(Step& step, const Asked& asked);
    bool is_delayed(const Entry& entry) const;
    bool fits(const Entry& entry, LockMode mode, std::uint64_t limit) const;
    std::size_t capacity(std::uint64_t limit) const;
    const std::string* blocked(const Asked& asked) const;
    LockHeld refusal(std::string_view name, std::uint64_t position, bool one_of_several) const;
    static std::uint64_t position_of(const Entry& entry, Revision place);
    std::vector<Table::iterator> parts_of(Table::iterator at, Revision place);
    Table::iterator wake(const std::string& name);

    // locks_letting_go.cc
    Outcome break_lock(Step& step, Table::iterator at, const ReleaseLock& command);
    std::optional<Outcome> release_held(Step& step, Table::iterator at, const ReleaseLock& command);
    LockHeld give_up(Step& step, Table::iterator at, Revision place, Names& touched);
    Ptr<Waiter> dequeue(Step& step, Table::iterator at, Revision place, Names& touched);
    void settle(Step& step, Ptr<Waiter> waiter, const Outcome& outcome) const;
    void grant(Step& step, Table::iterator at, Holder holder);
    void vacate(Step& step, Table::iterator at, SessionId session, const Letting& letting);
    bool is_next(Table::iterator at, Revision place);
    void hand_on_to(Step& step, Table::iterator at, Revision place, Names& touched);
    void delay(Step& step, Table::iterator at, DurationMs delay);
    void rest(Step& step, Table::iterator at);
    void store(Step& step, Table::iterator at, Lock lock);

    // locks_deadlock.cc
    class Search;
    std::optional<Deadlock> cycle_closed_by(const Asked& asked) const;
    bool is_waited_for(SessionId session) const;

    // locks_views.cc
    Machine::LockView view(Table::const_iterator at, Machine::LockShown shown) const;
    void check(const std::string& name, const Entry& entry) const;

    const Limits& limits_;
    Sessions& sessions_;
    Table locks_;
    Claims claims_;
    std::map<Revision, std::set<std::string>> several_;  // Acquires of several that wait.
    std::size_t held_{};
    std::size_t waiting_{};
    std::set<std::string_view> delayed_;
    std::set<std::pair<Revision, std::string_view>> idle_;  // The oldest release first.
    std::vector<Ptr<Waiter>> loaded_waiters_;
};

}  // namespace gavel::statemachine
