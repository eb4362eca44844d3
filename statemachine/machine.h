#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "statemachine/commands.h"
#include "statemachine/limits.h"
#include "statemachine/outcomes.h"
#include "statemachine/past.h"
#include "statemachine/state.h"

namespace gavel::statemachine {

// What executing one slot did.
struct Applied {
    RequestId request{};  // Whose command it was; all zero for a no-op.
    Revision revision{};  // Of the first execution, when this was a repeat.
    bool repeated{};      // Seen before: nothing changed, the outcome is the first one.
    Outcome outcome{};
    std::vector<Event> events{};  // For watchers and for those who wait for a lock.
    std::vector<Row> changed{};   // Each row at most once, with its value after the command.
    // What a transaction's gets found, in order. Null: no such key, or, of a repeat, a value that
    // has been replaced since; the outcome tells which.
    std::vector<Ptr<KeyValue>> got{};
};

// The replicated state: sessions, locks, keys, and what has been seen of requests. A plain data
// structure: equal sequences of entries leave equal states, outcomes and hashes (S27). Pure, owned
// by one thread. docs/architecture.md tells how it is driven; Limits bounds all of it.
class Machine {
public:
    // A fresh state at slot 0, whose first epoch governs from slot 1.
    Machine(Limits limits, std::uint64_t alpha, std::vector<Member> members);
    ~Machine();
    Machine(Machine&&) noexcept;
    Machine& operator=(Machine&&) noexcept;

    // Executes the command in `slot`, which must be applied() + 1.
    Applied apply(Revision slot, const Entry& entry);
    // A no-op: only the applied slot moves.
    void apply_noop(Revision slot);

    // Restores a state from its rows, in any order (sorted by key is fastest), then its globals.
    // False from finish_load: the rows' hash differs from what the globals say, or no commands can
    // have left such epochs.
    void load(Row row);
    [[nodiscard]] bool finish_load(const Globals& globals);

    const Globals& globals() const;
    Revision applied() const { return globals().applied; }
    // Of everything replicated; equal at equal applied slots on all members.
    std::uint64_t hash() const;
    void check_invariants() const;
    const Limits& limits() const;
    // Every row there is, ordered by key: what a snapshot of this state holds. For tests and for
    // comparing; a member's own snapshots are taken from its storage.
    std::vector<Row> rows() const;

    // Views, valid until the next apply(); the Ptrs in them are immutable and may be kept.
    struct LockView {
        std::string name{};
        std::uint64_t limit{};               // Of those who share it; 0: none.
        Ptr<Lock> lock{};                    // Null: nothing is remembered.
        std::vector<Ptr<Holder>> holders{};  // The longest first.
        std::size_t holder_count{};          // Those that are not shown included.
        Token latest_token{};                // Of them; 0: nobody holds it.
        std::vector<Ptr<Waiter>> queue{};    // In order.
        std::size_t queue_length{};
    };
    // How much of a lock a view shows.
    struct LockShown {
        std::size_t holders = SIZE_MAX;
        std::size_t waiters = SIZE_MAX;
    };
    Ptr<Session> session(SessionId id) const;  // Null: it has ended, or never was.
    const std::map<SessionId, Ptr<Session>>& sessions() const;
    // Ended, but something that they held is still to be freed.
    const std::map<SessionId, Ptr<Session>>& ending_sessions() const;
    // Names of locks, at most so many, and how many there are in all.
    std::vector<std::string> held_by(SessionId id, std::size_t most = SIZE_MAX) const;
    std::vector<std::string> waited_for_by(SessionId id, std::size_t most = SIZE_MAX) const;
    std::size_t held_count_of(SessionId id) const;
    std::size_t waited_for_count_of(SessionId id) const;
    std::size_t key_count_of(SessionId id) const;  // Its ephemeral keys.
    // None: never held, or forgotten.
    std::optional<LockView> lock(std::string_view name, LockShown shown) const;
    std::optional<LockView> lock(std::string_view name) const { return lock(name, {}); }
    Ptr<Holder> holder(std::string_view lock, SessionId session) const;  // Null: does not hold it.
    std::size_t queue_length(std::string_view lock) const;
    // One that holds the lock with that token; null: nobody does.
    Ptr<Holder> holder_with(std::string_view lock, Token token) const;
    // By that session; 0: by anybody.
    bool is_live(std::string_view lock, Token token, SessionId session = 0) const;
    // Waiter::place, found without counting; 0: does not wait.
    Revision place(std::string_view name, SessionId session) const;
    // 1 is next; 0: does not wait. Counted from the front of the queue.
    std::uint64_t position(std::string_view name, SessionId session) const;
    // Locks and keys with the prefix, strictly after `after` (when not empty), at most `limit`.
    std::vector<LockView> locks(std::string_view prefix, std::string_view after, std::size_t limit,
                                LockShown shown) const;
    // All, by place, one for each place: for a new leader's timers.
    std::vector<Ptr<Waiter>> waiters() const;
    std::vector<Ptr<Lock>> delayed_locks() const;
    Ptr<KeyValue> key(std::string_view key) const;
    std::vector<Ptr<KeyValue>> keys(std::string_view prefix, std::string_view after,
                                    std::size_t limit) const;
    std::size_t key_count() const;
    std::uint64_t key_bytes() const;
    // What keys were at a revision, which is not above applied(). A list looks at so many names and
    // no more, and may end before `limit` is reached.
    KeyAt key_at(std::string_view key, Revision revision) const;
    KeysAt keys_at(std::string_view prefix, std::string_view after, std::size_t limit,
                   Revision revision) const;
    // Those below `before`.
    KeyChanges key_changes(std::string_view key, Revision before, std::size_t limit) const;
    // What the command would do if it were the next one.
    RollBackPlan plan(const RollBack& command) const;
    std::size_t idempotency_key_count() const;
    std::size_t version_count() const;
    std::uint64_t version_bytes() const;
    // By prefix.
    std::vector<Ptr<Schema>> schemas() const;
    struct QuotaView {
        Ptr<Quota> quota{};  // Null: none was set of everything.
        std::uint64_t bytes{};
        std::uint64_t keys{};
    };
    // That of everything first; then by prefix.
    std::vector<QuotaView> quotas() const;
    // The changes above `since`, oldest first, at most `limit`. Complete only when
    // since >= globals().history_floor; else what is missing has been forgotten.
    std::vector<Ptr<Change>> history(Revision since, std::size_t limit) const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace gavel::statemachine
